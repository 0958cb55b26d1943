{{ config(
    materialized='incremental',
    incremental_strategy='windows',
    meta={'unit_kind': 'activity_step', 'series_column': 'step'}
) }}

with

parameters as (
    select minimum_at_risk
    from {{ ref('stg_run_parameters') }}
),

incidences as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, series_name,
        horizon_days, units, begun_units, target_exits, median_days, rate_raw, rate_shrunk, lower_80, upper_80,
        lower_95, upper_95
    from {{ ref('int_incidence') }}
    where unit_kind = 'activity_step' {{ only_moved_windows('int_incidence') }}
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
)

select
    incidences.as_of_date,
    incidences.window_name,
    incidences.window_from_date,
    incidences.window_to_date,
    incidences.scope_kind,
    incidences.scope_id,
    scopes.scope_name,
    incidences.series_name as step,
    incidences.units as at_risk,
    incidences.begun_units as entered,
    incidences.target_exits as converted,
    cast(incidences.horizon_days as integer) as horizon_days,
    incidences.median_days,
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
left join scopes on incidences.scope_kind = scopes.scope_kind and incidences.scope_id = scopes.scope_id
