{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select opportunity_id, stage_name, crm_created_at, coalesce(record_type_id, '') as record_type_id
    from {{ ref('stg_opportunity') }}
    where true {{ only_changed('opportunity_id') }}
),

stages as (
    select stage_name, stage_order, is_closed, is_open_and_active
    from {{ ref('int_stages') }}
),

history as (
    select
        opportunity_id,
        previous_stage_name,
        stage_name,
        changed_at,
        change_source,
        row_number() over (
            partition by opportunity_id order by changed_at, source_order, landing_sequence
        ) as history_number
    from {{ ref('int_stage_changes') }}
    where true {{ only_changed('opportunity_id') }}
),

history_bounds as (
    select
        history.opportunity_id,
        min(history.changed_at) as first_history_at,
        max(
            case when history.history_number = 1 then coalesce(history.previous_stage_name, history.stage_name) end
        ) as first_stage_name,
        max(history.changed_at) filter (where history.changed_at < parameters.as_of_end_at) as last_history_at,
        max_by(
            case when history.changed_at < parameters.as_of_end_at then history.stage_name end,
            case when history.changed_at < parameters.as_of_end_at then history.history_number end
        ) as last_stage_name,
        -- What the log saw change later does not make the state it saw before a later one.
        max(history.changed_at) filter (where history.change_source <> 'observed')
        >= max(parameters.as_of_end_at) as has_history_after
    from history
    cross join parameters
    group by history.opportunity_id
),

first_open_stage as (
    select min_by(stage_name, stage_order) as stage_name
    from stages
    where is_open_and_active
),

first_of_process as (
    select record_type_id, min_by(stage_name, stage_order) as stage_name
    from {{ ref('int_record_type_stages') }}
    where is_open_and_active
    group by record_type_id
),

bounded as (
    select
        opportunities.opportunity_id,
        opportunities.record_type_id,
        opportunities.stage_name as crm_stage_name,
        coalesce(
            case
                when history_bounds.first_history_at < opportunities.crm_created_at then history_bounds.first_history_at
            end,
            opportunities.crm_created_at,
            history_bounds.first_history_at
        ) as created_at,
        history_bounds.first_history_at,
        history_bounds.last_history_at,
        history_bounds.last_stage_name as last_history_stage_name,
        coalesce(history_bounds.has_history_after, false) as has_history_after,
        coalesce(history_bounds.first_stage_name, opportunities.stage_name) as earliest_stage_name
    from opportunities
    left join history_bounds on opportunities.opportunity_id = history_bounds.opportunity_id
)

select
    bounded.opportunity_id,
    bounded.crm_stage_name,
    bounded.created_at,
    bounded.first_history_at,
    bounded.last_history_at,
    bounded.last_history_stage_name,
    bounded.has_history_after,
    case
        when stages.is_closed then coalesce(first_of_process.stage_name, first_open_stage.stage_name)
        else bounded.earliest_stage_name
    end as initial_stage_name
from bounded
cross join parameters
cross join first_open_stage
left join stages on bounded.earliest_stage_name = stages.stage_name
left join first_of_process on bounded.record_type_id = first_of_process.record_type_id
where bounded.created_at < parameters.as_of_end_at
