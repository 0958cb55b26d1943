{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

spells as (
    select
        opportunity_id, spell_number, stage_name, stage_order, entered_at, left_at, spell_exit, next_stage_name,
        observed_to_at, days, entry_source, exit_source, basis
    from {{ ref('int_stage_spells') }}
),

owners as (
    select opportunity_id, owned_from_at, owned_to_at, owner_id
    from {{ ref('int_opportunity_owners') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
)

select
    spells.opportunity_id || '-' || cast(spells.spell_number as varchar) as spell_id,
    spells.opportunity_id,
    spells.spell_number,
    spells.stage_name,
    spells.stage_order,
    spells.entered_at,
    spells.left_at,
    spells.spell_exit as exit,
    spells.next_stage_name,
    owners.owner_id as rep_id,
    reps.team_id,
    spells.days,
    spells.entry_source,
    spells.exit_source,
    spells.basis
from spells
-- The owner at the end of the stay: the exit is theirs. Left-open, so that a hand-over at the exit comes after it.
left join owners
    on
        spells.opportunity_id = owners.opportunity_id
        and (owners.owned_from_at is null or owners.owned_from_at < spells.observed_to_at)
        and (owners.owned_to_at is null or owners.owned_to_at >= spells.observed_to_at)
left join reps on owners.owner_id = reps.rep_id
where true {{ only_changed('spells.opportunity_id') }}
