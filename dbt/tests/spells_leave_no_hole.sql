with

spells as (
    select
        spell_id,
        opportunity_id,
        spell_number,
        entered_at,
        lag(left_at) over (partition by opportunity_id order by spell_number) as previous_left_at,
        lag(exit) over (partition by opportunity_id order by spell_number) as previous_exit
    from {{ ref('fct_stage_spells') }}
),

opportunities as (
    select
        opportunity_id,
        created_at
    from {{ ref('fct_opportunity') }}
),

first_entries as (
    select
        entries.opportunity_id,
        entries.stage_name
    from {{ ref('int_stage_entries') }} as entries
    where entries.entry_number = 1
),

closed_stages as (
    select stage_name
    from {{ ref('dim_stage') }}
    where is_closed
)

select
    spells.spell_id,
    spells.entered_at,
    spells.previous_left_at
from spells
inner join opportunities on spells.opportunity_id = opportunities.opportunity_id
inner join first_entries on spells.opportunity_id = first_entries.opportunity_id
left join closed_stages on first_entries.stage_name = closed_stages.stage_name
where
    (
        spells.spell_number > 1
        and spells.previous_exit not in ('won', 'lost')
        and spells.entered_at <> spells.previous_left_at
    )
    or (spells.spell_number = 1 and closed_stages.stage_name is null and spells.entered_at <> opportunities.created_at)
