{{ config(materialized='incremental', unique_key='activity_id') }}

with

parameters as (
    select as_of_date, as_of_end_at, time_zone
    from {{ ref('stg_run_parameters') }}
),

tasks as (
    select
        task_id, owner_id, who_id, what_id, account_id, subject, description, call_disposition,
        call_duration_seconds, due_date, completed_at, created_at, system_modified_at, action_key, fact_id,
        first_observed_at, first_done_observed_at,
        lower(concat_ws(' ', task_subtype, task_type)) as kind_words,
        {{ says_inbound('call_type', 'task_subtype', 'task_type', 'subject') }} as is_inbound,
        {{ says_connected('call_disposition') }} as is_connected,
        coalesce(is_closed, lower(coalesce(task_status, '')) in ('completed', '完了')) as is_closed
    from {{ ref('stg_task') }}
    where deleted_at is null
),

events as (
    select
        event_id, owner_id, who_id, what_id, account_id, subject, description, event_type, event_subtype, starts_at,
        ends_at, event_date, duration_minutes, is_all_day, show_as, created_by_id, created_at, action_key, fact_id,
        first_observed_at
    from {{ ref('stg_event') }}
    where deleted_at is null
),

opportunities as (
    select opportunity_id, account_id
    from {{ ref('stg_opportunity') }}
),

contacts as (
    select contact_id, account_id
    from {{ ref('stg_contact') }}
),

leads as (
    select lead_id, converted_account_id, converted_contact_id, converted_opportunity_id
    from {{ ref('stg_lead') }}
),

-- A done task without its time of completion counts from the morning of its date, before what it led to that day; one
-- done before its date, by when it was last changed.
dated_tasks as (
    select
        tasks.task_id, tasks.owner_id, tasks.who_id, tasks.what_id, tasks.account_id, tasks.subject,
        tasks.description, tasks.call_disposition, tasks.call_duration_seconds, tasks.created_at,
        tasks.action_key, tasks.fact_id, tasks.first_observed_at, tasks.first_done_observed_at,
        tasks.kind_words, tasks.is_inbound, tasks.is_connected, tasks.is_closed,
        coalesce(
            case when tasks.is_closed then tasks.completed_at end,
            least(
                {{ local_midnight('tasks.due_date', 'parameters.time_zone') }},
                case when tasks.is_closed and tasks.due_date is not null then tasks.system_modified_at end
            ),
            tasks.created_at
        ) as activity_at
    from tasks
    cross join parameters
),

task_activities as (
    select
        tasks.task_id as activity_id,
        'task' as activity_kind,
        tasks.owner_id as rep_id,
        cast(null as varchar) as created_by_id,
        tasks.who_id,
        tasks.what_id,
        tasks.account_id,
        {{ channel_by_words('tasks.kind_words') }} as channel,
        tasks.subject,
        tasks.description,
        tasks.activity_at,
        tasks.activity_at as ends_at,
        tasks.created_at,
        tasks.is_closed and tasks.activity_at < parameters.as_of_end_at as is_done,
        tasks.is_inbound,
        tasks.is_connected,
        false as is_cancelled,
        false as is_all_day,
        false as is_out_of_office,
        cast(ceil(tasks.call_duration_seconds / 60.0) as integer) as duration_minutes,
        tasks.action_key,
        tasks.call_disposition as result_text,
        tasks.fact_id,
        tasks.first_observed_at,
        tasks.first_done_observed_at
    from dated_tasks as tasks
    cross join parameters
    where tasks.created_at < parameters.as_of_end_at
),

-- An all-day event is a date, not an instant: Salesforce gives it as midnight UTC, which west of it is the day before.
dated_events as (
    select
        events.event_id,
        {{ local_midnight('events.all_day_date', 'parameters.time_zone') }} as all_day_starts_at,
        {{ local_midnight(add_days('events.all_day_date', 'events.all_days'), 'parameters.time_zone') }}
            as all_day_ends_at
    from (
        select
            event_id,
            coalesce(event_date, {{ local_date('starts_at', "'UTC'") }}) as all_day_date,
            greatest(1, coalesce(
                ceil(duration_minutes / 1440.0),
                {{ date_difference(local_date('starts_at', "'UTC'"), local_date('ends_at', "'UTC'")) }} + 1
            )) as all_days
        from events
        where is_all_day
    ) as events
    cross join parameters
),

