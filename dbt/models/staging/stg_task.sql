with

tasks as (
    {{ state_as_of('task', {
        'OwnerId': 'varchar',
        'WhoId': 'varchar',
        'WhatId': 'varchar',
        'AccountId': 'varchar',
        'Subject': 'varchar',
        'Description': 'varchar',
        'Status': 'varchar',
        'IsClosed': 'boolean',
        'Type': 'varchar',
        'TaskSubtype': 'varchar',
        'CallType': 'varchar',
        'CallDisposition': 'varchar',
        'CallDurationInSeconds': 'bigint',
        'ActivityDate': 'date',
        'CompletedDateTime': 'timestamptz',
        'CreatedDate': 'timestamptz',
        'LastModifiedDate': 'timestamptz',
        'SystemModstamp': 'timestamptz',
        'GyakusanActionKey__c': 'varchar',
        'GyakusanReview__c': 'varchar'
    }, known_when="coalesce(dated.IsClosed, true)", changed_only=true) }}
)

select
    record_id as task_id,
    OwnerId as owner_id,
    WhoId as who_id,
    WhatId as what_id,
    AccountId as account_id,
    Subject as subject,
    -- What an evening review says is its rep's own.
    case when not {{ is_review('GyakusanActionKey__c') }} then Description end as description,
    Status as task_status,
    IsClosed as is_closed,
    Type as task_type,
    TaskSubtype as task_subtype,
    CallType as call_type,
    CallDisposition as call_disposition,
    case when CallDurationInSeconds >= 0 then CallDurationInSeconds end as call_duration_seconds,
    ActivityDate as due_date,
    CompletedDateTime as completed_at,
    coalesce(CreatedDate, occurred_at) as created_at,
    coalesce(SystemModstamp, LastModifiedDate) as system_modified_at,
    -- Where the org lacks our field, our tasks carry a mark in their subject, and that is their key.
    coalesce(
        GyakusanActionKey__c,
        case when Subject like '%[G:__________]%' then substr(Subject, instr(Subject, '[G:'), 14) end
    ) as action_key,
    case when {{ is_review('GyakusanActionKey__c') }} then GyakusanReview__c end as review_reason,
    deleted_at,
    event_id as fact_id,
    first_observed_at,
    first_known_at as first_done_observed_at
from tasks
