with

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

eves as (
    select distinct
        periods.as_of_date,
        {{ local_midnight(add_days('periods.as_of_date', 1), 'parameters.time_zone') }} as as_of_end_at
    from {{ ref('int_forecast_periods') }} as periods
    cross join parameters
    where not periods.is_last_night
),

opportunities as (
    select opportunity_id, rep_id, team_id, status, stage_name, stage_entered_at, clock_started_date, closed_date
    from {{ ref('fct_opportunity') }}
),

spells as (
    select opportunity_id, stage_name, entered_at, left_at
    from {{ ref('fct_stage_spells') }}
),

owners as (
    select opportunity_id, owned_from_at, owned_to_at, owner_id
    from {{ ref('int_opportunity_owners') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
),

then_open as (
    select
        eves.as_of_date, eves.as_of_end_at, spells.opportunity_id, spells.stage_name,
        {{ date_difference(local_date('spells.entered_at', 'parameters.time_zone'), 'eves.as_of_date') }}
            as stage_age_days
    from spells
    inner join eves
        on
            spells.entered_at < eves.as_of_end_at
            and (spells.left_at is null or spells.left_at >= eves.as_of_end_at)
    cross join parameters
)

select
    parameters.as_of_date,
    true as is_last_night,
    opportunities.opportunity_id,
    opportunities.rep_id,
    opportunities.team_id,
    opportunities.stage_name,
    {{ date_difference(local_date('opportunities.stage_entered_at', 'parameters.time_zone'), 'parameters.as_of_date') }}
        as stage_age_days,
    opportunities.clock_started_date is not null as is_clock_running,
    cast(null as date) as won_date
from opportunities
cross join parameters
where opportunities.status = 'open'
union all
select
    then_open.as_of_date,
    false as is_last_night,
    then_open.opportunity_id,
    owners.owner_id as rep_id,
    reps.team_id,
    then_open.stage_name,
    then_open.stage_age_days,
    coalesce(opportunities.clock_started_date <= then_open.as_of_date, false) as is_clock_running,
    case
        when opportunities.status = 'won' and opportunities.closed_date > then_open.as_of_date
            then opportunities.closed_date
    end as won_date
from then_open
inner join opportunities on then_open.opportunity_id = opportunities.opportunity_id
left join owners
    on
        then_open.opportunity_id = owners.opportunity_id
        and (owners.owned_from_at is null or owners.owned_from_at < then_open.as_of_end_at)
        and (owners.owned_to_at is null or owners.owned_to_at >= then_open.as_of_end_at)
left join reps on owners.owner_id = reps.rep_id