event_activities as (
    select
        events.event_id as activity_id,
        'event' as activity_kind,
        events.owner_id as rep_id,
        events.created_by_id,
        events.who_id,
        events.what_id,
        events.account_id,
        'meeting' as channel,
        events.subject,
        events.description,
        coalesce(
            dated_events.all_day_starts_at,
            events.starts_at,
            {{ local_midnight('events.event_date', 'parameters.time_zone') }},
            events.created_at
        ) as activity_at,
        coalesce(
            dated_events.all_day_ends_at,
            events.ends_at,
            events.starts_at + coalesce(events.duration_minutes, 0) * interval '1 minute',
            {{ local_midnight(add_days('events.event_date', 1), 'parameters.time_zone') }},
            events.created_at
        ) as ends_at,
        events.created_at,
        {{ says_inbound('null', 'events.event_subtype', 'events.event_type', 'null') }} as is_inbound,
        {{ says_cancelled('events.subject') }} as is_cancelled,
        events.is_all_day,
        coalesce(events.show_as = 'OutOfOffice', false) as is_out_of_office,
        cast(events.duration_minutes as integer) as duration_minutes,
        events.action_key,
        events.event_type as result_text,
        events.fact_id,
        events.first_observed_at
    from events
    cross join parameters
    left join dated_events on events.event_id = dated_events.event_id
    where events.created_at < parameters.as_of_end_at
),

activities as (
    select
        activity_id, activity_kind, rep_id, created_by_id, who_id, what_id, account_id, channel, subject, description,
        activity_at, ends_at, created_at, is_done, is_inbound, is_connected, is_cancelled, is_all_day, is_out_of_office,
        duration_minutes, action_key, result_text, fact_id, first_observed_at, first_done_observed_at
    from task_activities
    union all
    select
        event_activities.activity_id, event_activities.activity_kind, event_activities.rep_id,
        event_activities.created_by_id, event_activities.who_id, event_activities.what_id,
        event_activities.account_id, event_activities.channel, event_activities.subject,
        event_activities.description, event_activities.activity_at, event_activities.ends_at,
        event_activities.created_at,
        event_activities.ends_at <= parameters.as_of_end_at and not event_activities.is_cancelled as is_done,
        event_activities.is_inbound, false as is_connected, event_activities.is_cancelled,
        event_activities.is_all_day, event_activities.is_out_of_office, event_activities.duration_minutes,
        event_activities.action_key,
        event_activities.result_text, event_activities.fact_id, event_activities.first_observed_at,
        -- Known before it is over, a meeting is held when it ends.
        greatest(event_activities.first_observed_at, event_activities.ends_at) as first_done_observed_at
    from event_activities
    cross join parameters
),

-- A converted lead carries its touches along: its person becomes the contact, its deal the opportunity.
linked as (
    select
        activities.activity_id, activities.activity_kind, activities.rep_id, activities.created_by_id,
        activities.who_id, activities.channel, activities.subject, activities.description,
        activities.activity_at, activities.ends_at, activities.created_at,
        activities.is_done, activities.is_inbound, activities.is_connected, activities.is_cancelled,
        activities.is_all_day, activities.is_out_of_office, activities.duration_minutes, activities.action_key,
        activities.result_text,
        activities.fact_id, activities.first_observed_at, activities.first_done_observed_at,
        coalesce(leads.converted_contact_id, activities.who_id) as person_id,
        coalesce(
            case when activities.what_id like '006%' then activities.what_id end,
            leads.converted_opportunity_id
        ) as opportunity_id,
        case when activities.what_id like '001%' then activities.what_id end as what_account_id,
        coalesce(contacts.account_id, leads.converted_account_id, activities.account_id) as other_account_id
    from activities
    left join leads on activities.who_id = leads.lead_id
    left join contacts on activities.who_id = contacts.contact_id
)

select
    linked.activity_id,
    linked.activity_kind,
    linked.rep_id,
    linked.created_by_id,
    linked.opportunity_id,
    coalesce(linked.what_account_id, opportunities.account_id, linked.other_account_id) as account_id,
    linked.who_id,
    linked.person_id,
    linked.channel,
    linked.subject,
    linked.description,
    linked.activity_at,
    {{ local_date('linked.activity_at', 'parameters.time_zone') }} as activity_date,
    linked.ends_at,
    linked.created_at,
    linked.is_done,
    (
        linked.activity_kind = 'task' and linked.is_done and not linked.is_inbound
        and linked.channel in ('call', 'email')
    ) as is_touch,
    linked.is_inbound,
    (
        linked.activity_kind = 'event' and not linked.is_all_day and linked.action_key is null
        and (linked.person_id is not null or linked.opportunity_id is not null or linked.what_account_id is not null)
    ) as is_appointment,
    (
        not linked.is_done and not linked.is_cancelled and linked.activity_at >= parameters.as_of_end_at
    ) as is_scheduled,
    linked.is_connected,
    linked.is_cancelled,
    linked.is_all_day,
    linked.is_out_of_office,
    linked.duration_minutes,
    linked.action_key is not null as is_own_write,
    linked.action_key,
    linked.result_text,
    linked.fact_id,
    linked.first_observed_at,
    linked.first_done_observed_at
from linked
left join opportunities on linked.opportunity_id = opportunities.opportunity_id
cross join parameters
where true {{ only_changed('linked.activity_id') }}
