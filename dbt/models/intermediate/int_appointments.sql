{{ config(materialized='incremental', unique_key='appointment_activity_id') }}

with

activities as (
    select
        activity_id, rep_id, opportunity_id, account_id, person_id, activity_at, ends_at, created_at, is_done,
        is_cancelled
    from {{ ref('int_activities') }}
    where is_appointment {{ only_changed('activity_id') }}
),

numbered as (
    select
        activity_id,
        rep_id,
        opportunity_id,
        account_id,
        person_id,
        created_at,
        activity_at,
        ends_at,
        is_done,
        is_cancelled,
        row_number() over (
            partition by opportunity_id order by case when is_done then 0 else 1 end, ends_at, activity_id
        ) as place_in_opportunity,
        min(case when is_done then ends_at end) over (partition by opportunity_id) as first_held_at
    from activities
)

select
    activity_id as appointment_activity_id,
    rep_id,
    opportunity_id,
    account_id,
    person_id,
    created_at as set_at,
    activity_at as starts_at,
    ends_at,
    is_done as is_held,
    is_cancelled,
    is_done and opportunity_id is not null and place_in_opportunity = 1 as is_first_meeting,
    opportunity_id is null or first_held_at is null or created_at <= first_held_at as is_set_before_first_meeting
from numbered
