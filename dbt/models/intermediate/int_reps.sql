with

users as (
    select
        user_id, user_name, email, is_active, user_role_id, manager_id, language_locale, time_zone, created_at
    from {{ ref('stg_user') }}
),

roles as (
    select user_role_id, role_name
    from {{ ref('stg_user_role') }}
),

parameters as (
    select time_zone
    from {{ ref('stg_run_parameters') }}
),

owners as (
    select owner_id from {{ ref('stg_opportunity') }}
    union
    select owner_id from {{ ref('int_opportunity_owners') }}
    union
    select rep_id as owner_id from {{ ref('int_activities') }}
    union
    select rep_id as owner_id from {{ ref('stg_forecasting_quota') }}
)

select
    owners.owner_id as rep_id,
    coalesce(users.user_name, owners.owner_id) as rep_name,
    users.user_role_id as team_id,
    roles.role_name as team_name,
    coalesce(users.is_active, false) as is_active,
    case when lower(coalesce(users.language_locale, '')) like 'ja%' then 'ja' else 'en' end as language,
    coalesce(users.time_zone, parameters.time_zone) as time_zone,
    roles.role_name,
    users.manager_id,
    managers.user_name as manager_name,
    users.created_at as user_created_at,
    users.user_id is null as is_placeholder,
    users.email
from owners
cross join parameters
left join users on owners.owner_id = users.user_id
left join roles on users.user_role_id = roles.user_role_id
left join users as managers on users.manager_id = managers.user_id
where owners.owner_id is not null
