{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

opportunities as (
    {{ state_as_of('opportunity', {
        'Name': 'varchar',
        'AccountId': 'varchar',
        'OwnerId': 'varchar',
        'StageName': 'varchar',
        'Amount': 'decimal(18, 4)',
        'Probability': 'double',
        'CloseDate': 'date',
        'Type': 'varchar',
        'NextStep': 'varchar',
        'LeadSource': 'varchar',
        'IsClosed': 'boolean',
        'IsWon': 'boolean',
        'PushCount': 'bigint',
        'ForecastCategory': 'varchar',
        'CurrencyIsoCode': 'varchar',
        'RecordTypeId': 'varchar',
        'LastStageChangeDate': 'timestamptz',
        'CreatedDate': 'timestamptz',
        'LastModifiedDate': 'timestamptz',
        'SystemModstamp': 'timestamptz'
    }, changed_only=true) }}
),

renamed as (
    {{ renamed_stages() }}
),

named as (
    select
        opportunities.*,
        coalesce(renamed.stage_name, opportunities.StageName) as named_stage
    from opportunities
    left join renamed on opportunities.StageName = renamed.former_name
)

select
    record_id as opportunity_id,
    Name as opportunity_name,
    AccountId as account_id,
    OwnerId as owner_id,
    named_stage as stage_name,
    Amount as amount,
    Probability as crm_probability,
    CloseDate as close_date,
    Type as deal_type,
    NextStep as next_step,
    LeadSource as lead_source,
    IsClosed as is_flagged_closed,
    IsWon as is_flagged_won,
    PushCount as push_count,
    ForecastCategory as forecast_category,
    CurrencyIsoCode as currency,
    RecordTypeId as record_type_id,
    LastStageChangeDate as last_stage_change_at,
    CreatedDate as crm_created_at,
    LastModifiedDate as last_modified_at,
    coalesce(SystemModstamp, occurred_at) as system_modified_at,
    is_reconstructed,
    deleted_at,
    event_id as fact_id,
    first_observed_at
from named
