{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

parameters as (
    select clock_stage_name
    from {{ ref('stg_run_parameters') }}
),

bounds as (
    select opportunity_id, created_at
    from {{ ref('int_opportunity_bounds') }}
    where true {{ only_changed('opportunity_id') }}
),

entries as (
    select opportunity_id, entry_number, stage_name, entered_at, entry_source
    from {{ ref('int_stage_entries') }}
    where true {{ only_changed('opportunity_id') }}
),

stages as (
    select stage_name, stage_order, is_closed, is_won
    from {{ ref('int_stages') }}
),

clock_stage as (
    select stages.stage_order as clock_stage_order
    from stages
    inner join parameters on stages.stage_name = parameters.clock_stage_name
),

-- A loss is not "beyond" the clock stage: a deal lost before it never started the clock.
clocks as (
    select
        entries.opportunity_id,
        min(entries.entered_at) filter (
            where stages.stage_order >= clock_stage.clock_stage_order and (stages.is_won or not stages.is_closed)
        ) as clock_stage_entered_at
    from entries
    inner join stages on entries.stage_name = stages.stage_name
    left join clock_stage on true
    group by entries.opportunity_id
),

last_entries as (
    select opportunity_id, stage_name, entered_at, entry_source
    from entries
    qualify row_number() over (partition by opportunity_id order by entry_number desc) = 1
)

select
    bounds.opportunity_id,
    bounds.created_at,
    case
        when parameters.clock_stage_name is null then bounds.created_at
        else clocks.clock_stage_entered_at
    end as clock_started_at,
    last_entries.stage_name,
    stages.stage_order,
    stages.is_closed,
    stages.is_won,
    last_entries.entered_at as stage_entered_at,
    case when stages.is_closed then last_entries.entered_at end as closed_at,
    case
        when not stages.is_closed then null
        when last_entries.entry_source = 'observed' then 'observed'
        when last_entries.entry_source = 'record' then 'close_date'
        else 'history'
    end as closed_date_basis
from bounds
cross join parameters
inner join last_entries on bounds.opportunity_id = last_entries.opportunity_id
inner join stages on last_entries.stage_name = stages.stage_name
left join clocks on bounds.opportunity_id = clocks.opportunity_id
