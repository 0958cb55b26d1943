with

spells as (
    select
        spell_id,
        entered_at,
        lag(left_at) over (partition by opportunity_id order by spell_number) as previous_left_at,
        spell_number
    from {{ ref('fct_stage_spells') }}
)

select
    spell_id,
    entered_at,
    previous_left_at
from spells
where
    entered_at < previous_left_at
    or (spell_number > 1 and previous_left_at is null)
