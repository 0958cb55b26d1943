with

spells as (
    select
        stage_name,
        entered_at,
        left_at,
        days
    from {{ ref('fct_stage_spells') }}
),

parameters as (
    select
        as_of_end_at,
        time_zone
    from {{ ref('run_parameters') }}
),

windows as (
    select
        named.window_name,
        {{ local_midnight(add_days("coalesce(named.window_from_date, date '1900-01-01')", 1), 'parameters.time_zone') }}
            as from_at,
        {{ local_midnight(add_days('named.window_to_date', 1), 'parameters.time_zone') }} as to_at
    from {{ ref('stg_run_windows') }} as named
    cross join parameters
),

counted as (
    select
        windows.window_name,
        spells.stage_name,
        count(*) filter (
            where spells.entered_at < windows.from_at and coalesce(spells.left_at >= windows.from_at, true)
        ) as opening,
        count(*) filter (where spells.entered_at >= windows.from_at and spells.entered_at < windows.to_at) as entered,
        count(*) filter (where spells.left_at >= windows.from_at and spells.left_at < windows.to_at) as exited,
        count(*) filter (
            where spells.entered_at < windows.to_at and coalesce(spells.left_at >= windows.to_at, true)
        ) as closing,
        count(*) filter (where spells.days < 0) as negative
    from spells
    cross join windows
    group by windows.window_name, spells.stage_name
)

select
    window_name,
    stage_name,
    opening,
    entered,
    exited,
    closing,
    negative
from counted
where opening + entered <> exited + closing or negative > 0
