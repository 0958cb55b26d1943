{{ config(
    materialized='incremental',
    incremental_strategy='windows',
    meta={'unit_kind': 'stage', 'series_column': 'stage_name', 'is_segmented': true}
) }}

with

parameters as (
    select minimum_at_risk
    from {{ ref('stg_run_parameters') }}
),

incidences as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, series_name,
        horizon_days, units, begun_units, won_exits, lost_exits, advanced_exits, moved_back_exits, median_days,
        rate_raw, rate_shrunk, lower_80, upper_80, lower_95, upper_95,
        'all' as segment_kind, 'all' as segment
    from {{ ref('int_incidence') }}
    where unit_kind = 'stage' {{ only_moved_windows('int_incidence') }}
    union all
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, series_name,
        horizon_days, units, begun_units, won_exits, lost_exits, advanced_exits, moved_back_exits, median_days,
        rate_raw, rate_shrunk, lower_80, upper_80, lower_95, upper_95,
        segment_kind, segment
    from {{ ref('int_segment_incidence') }}
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
),

stages as (
    select stage_name, stage_order
    from {{ ref('dim_stage') }}
)

select
    incidences.as_of_date,
    incidences.window_name,
    incidences.window_from_date,
    incidences.window_to_date,
    incidences.scope_kind,
    incidences.scope_id,
    coalesce(scopes.scope_name, nullif(incidences.segment, 'all')) as scope_name,
    incidences.segment_kind,
    incidences.segment,
    incidences.series_name as stage_name,
    stages.stage_order,
    incidences.units as at_risk,
    incidences.begun_units as entered,
    incidences.advanced_exits as advanced,
    incidences.lost_exits as lost,
    incidences.moved_back_exits as moved_back,
    incidences.won_exits as won,
    cast(incidences.horizon_days as integer) as horizon_days,
    incidences.median_days,
    -- A rep's own curve falls apart with few deals.
    case
        when incidences.scope_kind <> 'rep' or incidences.units >= parameters.minimum_at_risk then incidences.rate_raw
    end as rate_raw,
    incidences.rate_shrunk,
    incidences.lower_80,
    incidences.upper_80,
    incidences.lower_95,
    incidences.upper_95,
    incidences.units < parameters.minimum_at_risk as is_too_few
from incidences
cross join parameters
inner join stages on incidences.series_name = stages.stage_name
left join scopes on incidences.scope_kind = scopes.scope_kind and incidences.scope_id = scopes.scope_id
