with

parameters as (
    select as_of_date, as_of_end_at, time_zone
    from {{ ref('stg_run_parameters') }}
),

tasks as (
    select
        task_id, owner_id, who_id, what_id, account_id, subject, description, task_status, is_closed, task_type,
        task_subtype, call_type, call_disposition, call_duration_seconds, due_date, completed_at, created_at,
        action_key
    from {{ ref('stg_task') }}
    where deleted_at is null
),

events as (
    select
        event_id, owner_id, who_id, what_id, account_id, subject, description, event_type, event_subtype, starts_at,
        ends_at, event_date, duration_minutes, is_all_day, created_at, action_key
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

task_words as (
    select
        task_id,
        lower(concat_ws(' ', task_subtype, task_type)) as kind_words,
        {{ says_inbound('call_type', 'task_subtype', 'task_type', 'subject') }} as is_inbound,
        {{ says_connected('call_disposition') }} as is_connected,
        coalesce(is_closed, lower(coalesce(task_status, '')) in ('completed', '完了')) as is_closed
    from tasks
),

-- A done task without its time of completion counts from the morning of its date, before what it led to that day.
dated_tasks as (
    select
        tasks.task_id,
        task_words.is_closed,
        coalesce(
            case when task_words.is_closed then tasks.completed_at end,
            {{ local_midnight('tasks.due_date', 'parameters.time_zone') }},
            tasks.created_at
        ) as activity_at
    from tasks
    inner join task_words on tasks.task_id = task_words.task_id
    cross join parameters
),

task_activities as (
    select
        tasks.task_id as activity_id,
        'task' as activity_kind,
        tasks.owner_id as rep_id,
        tasks.who_id,
        tasks.what_id,
        tasks.account_id,
        {{ channel_by_words('task_words.kind_words') }} as channel,
        tasks.subject,
        tasks.description,
        dated_tasks.activity_at,
        dated_tasks.activity_at as ends_at,
        tasks.created_at,
        dated_tasks.is_closed and dated_tasks.activity_at < parameters.as_of_end_at as is_done,
        task_words.is_inbound,
        task_words.is_connected,
        false as is_cancelled,
        false as is_all_day,
        cast(ceil(tasks.call_duration_seconds / 60.0) as integer) as duration_minutes,
        tasks.action_key,
        tasks.call_disposition as result_text
    from tasks
    inner join task_words on tasks.task_id = task_words.task_id
    inner join dated_tasks on tasks.task_id = dated_tasks.task_id
    cross join parameters
    where tasks.created_at < parameters.as_of_end_at
),

event_activities as (
    select
        events.event_id as activity_id,
        'event' as activity_kind,
        events.owner_id as rep_id,
        events.who_id,
        events.what_id,
        events.account_id,
        'meeting' as channel,
        events.subject,
        events.description,
        coalesce(
            events.starts_at,
            {{ local_midnight('events.event_date', 'parameters.time_zone') }},
            events.created_at
        ) as activity_at,
        coalesce(
            events.ends_at,
            events.starts_at + coalesce(events.duration_minutes, 0) * interval '1 minute',
            {{ local_midnight(add_days('events.event_date', 1), 'parameters.time_zone') }},
            events.created_at
        ) as ends_at,
        events.created_at,
        {{ says_inbound('null', 'events.event_subtype', 'events.event_type', 'null') }} as is_inbound,
        {{ says_cancelled('events.subject') }} as is_cancelled,
        events.is_all_day,
        cast(events.duration_minutes as integer) as duration_minutes,
        events.action_key,
        events.event_type as result_text
    from events
    cross join parameters
    where events.created_at < parameters.as_of_end_at
),

activities as (
    select
        activity_id, activity_kind, rep_id, who_id, what_id, account_id, channel, subject, description, activity_at,
        ends_at, created_at, is_done, is_inbound, is_connected, is_cancelled, is_all_day, duration_minutes,
        action_key, result_text
    from task_activities
    union all
    select
        event_activities.activity_id, event_activities.activity_kind, event_activities.rep_id,
        event_activities.who_id, event_activities.what_id, event_activities.account_id, event_activities.channel,
        event_activities.subject, event_activities.description, event_activities.activity_at,
        event_activities.ends_at, event_activities.created_at,
        event_activities.ends_at <= parameters.as_of_end_at and not event_activities.is_cancelled as is_done,
        event_activities.is_inbound, false as is_connected, event_activities.is_cancelled,
        event_activities.is_all_day, event_activities.duration_minutes, event_activities.action_key,
        event_activities.result_text
    from event_activities
    cross join parameters
),

-- A converted lead carries its touches along: its person becomes the contact, its deal the opportunity.
linked as (
    select
        activities.activity_id,
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
    activities.activity_id,
    activities.activity_kind,
    activities.rep_id,
    linked.opportunity_id,
    coalesce(linked.what_account_id, opportunities.account_id, linked.other_account_id) as account_id,
    activities.who_id,
    linked.person_id,
    activities.channel,
    activities.subject,
    activities.description,
    activities.activity_at,
    {{ local_date('activities.activity_at', 'parameters.time_zone') }} as activity_date,
    activities.ends_at,
    activities.created_at,
    activities.is_done,
    (
        activities.activity_kind = 'task' and activities.is_done and not activities.is_inbound
        and activities.channel in ('call', 'email')
    ) as is_touch,
    activities.is_inbound,
    (
        activities.activity_kind = 'event' and not activities.is_all_day and activities.action_key is null
        and (linked.person_id is not null or linked.opportunity_id is not null or linked.what_account_id is not null)
    ) as is_appointment,
    (
        not activities.is_done and not activities.is_cancelled and activities.activity_at >= parameters.as_of_end_at
    ) as is_scheduled,
    activities.is_connected,
    activities.is_cancelled,
    activities.is_all_day,
    activities.duration_minutes,
    activities.action_key is not null as is_own_write,
    activities.action_key,
    activities.result_text
from activities
inner join linked on activities.activity_id = linked.activity_id
left join opportunities on linked.opportunity_id = opportunities.opportunity_id
cross join parameters
