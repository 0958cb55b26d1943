{{ config(materialized='incremental', unique_key='opportunity_history_id') }}

with

opportunity_histories as (
    {{ last_state('opportunity_history', {
        'OpportunityId': 'varchar',
        'StageName': 'varchar',
        'Amount': 'decimal(18, 4)',
        'Probability': 'double',
        'CloseDate': 'date',
        'SortOrder': 'varchar',
        'ForecastCategory': 'varchar',
        'CreatedDate': 'timestamptz',
        'CreatedById': 'varchar'
    }, changed_only=true) }}
),

renamed as (
    {{ renamed_stages() }}
),

named as (
    select
        opportunity_histories.*,
        coalesce(renamed.stage_name, opportunity_histories.StageName) as named_stage
    from opportunity_histories
    left join renamed on opportunity_histories.StageName = renamed.former_name
)

select
    record_id as opportunity_history_id,
    OpportunityId as opportunity_id,
    named_stage as stage_name,
    Amount as amount,
    Probability as crm_probability,
    CloseDate as close_date,
    ForecastCategory as forecast_category,
    try_cast(SortOrder as bigint) as stage_sort_order,
    coalesce(CreatedDate, occurred_at) as changed_at,
    CreatedById as changed_by_id,
    sequence as landing_sequence,
    deleted_at,
    event_id as fact_id,
    first_observed_at
from named
