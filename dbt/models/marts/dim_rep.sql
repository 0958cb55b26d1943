with

reps as (
    select
        rep_id, rep_name, team_id, team_name, is_active, language, time_zone, role_name, manager_id, is_placeholder,
        email
    from {{ ref('int_reps') }}
)

select
    rep_id,
    rep_name,
    team_id,
    team_name,
    is_active,
    language,
    time_zone,
    role_name,
    manager_id,
    is_placeholder,
    email
from reps
