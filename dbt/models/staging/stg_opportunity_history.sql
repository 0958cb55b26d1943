{{ config(materialized='table') }}

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
    }) }}
)

select
    record_id as opportunity_history_id,
    OpportunityId as opportunity_id,
    StageName as stage_name,
    Amount as amount,
    Probability as crm_probability,
    CloseDate as close_date,
    ForecastCategory as forecast_category,
    try_cast(SortOrder as bigint) as stage_sort_order,
    coalesce(CreatedDate, occurred_at) as changed_at,
    sequence as landing_sequence,
    deleted_at,
    event_id as fact_id,
    first_observed_at
from opportunity_histories
