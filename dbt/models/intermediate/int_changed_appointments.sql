with

changed as (
    select record_id
    from {{ ref('int_changed_records') }}
),

activities as (
    select person_id, account_id
    from {{ ref('int_activities') }}
    where activity_id in (select changed.record_id from changed)
),

-- The changed records name who the activities were with before; this is who they are with now.
places as (
    select record_id from changed
    union
    select person_id as record_id from activities
    union
    select account_id as record_id from activities
),

appointments as (
    select appointment_activity_id, person_id, account_id
    from {{ ref('int_appointments') }}
)

select record_id
from changed
union
select appointments.appointment_activity_id as record_id
from appointments
inner join places on appointments.person_id = places.record_id
union
select appointments.appointment_activity_id as record_id
from appointments
inner join places on appointments.account_id = places.record_id
