{{ config(
    materialized='incremental',
    incremental_strategy='windows',
    meta={'unit_kind': 'deal'}
) }}

with

parameters as (
    select minimum_at_risk
    from {{ ref('stg_run_parameters') }}
),

incidences as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, horizon_days,
        is_longest, at_risk, units, target_exits, competing_exits, rate_raw, rate_shrunk, still_open, lower_80,
        upper_80, lower_95, upper_95
    from {{ ref('int_incidence') }}
    where unit_kind = 'deal' {{ only_moved_windows('int_incidence') }}
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
    incidences.horizon_days,
    incidences.is_longest as is_longest_won_cycle,
    incidences.at_risk,
    incidences.units as deals,
    incidences.target_exits as won,
    incidences.competing_exits as lost,
    -- A rep's own curve falls apart with few deals: only the shrunk one is published.
    case when incidences.scope_kind <> 'rep' then incidences.rate_raw end as win_incidence,
    incidences.rate_shrunk as win_incidence_shrunk,
    incidences.lower_80,
    incidences.upper_80,
    incidences.lower_95,
    incidences.upper_95,
    incidences.still_open,
    case
        when incidences.scope_kind = 'organization' then incidences.at_risk < parameters.minimum_at_risk
        else incidences.units < parameters.minimum_at_risk
    end
    -- Nobody can have been watched for longer than the window is.
    or incidences.horizon_days >= {{ date_difference('incidences.window_from_date', 'incidences.window_to_date') }}
        as is_too_few
from incidences
cross join parameters
left join scopes on incidences.scope_kind = scopes.scope_kind and incidences.scope_id = scopes.scope_id
