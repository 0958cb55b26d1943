with

opportunities as (
    select
        opportunity_id,
        status,
        stage_name
    from {{ ref('fct_opportunity') }}
),

last_spells as (
    select
        opportunity_id,
        exit,
        stage_name
    from {{ ref('fct_stage_spells') }}
    qualify row_number() over (partition by opportunity_id order by spell_number desc) = 1
)

select
    opportunities.opportunity_id,
    opportunities.status,
    last_spells.exit
from opportunities
left join last_spells on opportunities.opportunity_id = last_spells.opportunity_id
where
    (opportunities.status = 'open' and (
        last_spells.exit is distinct from 'open' or last_spells.stage_name is distinct from opportunities.stage_name
    ))
    or (opportunities.status in ('won', 'lost') and last_spells.exit <> opportunities.status)
    or (opportunities.status = 'deleted' and last_spells.exit = 'open')
