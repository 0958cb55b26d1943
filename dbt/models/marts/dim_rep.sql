with

reps as (
    select
        rep_id, rep_name, team_id, team_name, is_active, language, time_zone, role_name, manager_id, manager_name,
        user_created_at, is_placeholder, email
    from {{ ref('int_reps') }}
),

parameters as (
    select time_zone
    from {{ ref('stg_run_parameters') }}
),

activities as (
    select rep_id, min(activity_date) as first_activity_date, max(activity_date) as last_activity_date
    from {{ ref('fct_activity') }}
    where is_done and not is_own_write
    group by rep_id
)

select
    reps.rep_id,
    reps.rep_name,
    reps.team_id,
    reps.team_name,
    reps.is_active,
    reps.language,
    reps.time_zone,
    reps.role_name,
    reps.manager_id,
    reps.manager_name,
    {{ local_date('reps.user_created_at', 'parameters.time_zone') }} as user_created_date,
    activities.first_activity_date,
    activities.last_activity_date,
    reps.is_placeholder,
    reps.email
from reps
cross join parameters
left join activities on reps.rep_id = activities.rep_id
