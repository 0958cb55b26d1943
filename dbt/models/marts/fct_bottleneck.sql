with

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

figures as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, stage_name, at_risk,
        conversion, benchmark_conversion, conversion_lift_per_day, median_days, benchmark_days, time_lift,
        time_lift_per_day, touch_minutes, waiting_days, p_top, is_top, verdict
    from {{ ref('int_bottleneck') }}
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
    figures.as_of_date,
    figures.window_name,
    figures.window_from_date,
    figures.window_to_date,
    figures.scope_kind,
    figures.scope_id,
    scopes.scope_name,
    figures.stage_name,
    stages.stage_order,
    figures.at_risk,
    figures.conversion,
    figures.benchmark_conversion,
    cast(figures.conversion_lift_per_day as decimal(18, 4)) as conversion_lift_per_day,
    figures.median_days,
    figures.benchmark_days,
    cast(figures.time_lift as decimal(18, 4)) as time_lift,
    cast(figures.time_lift_per_day as decimal(18, 4)) as time_lift_per_day,
    figures.touch_minutes,
    figures.waiting_days,
    figures.p_top,
    figures.is_top,
    figures.verdict,
    parameters.currency
from figures
cross join parameters
inner join stages on figures.stage_name = stages.stage_name
left join scopes on figures.scope_kind = scopes.scope_kind and figures.scope_id = scopes.scope_id
