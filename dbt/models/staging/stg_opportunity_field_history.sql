{{ config(materialized='table') }}

with

opportunity_field_histories as (
    {{ last_state('opportunity_field_history', {
        'OpportunityId': 'varchar',
        'Field': 'varchar',
        'OldValue': 'varchar',
        'NewValue': 'varchar',
        'CreatedDate': 'timestamptz',
        'CreatedById': 'varchar'
    }) }}
),

renamed as (
    {{ renamed_stages() }}
),

named as (
    select
        changes.*,
        coalesce(old_names.stage_name, changes.OldValue) as named_old_value,
        coalesce(new_names.stage_name, changes.NewValue) as named_new_value
    from opportunity_field_histories as changes
    left join renamed as old_names on changes.Field = 'StageName' and changes.OldValue = old_names.former_name
    left join renamed as new_names on changes.Field = 'StageName' and changes.NewValue = new_names.former_name
)

select
    record_id as opportunity_field_history_id,
    OpportunityId as opportunity_id,
    Field as field_name,
    named_old_value as old_value,
    named_new_value as new_value,
    coalesce(CreatedDate, occurred_at) as changed_at,
    CreatedById as changed_by_id,
    sequence as landing_sequence,
    event_id as fact_id,
    first_observed_at
from named
