{{ config(pre_hook="{{ keep_before() }}") }}

with

reps as (
    select rep_id, rep_name, team_id, team_name
    from {{ ref('dim_rep') }}
)

select
    'organization' as scope_kind,
    '' as scope_id,
    'organization' as scope_name
union all
select
    'team' as scope_kind,
    team_id as scope_id,
    coalesce(max(team_name), team_id) as scope_name
from reps
where team_id is not null
group by team_id
union all
select
    'rep' as scope_kind,
    rep_id as scope_id,
    rep_name as scope_name
from reps
