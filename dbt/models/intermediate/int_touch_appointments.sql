{{ config(
    materialized='incremental',
    unique_key='appointment_activity_id',
    meta={'changed_records': 'int_changed_appointments'}
) }}

with

parameters as (
    select time_zone
    from {{ ref('stg_run_parameters') }}
),

activities as (
    select activity_id, activity_kind, rep_id, account_id, person_id, activity_at, is_touch, is_inbound, is_done
    from {{ ref('int_activities') }}
),

appointments as (
    select
        appointment_activity_id, rep_id, opportunity_id, account_id, person_id, set_at, is_held, is_first_meeting,
        is_set_before_first_meeting
    from {{ ref('int_appointments') }}
    where true {{ only_changed('appointment_activity_id', 'int_changed_appointments') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
),

contacts_made as (
    select
        activity_id,
        account_id,
        person_id,
        activity_at as happened_at,
        is_touch,
        is_inbound,
        false as is_appointment
    from activities
    where activity_kind = 'task' and (is_touch or (is_inbound and is_done))
    union all
    select
        appointment_activity_id as activity_id,
        account_id,
        person_id,
        set_at as happened_at,
        false as is_touch,
        false as is_inbound,
        true as is_appointment
    from appointments
),

-- One timeline per person and one per account that appointments are with, so that the last touch before is a running
-- value, not a join by range. No person has the id of an account.
timelines as (
    select
        'person' as timeline_kind, person_id as timeline_id, activity_id, happened_at, is_touch, is_inbound,
        is_appointment
    from contacts_made
    where person_id in (select appointments.person_id from appointments)
    union all
    select
        'account' as timeline_kind, account_id as timeline_id, activity_id, happened_at, is_touch, is_inbound,
        is_appointment
    from contacts_made
    where account_id in (select appointments.account_id from appointments)
),

running as (
    select
        timeline_kind,
        activity_id,
        happened_at,
        is_appointment,
        {{ last_known('case when is_touch then activity_id end') }} over so_far as touch_activity_id,
        max(case when is_touch then happened_at end) over so_far as touch_at,
        max(case when is_inbound then happened_at end) over so_far as inbound_at
    from timelines
    window so_far as (
        partition by timeline_id
        order by happened_at, is_appointment, activity_id
        rows between unbounded preceding and current row
    )
),

credited as (
    select
        activity_id as appointment_activity_id,
        touch_activity_id,
        touch_at,
        max(inbound_at) over (partition by activity_id) as inbound_at
    from running
    where is_appointment
    qualify row_number() over (
        partition by activity_id order by touch_at is null, touch_at desc, timeline_kind desc
    ) = 1
)

select
    credited.touch_activity_id,
    credited.appointment_activity_id,
    touches.rep_id as touch_rep_id,
    touch_reps.team_id as touch_team_id,
    credited.touch_at,
    {{ local_date('credited.touch_at', 'parameters.time_zone') }} as touch_date,
    appointments.rep_id as appointment_rep_id,
    appointment_reps.team_id as appointment_team_id,
    appointments.set_at,
    {{ local_date('appointments.set_at', 'parameters.time_zone') }} as set_date,
    appointments.opportunity_id,
    appointments.account_id,
    appointments.person_id,
    {{ days_between('credited.touch_at', 'appointments.set_at') }} as days,
    coalesce(credited.inbound_at > credited.touch_at, false) as is_after_inbound,
    appointments.is_held,
    appointments.is_first_meeting,
    appointments.is_set_before_first_meeting
from credited
inner join appointments on credited.appointment_activity_id = appointments.appointment_activity_id
inner join activities as touches on credited.touch_activity_id = touches.activity_id
left join reps as touch_reps on touches.rep_id = touch_reps.rep_id
left join reps as appointment_reps on appointments.rep_id = appointment_reps.rep_id
cross join parameters
where credited.touch_at >= {{ days_before('appointments.set_at', 90) }}
