with

closed as (
    select rep_id, team_id, status, cast(date_trunc('month', closed_date) as date) as close_month
    from {{ ref('fct_opportunity') }}
    where status in ('won', 'lost')
),

scoped as (
    select 'organization' as scope_kind, '' as scope_id, close_month, status
    from closed
    union all
    select 'team' as scope_kind, team_id as scope_id, close_month, status
    from closed
    where team_id is not null
    union all
    select 'rep' as scope_kind, rep_id as scope_id, close_month, status
    from closed
    where rep_id is not null
),

counted as (
    select
        scope_kind,
        scope_id,
        close_month,
        count(*) filter (where status = 'won') as won,
        count(*) filter (where status = 'lost') as lost
    from scoped
    group by scope_kind, scope_id, close_month
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
)

select
    counted.scope_kind,
    counted.scope_id,
    scopes.scope_name,
    counted.close_month,
    cast(counted.won as bigint) as won,
    cast(counted.lost as bigint) as lost,
    cast(counted.won as double) / (counted.won + counted.lost) as close_month_rate
from counted
left join scopes on counted.scope_kind = scopes.scope_kind and counted.scope_id = scopes.scope_id
