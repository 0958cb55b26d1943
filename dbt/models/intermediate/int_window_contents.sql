{{ config(pre_hook="{{ keep_before() }}") }}

with

parameters as (
    select as_of_date
    from {{ ref('stg_run_parameters') }}
),

windows as (
    select as_of_date, window_name, window_from_date, window_to_date, is_last_night
    from {{ ref('int_as_of_windows') }}
),

units as (
    select
        units.unit_kind,
        units.series_name,
        units.team_id,
        units.rep_id,
        units.started_date,
        units.last_date,
        -- What is open on as_of_date has not ended; what is open before it went out of sight.
        units.exit_name <> 'open' or units.last_date < parameters.as_of_date as is_over,
        units.units * {{ row_number_of(['units.team_id', 'units.rep_id', 'units.started_date']) }} as begun,
        units.units * {{ row_number_of([
            'units.team_id', 'units.rep_id', 'units.started_date', 'units.last_date', 'units.exit_name'
        ]) }} as ended
    from {{ ref('int_incidence_units') }} as units
    cross join parameters
),

deals as (
    select
        'velocity' as unit_kind,
        'velocity' as series_name,
        team_id,
        rep_id,
        started_date,
        last_date,
        exit_name <> 'open' as is_over,
        units * {{ row_number_of(['team_id', 'rep_id', 'deal_type', 'lead_source', 'started_date']) }} as begun,
        {{ row_number_of([
            'team_id', 'rep_id', 'deal_type', 'lead_source', 'started_date', 'last_date', 'exit_name', 'units',
            'priced_units', 'amount'
        ]) }} as ended
    from {{ ref('int_velocity_deals') }}
),

counted as (
    select unit_kind, series_name, team_id, rep_id, started_date, last_date, is_over, begun, ended from units
    union all
    select unit_kind, series_name, team_id, rep_id, started_date, last_date, is_over, begun, ended from deals
),

people as (
    select
        unit_kind,
        series_name,
        team_id,
        rep_id,
        min(started_date) as first_date,
        count(*) over (partition by unit_kind, series_name, rep_id) as teams_of_rep
    from counted
    group by unit_kind, series_name, team_id, rep_id
),

-- What a figure depends on beside the window's own units: whether there is a team level, and each rep's team.
series as (
    select
        unit_kind,
        series_name,
        min(first_date) as first_date,
        least(count(distinct team_id), 5) as teams,
        sum(case when teams_of_rep > 1 then {{ row_number_of(['team_id', 'rep_id']) }} else 0 end) as moved_reps
    from people
    group by unit_kind, series_name
),

days as (
    select unit_kind, series_name, started_date as date_day, sum(begun) as begun, 0 as ended, 0 as gone
    from counted
    group by unit_kind, series_name, started_date
    union all
    select
        unit_kind, series_name, last_date as date_day, 0 as begun, sum(ended) as ended, sum(begun) as gone
    from counted
    where is_over
    group by unit_kind, series_name, last_date
),

contents as (
    select
        series.unit_kind,
        series.series_name,
        windows.as_of_date,
        windows.window_name,
        windows.window_from_date,
        windows.window_to_date,
        windows.is_last_night,
        -- The change of Revenue Velocity looks at the same window up to a month before, too.
        sum(days.ended) filter (
            where days.date_day > {{ add_days(
                'windows.window_from_date', "case when series.unit_kind = 'velocity' then -31 else 0 end"
            ) }}
        ) as ended,
        sum(days.begun - days.gone) as still_open,
        max(greatest(series.first_date, windows.window_from_date)) as first_date,
        max(series.teams) as teams,
        max(series.moved_reps) as moved_reps
    from windows
    cross join series
    left join days
        on
            series.unit_kind = days.unit_kind
            and series.series_name = days.series_name
            and windows.window_to_date >= days.date_day
    group by
        series.unit_kind, series.series_name, windows.as_of_date, windows.window_name, windows.window_from_date,
        windows.window_to_date, windows.is_last_night
),

described as (
    select
        unit_kind,
        series_name,
        as_of_date,
        window_name,
        window_from_date,
        window_to_date,
        is_last_night,
        md5(concat_ws(
            '|',
            cast(window_from_date as varchar),
            cast(window_to_date as varchar),
            cast(is_last_night as varchar),
            cast(coalesce(ended, 0) as varchar),
            cast(coalesce(still_open, 0) as varchar),
            cast(first_date as varchar),
            cast(teams as varchar),
            cast(moved_reps as varchar)
        )) as content
    from contents
)

select
    described.unit_kind,
    described.series_name,
    described.as_of_date,
    described.window_name,
    described.window_from_date,
    described.window_to_date,
    described.is_last_night,
    described.content,
    {{ is_moved('before') }} as is_moved
from described
{{ contents_before('described', 'before') }}
