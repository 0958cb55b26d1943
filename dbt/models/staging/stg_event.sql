with

events as (
    {{ state_as_of('event', {
        'OwnerId': 'varchar',
        'WhoId': 'varchar',
        'WhatId': 'varchar',
        'AccountId': 'varchar',
        'Subject': 'varchar',
        'Description': 'varchar',
        'Type': 'varchar',
        'EventSubtype': 'varchar',
        'StartDateTime': 'timestamptz',
        'EndDateTime': 'timestamptz',
        'ActivityDateTime': 'timestamptz',
        'ActivityDate': 'date',
        'DurationInMinutes': 'bigint',
        'IsAllDayEvent': 'boolean',
        'ShowAs': 'varchar',
        'CreatedById': 'varchar',
        'CreatedDate': 'timestamptz',
        'GyakusanActionKey__c': 'varchar'
    }, changed_only=true) }}
)

select
    record_id as event_id,
    OwnerId as owner_id,
    WhoId as who_id,
    WhatId as what_id,
    AccountId as account_id,
    Subject as subject,
    Description as description,
    Type as event_type,
    EventSubtype as event_subtype,
    coalesce(StartDateTime, ActivityDateTime) as starts_at,
    EndDateTime as ends_at,
    ActivityDate as event_date,
    case when DurationInMinutes >= 0 then DurationInMinutes end as duration_minutes,
    coalesce(IsAllDayEvent, false) as is_all_day,
    ShowAs as show_as,
    CreatedById as created_by_id,
    coalesce(CreatedDate, occurred_at) as created_at,
    GyakusanActionKey__c as action_key,
    deleted_at,
    event_id as fact_id,
    first_observed_at
from events
