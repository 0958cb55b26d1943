{% set unit_columns = [
    'unit_kind', 'series_name', 'team_id', 'rep_id', 'started_date', 'last_date', 'exit_name', 'next_stage_name',
    'horizon_limit_days', 'is_first', 'amount'
] | join(', ') %}

with

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

first_meetings as (
    select opportunity_id, min(ends_at) as held_at
    from {{ ref('int_appointments') }}
    where is_first_meeting
    group by opportunity_id
),

-- After the first meeting of its opportunity a touch follows up: it can bring no appointment for that any more.
touches as (
    select activities.activity_id, activities.rep_id, activities.team_id, activities.activity_date
    from {{ ref('fct_activity') }} as activities
    left join first_meetings on activities.opportunity_id = first_meetings.opportunity_id
    where activities.is_touch and (first_meetings.held_at is null or activities.activity_at < first_meetings.held_at)
),

-- What came in by itself is nobody's conversion.
credited as (
    select touch_activity_id, min(set_date) as set_date
    from {{ ref('int_touch_appointments') }}
    where is_set_before_first_meeting and not is_after_inbound
    group by touch_activity_id
),

appointments as (
    select
        appointments.appointment_activity_id,
        appointments.rep_id,
        reps.team_id,
        appointments.opportunity_id,
        {{ local_date('appointments.set_at', 'parameters.time_zone') }} as set_date,
        {{ local_date('appointments.ends_at', 'parameters.time_zone') }} as ends_date,
        appointments.is_held,
        appointments.is_cancelled,
        appointments.is_first_meeting
        or (appointments.opportunity_id is null and appointments.is_held) as is_first_meeting,
        appointments.is_set_before_first_meeting
    from {{ ref('int_appointments') }} as appointments
    cross join parameters
    left join {{ ref('int_reps') }} as reps on appointments.rep_id = reps.rep_id
),

dated_units as (
    select
        unit_kind,
        series_name,
        team_id,
        rep_id,
        started_date,
        last_date,
        exit_name,
        next_stage_name,
        cast(null as integer) as horizon_limit_days,
        is_first,
        amount
    from {{ ref('int_dated_units') }}
),

touch_units as (
    select
        'activity_step' as unit_kind,
        'touch_to_appointment' as series_name,
        touches.team_id,
        touches.rep_id,
        touches.activity_date as started_date,
        coalesce(credited.set_date, parameters.as_of_date) as last_date,
        case when credited.set_date is null then 'open' else 'converted' end as exit_name,
        cast(null as varchar) as next_stage_name,
        30 as horizon_limit_days,
        true as is_first,
        cast(null as decimal(18, 4)) as amount
    from touches
    cross join parameters
    left join credited on touches.activity_id = credited.touch_activity_id
),

appointment_units as (
    select
        'activity_step' as unit_kind,
        'appointment_to_meeting' as series_name,
        appointments.team_id,
        appointments.rep_id,
        appointments.set_date as started_date,
        case
            when appointments.ends_date <= parameters.as_of_date then appointments.ends_date
            else parameters.as_of_date
        end as last_date,
        case
            when appointments.is_first_meeting then 'converted'
            when appointments.is_cancelled or appointments.ends_date <= parameters.as_of_date then 'not_held'
            else 'open'
        end as exit_name,
        cast(null as varchar) as next_stage_name,
        90 as horizon_limit_days,
        true as is_first,
        cast(null as decimal(18, 4)) as amount
    from appointments
    cross join parameters
    where appointments.is_set_before_first_meeting
),

meeting_units as (
    select
        'activity_step' as unit_kind,
        'meeting_to_won' as series_name,
        appointments.team_id,
        appointments.rep_id,
        appointments.ends_date as started_date,
        case
            when opportunities.status in ('won', 'lost') then opportunities.closed_date
            when opportunities.status = 'deleted' then appointments.ends_date
            else parameters.as_of_date
        end as last_date,
        case opportunities.status when 'won' then 'converted' else opportunities.status end as exit_name,
        cast(null as varchar) as next_stage_name,
        365 as horizon_limit_days,
        true as is_first,
        cast(null as decimal(18, 4)) as amount
    from appointments
    cross join parameters
    inner join {{ ref('fct_opportunity') }} as opportunities
        on appointments.opportunity_id = opportunities.opportunity_id
    where
        appointments.is_first_meeting
        -- A meeting written up after the close was no step towards it.
        and (opportunities.closed_date is null or opportunities.closed_date >= appointments.ends_date)
),

units as (
    select {{ unit_columns }} from dated_units
    union all
    select {{ unit_columns }} from touch_units
    union all
    select {{ unit_columns }} from appointment_units
    union all
    select {{ unit_columns }} from meeting_units
),

-- Beyond its horizon a step is out of sight, not open for ever.
followed as (
    select
        units.unit_kind,
        units.series_name,
        units.team_id,
        units.rep_id,
        units.started_date,
        greatest(
            least(
                units.last_date,
                coalesce({{ add_days('units.started_date', 'units.horizon_limit_days') }}, units.last_date)
            ),
            units.started_date
        ) as last_date,
        case
            when units.last_date > {{ add_days('units.started_date', 'units.horizon_limit_days') }} then 'open'
            else units.exit_name
        end as exit_name,
        units.next_stage_name,
        units.horizon_limit_days,
        units.is_first,
        units.amount
    from units
    cross join parameters
    where units.started_date <= parameters.as_of_date
)

select
    unit_kind,
    series_name,
    team_id,
    rep_id,
    started_date,
    last_date,
    exit_name,
    next_stage_name,
    horizon_limit_days,
    cast(count(*) as bigint) as units,
    cast(count(*) filter (where is_first) as bigint) as first_units,
    cast(sum(amount) as decimal(38, 4)) as amount,
    cast(count(amount) as bigint) as priced_units
from followed
group by
    unit_kind, series_name, team_id, rep_id, started_date, last_date, exit_name, next_stage_name, horizon_limit_days
