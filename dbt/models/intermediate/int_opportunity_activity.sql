{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

activities as (
    select
        activity_id, opportunity_id, person_id, activity_at, ends_at, is_done, is_touch, is_inbound,
        is_appointment, is_cancelled
    from {{ ref('int_activities') }}
    where opportunity_id is not null {{ only_changed('opportunity_id') }}
),

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

contact_roles as (
    select opportunity_id, contact_id, contact_role, created_at
    from {{ ref('stg_opportunity_contact_role') }}
    where deleted_at is null {{ only_changed('opportunity_id') }}
),

contacts as (
    select contact_id, title
    from {{ ref('stg_contact') }}
),

opportunities as (
    select opportunity_id
    from {{ ref('stg_opportunity') }}
    where true {{ only_changed('opportunity_id') }}
),

dates as (
    select
        opportunity_id,
        min(activity_at) filter (where is_touch) as first_touch_at,
        max(activity_at) filter (where is_touch) as last_touch_at,
        max(activity_at) filter (where is_inbound and is_done) as last_inbound_at,
        max(ends_at) filter (where is_done) as last_activity_at,
        max(ends_at) filter (where is_appointment and is_done) as last_meeting_at,
        min(activity_at) filter (where is_appointment and not is_done and not is_cancelled) as next_meeting_at,
        count(*) filter (where is_appointment and is_done) as meetings_held,
        count(*) filter (where is_touch) as touches
    from activities
    group by opportunity_id
),

people as (
    select contact_roles.opportunity_id, contact_roles.contact_id, contact_roles.contact_role
    from contact_roles
    cross join parameters
    where contact_roles.created_at < parameters.as_of_end_at
    union all
    select opportunity_id, person_id as contact_id, null as contact_role
    from activities
    where person_id like '003%' and is_done
),

described_people as (
    select
        people.opportunity_id,
        count(distinct people.contact_id) as contact_count,
        {{ knows_decision_maker('people.contact_role', 'contacts.title') }} as has_decision_maker
    from people
    left join contacts on people.contact_id = contacts.contact_id
    group by people.opportunity_id
)

select
    opportunities.opportunity_id,
    dates.first_touch_at,
    dates.last_touch_at,
    dates.last_inbound_at,
    dates.last_activity_at,
    dates.last_meeting_at,
    dates.next_meeting_at,
    cast(coalesce(dates.meetings_held, 0) as integer) as meetings_held,
    cast(coalesce(dates.touches, 0) as integer) as touches,
    cast(coalesce(described_people.contact_count, 0) as integer) as contact_count,
    coalesce(described_people.has_decision_maker, false) as has_decision_maker
from opportunities
left join dates on opportunities.opportunity_id = dates.opportunity_id
left join described_people on opportunities.opportunity_id = described_people.opportunity_id
