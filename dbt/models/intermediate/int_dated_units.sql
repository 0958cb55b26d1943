{% set unit_columns = [
    'unit_kind', 'series_name', 'opportunity_id', 'team_id', 'rep_id', 'started_date', 'ended_date', 'exit_name',
    'next_stage_name', 'is_first', 'amount'
] | join(', ') %}

with

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select
        opportunity_id, rep_id, team_id, status, amount, clock_started_date, closed_date, deal_type, size_band,
        lead_source, business_kind
    from {{ ref('fct_opportunity') }}
),

spells as (
    select
        spells.opportunity_id,
        spells.spell_number,
        spells.stage_name,
        spells.exit as spell_exit,
        spells.next_stage_name,
        spells.rep_id,
        spells.team_id,
        {{ local_date('spells.entered_at', 'parameters.time_zone') }} as entered_date,
        {{ local_date('spells.left_at', 'parameters.time_zone') }} as left_date
    from {{ ref('fct_stage_spells') }} as spells
    cross join parameters
),

deleted_on as (
    select opportunity_id, max(left_date) as deleted_date
    from spells
    where spell_exit = 'deleted'
    group by opportunity_id
),

deals as (
    select
        'deal' as unit_kind,
        'deal' as series_name,
        opportunities.opportunity_id,
        opportunities.team_id,
        opportunities.rep_id,
        opportunities.clock_started_date as started_date,
        case
            when opportunities.status in ('won', 'lost') then opportunities.closed_date
            when opportunities.status = 'deleted'
                then coalesce(deleted_on.deleted_date, opportunities.closed_date, opportunities.clock_started_date)
            else parameters.as_of_date
        end as ended_date,
        opportunities.status as exit_name,
        cast(null as varchar) as next_stage_name,
        true as is_first,
        opportunities.amount
    from opportunities
    cross join parameters
    left join deleted_on on opportunities.opportunity_id = deleted_on.opportunity_id
),

stays as (
    select
        'stage' as unit_kind,
        spells.stage_name as series_name,
        spells.opportunity_id,
        spells.team_id,
        spells.rep_id,
        spells.entered_date as started_date,
        coalesce(spells.left_date, parameters.as_of_date) as ended_date,
        case when spells.spell_exit = 'skipped_ahead' then 'advanced' else spells.spell_exit end as exit_name,
        spells.next_stage_name,
        spells.spell_number = 1 as is_first,
        cast(null as decimal(18, 4)) as amount
    from spells
    cross join parameters
),

units as (
    select {{ unit_columns }} from deals
    union all
    select {{ unit_columns }} from stays
)

select
    units.unit_kind,
    units.series_name,
    units.opportunity_id,
    units.team_id,
    units.rep_id,
    opportunities.deal_type,
    opportunities.size_band,
    opportunities.lead_source,
    opportunities.business_kind,
    units.started_date,
    greatest(units.ended_date, units.started_date) as last_date,
    units.exit_name,
    units.next_stage_name,
    units.is_first,
    units.amount
from units
inner join opportunities on units.opportunity_id = opportunities.opportunity_id
cross join parameters
where units.started_date <= parameters.as_of_date
