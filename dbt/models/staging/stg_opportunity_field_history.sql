{{ config(materialized='table') }}

with

opportunity_field_histories as (
    {{ last_state('opportunity_field_history', {
        'OpportunityId': 'varchar',
        'Field': 'varchar',
        'OldValue': 'varchar',
        'NewValue': 'varchar',
        'CreatedDate': 'timestamptz'
    }) }}
)

select
    record_id as opportunity_field_history_id,
    OpportunityId as opportunity_id,
    Field as field_name,
    OldValue as old_value,
    NewValue as new_value,
    coalesce(CreatedDate, occurred_at) as changed_at,
    sequence as landing_sequence,
    event_id as fact_id,
    first_observed_at
from opportunity_field_histories
