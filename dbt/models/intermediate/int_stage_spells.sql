{{ config(materialized='view') }}

with

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

entries as (
    select opportunity_id, entry_number, stage_name, entered_at, entry_source, basis
    from {{ ref('int_stage_entries') }}
    where true {{ only_changed('opportunity_id') }}
),

opportunities as (
    select opportunity_id, deleted_at, coalesce(record_type_id, '') as record_type_id
    from {{ ref('stg_opportunity') }}
),

stages as (
    select stage_name, stage_order, is_closed, is_won, is_open_and_active, open_stages_so_far
    from {{ ref('int_stages') }}
),

process_stages as (
    select record_type_id, stage_name, open_stages_so_far
    from {{ ref('int_record_type_stages') }}
),

followed as (
    select
        opportunity_id,
        entry_number,
        stage_name,
        entered_at,
        entry_source,
        basis,
        lead(entry_source) over (partition by opportunity_id order by entry_number) as exit_source,
        lead(stage_name) over (partition by opportunity_id order by entry_number) as next_stage_name,
        lead(entered_at) over (partition by opportunity_id order by entry_number) as next_entered_at
    from entries
),

spells as (
    select
        followed.opportunity_id,
        cast(row_number() over (
            partition by followed.opportunity_id order by followed.entry_number
        ) as integer) as spell_number,
        followed.stage_name,
        stages.stage_order,
        followed.entered_at,
        case
            when followed.next_entered_at is not null then followed.next_entered_at
            when opportunities.deleted_at is not null then greatest(opportunities.deleted_at, followed.entered_at)
        end as left_at,
        followed.next_stage_name,
        case
            when followed.next_stage_name is null and opportunities.deleted_at is not null then 'deleted'
            when followed.next_stage_name is null then 'open'
            when next_stages.is_won then 'won'
            when next_stages.is_closed then 'lost'
            when next_stages.stage_order < stages.stage_order then 'moved_back'
            -- Only a stage of the deal's own process can be skipped.
            when
                coalesce(
                    next_in_process.open_stages_so_far - in_process.open_stages_so_far,
                    next_stages.open_stages_so_far - stages.open_stages_so_far
                ) > case when next_stages.is_open_and_active then 1 else 0 end
                then 'skipped_ahead'
            else 'advanced'
        end as spell_exit,
        followed.entry_source,
        followed.exit_source,
        followed.basis
    from followed
    inner join stages on followed.stage_name = stages.stage_name
    inner join opportunities on followed.opportunity_id = opportunities.opportunity_id
    left join stages as next_stages on followed.next_stage_name = next_stages.stage_name
    left join process_stages as in_process
        on
            opportunities.record_type_id = in_process.record_type_id
            and followed.stage_name = in_process.stage_name
    left join process_stages as next_in_process
        on
            opportunities.record_type_id = next_in_process.record_type_id
            and followed.next_stage_name = next_in_process.stage_name
    where not stages.is_closed
)

select
    spells.opportunity_id,
    spells.spell_number,
    spells.stage_name,
    spells.stage_order,
    spells.entered_at,
    spells.left_at,
    spells.spell_exit,
    spells.next_stage_name,
    coalesce(spells.left_at, parameters.as_of_end_at) as observed_to_at,
    {{ days_between('spells.entered_at', 'coalesce(spells.left_at, parameters.as_of_end_at)') }} as days,
    spells.entry_source,
    spells.exit_source,
    spells.basis
from spells
cross join parameters
