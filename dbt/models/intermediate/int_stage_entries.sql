{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

parameters as (
    select as_of_date, as_of_end_at, time_zone
    from {{ ref('stg_run_parameters') }}
),

bounds as (
    select
        opportunity_id, crm_stage_name, created_at, first_history_at, last_history_at, last_history_stage_name,
        has_history_after, initial_stage_name
    from {{ ref('int_opportunity_bounds') }}
    where true {{ only_changed('opportunity_id') }}
),

opportunities as (
    select opportunity_id, close_date, last_stage_change_at, last_modified_at, system_modified_at, is_reconstructed
    from {{ ref('stg_opportunity') }}
),

history as (
    select opportunity_id, stage_name, changed_at, change_source, source_order, landing_sequence
    from {{ ref('int_stage_changes') }}
    where true {{ only_changed('opportunity_id') }}
),

stages as (
    select stage_name, is_closed
    from {{ ref('int_stages') }}
),

-- The stay before the first history row: without it there would be a hole between creation and that row.
initial_entries as (
    select
        opportunity_id,
        initial_stage_name as stage_name,
        created_at as entered_at,
        'record' as entry_source,
        0 as source_order,
        0 as landing_sequence
    from bounds
    where first_history_at is null or first_history_at > created_at
),

history_entries as (
    select
        history.opportunity_id,
        history.stage_name,
        history.changed_at as entered_at,
        history.change_source as entry_source,
        history.source_order,
        history.landing_sequence
    from history
    inner join bounds on history.opportunity_id = bounds.opportunity_id
    cross join parameters
    where history.changed_at < parameters.as_of_end_at
),

-- The current stage, where history does not lead to it and no later history row explains it.
unexplained as (
    select
        bounds.opportunity_id,
        bounds.crm_stage_name as stage_name,
        coalesce(bounds.last_history_at, bounds.created_at) as last_known_at,
        stages.is_closed,
        opportunities.close_date,
        opportunities.last_stage_change_at,
        opportunities.last_modified_at,
        opportunities.system_modified_at,
        opportunities.is_reconstructed
    from bounds
    inner join opportunities on bounds.opportunity_id = opportunities.opportunity_id
    inner join stages on bounds.crm_stage_name = stages.stage_name
    where
        not bounds.has_history_after
        and bounds.crm_stage_name is distinct from coalesce(bounds.last_history_stage_name, bounds.initial_stage_name)
),

current_entries as (
    select
        unexplained.opportunity_id,
        unexplained.stage_name,
        coalesce(
            case
                when
                    unexplained.last_stage_change_at > unexplained.last_known_at
                    and unexplained.last_stage_change_at < parameters.as_of_end_at
                    then unexplained.last_stage_change_at
            end,
            case
                when
                    unexplained.is_closed
                    and unexplained.close_date <= parameters.as_of_date
                    and unexplained.close_date >= {{ local_date('unexplained.last_known_at', 'parameters.time_zone') }}
                    then greatest(
                        unexplained.last_known_at,
                        {{ local_midnight('unexplained.close_date', 'parameters.time_zone') }}
                    )
            end,
            case
                when
                    unexplained.last_modified_at > unexplained.last_known_at
                    and unexplained.last_modified_at < parameters.as_of_end_at
                    then unexplained.last_modified_at
            end,
            case
                when
                    unexplained.system_modified_at > unexplained.last_known_at
                    and unexplained.system_modified_at < parameters.as_of_end_at
                    then unexplained.system_modified_at
            end,
            case when not unexplained.is_reconstructed then unexplained.last_known_at end
        ) as entered_at,
        'record' as entry_source,
        9 as source_order,
        0 as landing_sequence
    from unexplained
    cross join parameters
),

entries as (
    select opportunity_id, stage_name, entered_at, entry_source, source_order, landing_sequence from initial_entries
    union all
    select opportunity_id, stage_name, entered_at, entry_source, source_order, landing_sequence from history_entries
    union all
    select opportunity_id, stage_name, entered_at, entry_source, source_order, landing_sequence from current_entries
    where entered_at is not null
),

numbered as (
    select
        entries.opportunity_id,
        entries.stage_name,
        entries.entered_at,
        entries.entry_source,
        entries.landing_sequence,
        stages.is_closed,
        row_number() over opportunity_order as row_in_order,
        lag(entries.stage_name) over opportunity_order as previous_stage_name,
        lag(stages.is_closed) over opportunity_order as was_closed
    from entries
    inner join stages on entries.stage_name = stages.stage_name
    window opportunity_order as (
        partition by entries.opportunity_id
        order by entries.entered_at, entries.source_order, entries.landing_sequence
    )
),

-- A stay goes on through same-stage rows; a closed deal stays closed when only its kind of close is corrected.
stays as (
    select
        opportunity_id,
        stage_name,
        entered_at,
        entry_source,
        landing_sequence,
        row_in_order,
        sum(case
            when previous_stage_name = stage_name or (was_closed and is_closed) then 0
            else 1
        end) over (partition by opportunity_id order by row_in_order) as entry_number
    from numbered
)

select
    opportunity_id,
    cast(entry_number as integer) as entry_number,
    max_by(stage_name, row_in_order) as stage_name,
    min(entered_at) as entered_at,
    min_by(entry_source, row_in_order) as entry_source,
    min_by(landing_sequence, row_in_order) as landing_sequence,
    case when min_by(entry_source, row_in_order) = 'record' then 'reconstructed' else 'observed' end as basis
from stays
group by opportunity_id, entry_number
