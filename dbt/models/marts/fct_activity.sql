{{ config(materialized='incremental', unique_key='activity_id') }}

with

activities as (
    select
        activity_id, activity_kind, rep_id, created_by_id, opportunity_id, account_id, who_id, channel, subject,
        description, activity_at, activity_date, created_at, is_done, is_touch, is_inbound, is_appointment,
        is_scheduled, is_connected, is_cancelled, is_all_day, is_out_of_office, duration_minutes, is_own_write,
        action_key, result_text
    from {{ ref('int_activities') }}
    where true {{ only_changed('activity_id') }}
),

appointments as (
    select appointment_activity_id, is_held, is_first_meeting
    from {{ ref('int_appointments') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
)

select
    activities.activity_id,
    activities.activity_kind,
    activities.rep_id,
    activities.created_by_id,
    reps.team_id,
    activities.opportunity_id,
    activities.account_id,
    activities.who_id,
    activities.channel,
    activities.subject,
    activities.description,
    activities.activity_at,
    activities.activity_date,
    activities.created_at,
    activities.is_done,
    activities.is_touch,
    activities.is_inbound,
    activities.is_appointment,
    coalesce(appointments.is_held, false) as is_meeting_held,
    coalesce(appointments.is_first_meeting, false) as is_first_meeting,
    activities.is_scheduled,
    activities.is_connected,
    activities.is_cancelled,
    activities.is_all_day,
    activities.is_out_of_office,
    activities.duration_minutes,
    activities.is_own_write,
    activities.action_key,
    activities.result_text
from activities
left join appointments on activities.activity_id = appointments.appointment_activity_id
left join reps on activities.rep_id = reps.rep_id
