{{ config(
    materialized='incremental',
    incremental_strategy='windows',
    meta={'unit_kind': 'velocity'}
) }}

with

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
),

changes as (
    select
        as_of_date, before_date, comparison, window_name, scope_kind, scope_id, deals_before, deals_after,
        average_price_before, average_price_after, win_rate_before, win_rate_after,
        average_cycle_days_before, average_cycle_days_after, rv_before, rv_after, rv_change,
        contribution_of_mix, contribution_of_deals, contribution_of_average_price, contribution_of_win_rate,
        contribution_of_average_cycle, rv_change_lower_95, rv_change_upper_95
    from {{ ref('int_velocity_change') }}
    where true {{ only_moved_windows('int_velocity_change') }}
)

select
    changes.as_of_date,
    changes.before_date,
    changes.comparison,
    changes.window_name,
    changes.scope_kind,
    changes.scope_id,
    scopes.scope_name,
    cast(changes.deals_before as bigint) as deals_before,
    cast(changes.deals_after as bigint) as deals_after,
    cast(changes.average_price_before as decimal(18, 4)) as average_price_before,
    cast(changes.average_price_after as decimal(18, 4)) as average_price_after,
    changes.win_rate_before,
    changes.win_rate_after,
    changes.average_cycle_days_before,
    changes.average_cycle_days_after,
    cast(changes.rv_before as decimal(18, 4)) as rv_before,
    cast(changes.rv_after as decimal(18, 4)) as rv_after,
    cast(changes.rv_change as decimal(18, 4)) as rv_change,
    cast(changes.contribution_of_mix as decimal(18, 4)) as contribution_of_mix,
    cast(changes.contribution_of_deals as decimal(18, 4)) as contribution_of_deals,
    cast(changes.contribution_of_average_price as decimal(18, 4)) as contribution_of_average_price,
    cast(changes.contribution_of_win_rate as decimal(18, 4)) as contribution_of_win_rate,
    cast(changes.contribution_of_average_cycle as decimal(18, 4)) as contribution_of_average_cycle,
    cast(changes.rv_change_lower_95 as decimal(18, 4)) as rv_change_lower_95,
    cast(changes.rv_change_upper_95 as decimal(18, 4)) as rv_change_upper_95,
    changes.rv_change_lower_95 <= 0 and changes.rv_change_upper_95 >= 0 as is_within_noise,
    parameters.currency
from changes
cross join parameters
left join scopes on changes.scope_kind = scopes.scope_kind and changes.scope_id = scopes.scope_id
