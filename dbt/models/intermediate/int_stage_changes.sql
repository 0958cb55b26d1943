{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

history as (
    select opportunity_id, stage_name, changed_at, landing_sequence
    from {{ ref('stg_opportunity_history') }}
    where true {{ only_changed('opportunity_id') }}
),

field_history as (
    select opportunity_id, old_value, new_value, changed_at, landing_sequence
    from {{ ref('stg_opportunity_field_history') }}
    where field_name = 'StageName' and new_value is not null {{ only_changed('opportunity_id') }}
),

observations as (
    select
        opportunity_id, previous_stage_name, stage_name, changed_after_at, changed_by_at, changed_at, landing_sequence
    from {{ ref('stg_opportunity_stage_observation') }}
    where true {{ only_changed('opportunity_id') }}
),

-- Both histories note a change in the transaction that makes it; a second covers what rounding may part.
only_in_field_history as (
    select
        field_history.opportunity_id,
        field_history.old_value as previous_stage_name,
        field_history.new_value as stage_name,
        field_history.changed_at,
        field_history.landing_sequence
    from field_history
    where not exists (
        select 1
        from history
        where
            history.opportunity_id = field_history.opportunity_id
            and history.stage_name = field_history.new_value
            and history.changed_at >= field_history.changed_at - interval '1 second'
            and history.changed_at <= field_history.changed_at + interval '1 second'
    )
),

recorded as (
    select
        opportunity_id,
        cast(null as varchar) as previous_stage_name,
        stage_name,
        changed_at,
        'opportunity_history' as change_source,
        1 as source_order,
        landing_sequence
    from history
    union all
    select
        opportunity_id,
        previous_stage_name,
        stage_name,
        changed_at,
        'opportunity_field_history' as change_source,
        2 as source_order,
        landing_sequence
    from only_in_field_history
)

select
    recorded.opportunity_id,
    recorded.previous_stage_name,
    recorded.stage_name,
    recorded.changed_at,
    recorded.change_source,
    recorded.source_order,
    recorded.landing_sequence
from recorded
union all
-- What we saw and no history tells between the two looks.
select
    observations.opportunity_id,
    observations.previous_stage_name,
    observations.stage_name,
    observations.changed_at,
    'observed' as change_source,
    3 as source_order,
    observations.landing_sequence
from observations
where not exists (
    select 1
    from recorded
    where
        recorded.opportunity_id = observations.opportunity_id
        and recorded.stage_name = observations.stage_name
        and recorded.changed_at >= observations.changed_after_at
        and recorded.changed_at <= observations.changed_by_at + interval '1 second'
)
