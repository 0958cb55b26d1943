with

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select
        opportunity_id, status, amount, clock_started_date, closed_date, deal_type, size_band, lead_source,
        business_kind
    from {{ ref('fct_opportunity') }}
),

spells as (
    select opportunity_id, stage_name, entered_at, left_at, exit as spell_exit
    from {{ ref('fct_stage_spells') }}
),

deleted_on as (
    select spells.opportunity_id, {{ local_date('max(spells.left_at)', 'max(parameters.time_zone)') }} as deleted_date
    from spells
    cross join parameters
    where spells.spell_exit = 'deleted'
    group by spells.opportunity_id
),

deal_units as (
    select
        'deal' as unit_kind,
        'deal' as series_name,
        opportunities.opportunity_id,
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
    where opportunities.clock_started_date is not null
),

stage_units as (
    select
        'stage' as unit_kind,
        spells.stage_name as series_name,
        spells.opportunity_id,
        {{ local_date('spells.entered_at', 'parameters.time_zone') }} as started_date,
        coalesce({{ local_date('spells.left_at', 'parameters.time_zone') }}, parameters.as_of_date) as last_date,
        case when spells.spell_exit = 'skipped_ahead' then 'advanced' else spells.spell_exit end as exit_name,
        cast(null as decimal(18, 4)) as amount
    from spells
    cross join parameters
),

units as (
    select unit_kind, series_name, opportunity_id, started_date, last_date, exit_name, amount from deal_units
    union all
    select unit_kind, series_name, opportunity_id, started_date, last_date, exit_name, amount from stage_units
),

known as (
    select
        units.unit_kind,
        units.series_name,
        units.started_date,
        greatest(units.last_date, units.started_date) as last_date,
        units.exit_name,
        units.amount,
        opportunities.deal_type,
        opportunities.size_band,
        opportunities.lead_source,
        opportunities.business_kind
    from units
    inner join opportunities on units.opportunity_id = opportunities.opportunity_id
    cross join parameters
    where units.started_date <= parameters.as_of_date
),

segmented as (
    {%- for kind in ['deal_type', 'size_band', 'lead_source', 'business_kind'] %}
    select
        '{{ kind }}' as segment_kind,
        coalesce({{ kind }}, 'unknown') as segment,
        unit_kind,
        series_name,
        started_date,
        last_date,
        exit_name,
        cast(count(*) as bigint) as units,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(count(amount) as bigint) as priced_units
    from known
    group by coalesce({{ kind }}, 'unknown'), unit_kind, series_name, started_date, last_date, exit_name
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select
    segment_kind, segment, unit_kind, series_name, started_date, last_date, exit_name, units, amount, priced_units,
    cast(null as integer) as horizon_limit_days
from segmented
