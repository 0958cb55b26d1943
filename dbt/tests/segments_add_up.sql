with

conversions as (
    select
        as_of_date, window_name, stage_name as series, scope_kind, segment_kind, at_risk as seen, entered as begun,
        advanced + won as forward, lost
    from {{ ref('fct_conversion_rolling') }}
    where scope_kind in ('organization', 'segment')
),

velocities as (
    select
        as_of_date, window_name, 'deal' as series, scope_kind, segment_kind, open_deals + zombie_deals as seen,
        created as begun, won as forward, lost
    from {{ ref('fct_revenue_velocity') }}
    where scope_kind in ('organization', 'segment')
),

figures as (
    select as_of_date, window_name, series, scope_kind, segment_kind, seen, begun, forward, lost from conversions
    union all
    select as_of_date, window_name, series, scope_kind, segment_kind, seen, begun, forward, lost from velocities
),

organization as (
    select as_of_date, window_name, series, seen, begun, forward, lost
    from figures
    where scope_kind = 'organization'
),

segments as (
    select
        as_of_date, window_name, series, segment_kind, sum(seen) as seen, sum(begun) as begun,
        sum(forward) as forward, sum(lost) as lost
    from figures
    where scope_kind = 'segment'
    group by as_of_date, window_name, series, segment_kind
)

select segments.as_of_date, segments.window_name, segments.series, segments.segment_kind
from segments
inner join organization
    on
        segments.as_of_date = organization.as_of_date
        and segments.window_name = organization.window_name
        and segments.series = organization.series
where
    segments.seen <> organization.seen
    or segments.begun <> organization.begun
    or segments.forward <> organization.forward
    or segments.lost <> organization.lost
