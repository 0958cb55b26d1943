{{ config(
    materialized='incremental',
    incremental_strategy='windows',
    meta={'unit_kind': 'velocity', 'is_segmented': true}
) }}

with

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

every_scope as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, open_deals,
        zombie_deals, created, won, lost, won_amount, priced_won, calendar_days, average_cycle_days,
        average_lost_cycle_days, win_rate, win_rate_shrunk, win_rate_lower_80, win_rate_upper_80,
        win_rate_lower_95, win_rate_upper_95, win_by_longest_cycle, longest_won_cycle_days,
        rv_realised_lower_95, rv_realised_upper_95,
        'all' as segment_kind, 'all' as segment
    from {{ ref('int_velocity') }}
    where true {{ only_moved_windows('int_velocity') }}
    union all
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, open_deals,
        zombie_deals, created, won, lost, won_amount, priced_won, calendar_days, average_cycle_days,
        average_lost_cycle_days, win_rate, win_rate_shrunk, win_rate_lower_80, win_rate_upper_80,
        win_rate_lower_95, win_rate_upper_95, win_by_longest_cycle, longest_won_cycle_days,
        rv_realised_lower_95, rv_realised_upper_95,
        segment_kind, segment
    from {{ ref('int_segment_velocity') }}
),

figures as (
    select
        as_of_date, window_name, window_from_date, window_to_date, scope_kind, scope_id, segment_kind, segment,
        open_deals, zombie_deals, created, won, lost, won_amount, calendar_days, average_cycle_days,
        average_lost_cycle_days, win_rate, win_rate_shrunk, win_rate_lower_80, win_rate_upper_80,
        win_rate_lower_95, win_rate_upper_95, win_by_longest_cycle, longest_won_cycle_days,
        rv_realised_lower_95, rv_realised_upper_95,
        won_amount / nullif(priced_won, 0) as average_price,
        cast(created as double) / nullif(calendar_days, 0) as created_per_day
    from every_scope
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
)

select
    figures.as_of_date,
    figures.window_name,
    figures.window_from_date,
    figures.window_to_date,
    figures.scope_kind,
    figures.scope_id,
    coalesce(scopes.scope_name, nullif(figures.segment, 'all')) as scope_name,
    figures.segment_kind,
    figures.segment,
    figures.open_deals,
    figures.zombie_deals,
    cast(figures.average_price as decimal(18, 4)) as average_price,
    figures.win_rate,
    figures.win_rate_shrunk,
    figures.win_rate_lower_80,
    figures.win_rate_upper_80,
    figures.win_rate_lower_95,
    figures.win_rate_upper_95,
    figures.average_cycle_days,
    figures.average_lost_cycle_days,
    cast(
        figures.open_deals * figures.average_price * figures.win_rate / nullif(figures.average_cycle_days, 0)
        as decimal(18, 4)
    ) as rv_snapshot,
    cast(
        (figures.open_deals + figures.zombie_deals) * figures.average_price * figures.win_rate
        / nullif(figures.average_cycle_days, 0)
        as decimal(18, 4)
    ) as rv_snapshot_with_zombies,
    figures.created,
    figures.created_per_day,
    figures.win_by_longest_cycle,
    figures.longest_won_cycle_days,
    cast(figures.created_per_day * figures.win_by_longest_cycle * figures.average_price as decimal(18, 4)) as rv_flow,
    cast(figures.won_amount / nullif(figures.calendar_days, 0) as decimal(18, 4)) as rv_realised,
    cast(figures.rv_realised_lower_95 as decimal(18, 4)) as rv_realised_lower_95,
    cast(figures.rv_realised_upper_95 as decimal(18, 4)) as rv_realised_upper_95,
    figures.won,
    figures.lost,
    cast(figures.won_amount as decimal(18, 4)) as won_amount,
    figures.calendar_days,
    parameters.currency
from figures
cross join parameters
left join scopes on figures.scope_kind = scopes.scope_kind and figures.scope_id = scopes.scope_id
