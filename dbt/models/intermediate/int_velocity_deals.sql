with

opportunities as (
    select
        opportunity_id, rep_id, team_id, status, amount, clock_started_date, closed_date, deal_type, lead_source
    from {{ ref('fct_opportunity') }}
    where clock_started_date is not null
),

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

deleted_on as (
    select spells.opportunity_id, {{ local_date('max(spells.left_at)', 'max(parameters.time_zone)') }} as deleted_date
    from {{ ref('fct_stage_spells') }} as spells
    cross join parameters
    where spells.exit = 'deleted'
    group by spells.opportunity_id
),

dated as (
    select
        opportunities.team_id,
        opportunities.rep_id,
        opportunities.deal_type,
        opportunities.lead_source,
        opportunities.clock_started_date as started_date,
        case
            when opportunities.status in ('won', 'lost') then opportunities.closed_date
            when opportunities.status = 'deleted'
                then coalesce(deleted_on.deleted_date, opportunities.closed_date, opportunities.clock_started_date)
            else parameters.as_of_date
        end as last_date,
        opportunities.status as exit_name,
        opportunities.amount
    from opportunities
    cross join parameters
    left join deleted_on on opportunities.opportunity_id = deleted_on.opportunity_id
    where opportunities.clock_started_date <= parameters.as_of_date
)

select
    team_id,
    rep_id,
    deal_type,
    lead_source,
    started_date,
    greatest(last_date, started_date) as last_date,
    exit_name,
    cast(count(*) as bigint) as units,
    cast(count(amount) as bigint) as priced_units,
    cast(sum(amount) as decimal(38, 4)) as amount
from dated
group by team_id, rep_id, deal_type, lead_source, started_date, greatest(last_date, started_date), exit_name
