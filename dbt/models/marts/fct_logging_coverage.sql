with

parameters as (
    select
        as_of_date,
        as_of_end_at,
        time_zone,
        minimum_at_risk,
        {{ add_days('as_of_date', -89) }} as recent_start_date
    from {{ ref('stg_run_parameters') }}
),

reps as (
    select rep_id, rep_name, team_id, team_name
    from {{ ref('dim_rep') }}
),

months as (
    select distinct month_start_date, month_end_date
    from {{ ref('dim_calendar') }}
),

opportunities as (
    select opportunity_id, status, closed_at, closed_date
    from {{ ref('fct_opportunity') }}
    where status <> 'deleted'
),

stays as (
    select opportunity_id, entered_at, left_at
    from {{ ref('fct_stage_spells') }}
),

owners as (
    select opportunity_id, owned_from_at, owned_to_at, owner_id
    from {{ ref('int_opportunity_owners') }}
),

-- Creating or completing a task of ours says nothing about a rep's own habit.
activities as (
    select
        activities.rep_id,
        activities.opportunity_id,
        activities.activity_at,
        activities.activity_date
    from {{ ref('fct_activity') }} as activities
    cross join parameters
    where
        activities.is_done
        and not activities.is_own_write
        and activities.rep_id is not null
        and activities.opportunity_id is not null
        and activities.activity_date <= parameters.as_of_date
),

meetings_held as (
    select
        activities.rep_id,
        activities.activity_date,
        trim(coalesce(activities.description, '')) <> '' as is_written_up
    from {{ ref('fct_activity') }} as activities
    cross join parameters
    where
        activities.is_meeting_held
        and not activities.is_own_write
        and activities.rep_id is not null
        and activities.activity_date <= parameters.as_of_date
),

periods as (
    select
        'month' as period_kind,
        months.month_start_date as period_start_date,
        least(months.month_end_date, parameters.as_of_date) as period_end_date
    from months
    cross join parameters
    where months.month_start_date <= parameters.as_of_date
    union all
    select
        'last_90_days' as period_kind,
        recent_start_date as period_start_date,
        as_of_date as period_end_date
    from parameters
),

bounded_periods as (
    select
        periods.period_kind,
        periods.period_start_date,
        {{ local_midnight('periods.period_start_date', 'parameters.time_zone') }} as begins_at,
        {{ local_midnight(add_days('periods.period_end_date', 1), 'parameters.time_zone') }} as ends_at
    from periods
    cross join parameters
),

-- A deal is a rep's for as long as it was open and theirs.
holdings as (
    select
        stays.opportunity_id,
        owners.owner_id as rep_id,
        greatest(stays.entered_at, coalesce(owners.owned_from_at, stays.entered_at)) as held_from_at,
        least(
            coalesce(stays.left_at, parameters.as_of_end_at), coalesce(owners.owned_to_at, parameters.as_of_end_at)
        ) as held_to_at
    from stays
    cross join parameters
    inner join opportunities on stays.opportunity_id = opportunities.opportunity_id
    inner join owners on stays.opportunity_id = owners.opportunity_id
    where owners.owner_id is not null
),

held as (
    select
        holdings.rep_id,
        holdings.opportunity_id,
        bounded_periods.period_kind,
        bounded_periods.period_start_date,
        bounded_periods.ends_at,
        sum({{ days_between(
            'greatest(holdings.held_from_at, bounded_periods.begins_at)',
            'least(holdings.held_to_at, bounded_periods.ends_at)'
        ) }}) / 7 as weeks,
        bool_or(holdings.held_to_at >= bounded_periods.ends_at) as is_open_at_end
    from holdings
    inner join bounded_periods
        on holdings.held_from_at < bounded_periods.ends_at and holdings.held_to_at > bounded_periods.begins_at
    where holdings.held_from_at < holdings.held_to_at
    group by
        holdings.rep_id, holdings.opportunity_id, bounded_periods.period_kind, bounded_periods.period_start_date,
        bounded_periods.ends_at
),

deal_months as (
    select
        rep_id,
        opportunity_id,
        cast(date_trunc('month', activity_date) as date) as month_start_date,
        count(*) as activities,
        min(activity_at) as first_activity_at
    from activities
    group by rep_id, opportunity_id, cast(date_trunc('month', activity_date) as date)
),

logged as (
    select rep_id, opportunity_id, min(first_activity_at) as first_logged_at
    from deal_months
    group by rep_id, opportunity_id
),

-- Months are met by equality: twenty times as many activities as deals would be slow to compare with each period.
activities_by_deal as (
    select rep_id, opportunity_id, 'month' as period_kind, month_start_date as period_start_date, activities
    from deal_months
    union all
    select
        activities.rep_id,
        activities.opportunity_id,
        'last_90_days' as period_kind,
        parameters.recent_start_date as period_start_date,
        count(*) as activities
    from activities
    cross join parameters
    where activities.activity_date >= parameters.recent_start_date
    group by activities.rep_id, activities.opportunity_id, parameters.recent_start_date
),

meetings as (
    select
        rep_id,
        'month' as period_kind,
        cast(date_trunc('month', activity_date) as date) as period_start_date,
        count(*) as meetings_held,
        count(*) filter (where is_written_up) as meetings_written_up
    from meetings_held
    group by rep_id, cast(date_trunc('month', activity_date) as date)
    union all
    select
        meetings_held.rep_id,
        'last_90_days' as period_kind,
        parameters.recent_start_date as period_start_date,
        count(*) as meetings_held,
        count(*) filter (where meetings_held.is_written_up) as meetings_written_up
    from meetings_held
    cross join parameters
    where meetings_held.activity_date >= parameters.recent_start_date
    group by meetings_held.rep_id, parameters.recent_start_date
),

open_deals as (
    select
        held.rep_id,
        held.period_kind,
        held.period_start_date,
        count(*) filter (where held.is_open_at_end) as open_deals,
        count(*) filter (where held.is_open_at_end and logged.first_logged_at < held.ends_at) as open_deals_logged,
        sum(held.weeks) as open_deal_weeks,
        sum(activities_by_deal.activities) as activities
    from held
    left join logged on held.rep_id = logged.rep_id and held.opportunity_id = logged.opportunity_id
    left join activities_by_deal
        on
            held.rep_id = activities_by_deal.rep_id
            and held.opportunity_id = activities_by_deal.opportunity_id
            and held.period_kind = activities_by_deal.period_kind
            and held.period_start_date = activities_by_deal.period_start_date
    group by held.rep_id, held.period_kind, held.period_start_date
),

-- The owner at the close: a hand-over at that instant comes after it.
closes as (
    select
        owners.owner_id as rep_id,
        opportunities.closed_date,
        coalesce(logged.first_logged_at <= opportunities.closed_at, false) as is_logged
    from opportunities
    inner join owners
        on
            opportunities.opportunity_id = owners.opportunity_id
            and (owners.owned_from_at is null or owners.owned_from_at < opportunities.closed_at)
            and (owners.owned_to_at is null or owners.owned_to_at >= opportunities.closed_at)
    left join logged on owners.owner_id = logged.rep_id and opportunities.opportunity_id = logged.opportunity_id
    where opportunities.status in ('won', 'lost') and owners.owner_id is not null
),

closed_deals as (
    select
        closes.rep_id,
        periods.period_kind,
        periods.period_start_date,
        count(*) as closed_deals,
        count(*) filter (where closes.is_logged) as closed_deals_logged
    from closes
    inner join periods
        on closes.closed_date >= periods.period_start_date and closes.closed_date <= periods.period_end_date
    group by closes.rep_id, periods.period_kind, periods.period_start_date
),

seen as (
    select rep_id, period_kind, period_start_date from open_deals
    union
    select rep_id, period_kind, period_start_date from closed_deals
    union
    select rep_id, period_kind, period_start_date from meetings
),

measured as (
    select
        seen.rep_id,
        reps.rep_name,
        reps.team_id,
        reps.team_name,
        seen.period_kind,
        seen.period_start_date,
        periods.period_end_date,
        coalesce(closed_deals.closed_deals, 0) as closed_deals,
        coalesce(closed_deals.closed_deals_logged, 0) as closed_deals_logged,
        coalesce(open_deals.open_deals, 0) as open_deals,
        coalesce(open_deals.open_deals_logged, 0) as open_deals_logged,
        coalesce(open_deals.open_deal_weeks, 0.0) as open_deal_weeks,
        coalesce(open_deals.activities, 0) as activities,
        coalesce(meetings.meetings_held, 0) as meetings_held,
        coalesce(meetings.meetings_written_up, 0) as meetings_written_up
    from seen
    inner join periods
        on seen.period_kind = periods.period_kind and seen.period_start_date = periods.period_start_date
    left join reps on seen.rep_id = reps.rep_id
    left join open_deals
        on
            seen.rep_id = open_deals.rep_id
            and seen.period_kind = open_deals.period_kind
            and seen.period_start_date = open_deals.period_start_date
    left join closed_deals
        on
            seen.rep_id = closed_deals.rep_id
            and seen.period_kind = closed_deals.period_kind
            and seen.period_start_date = closed_deals.period_start_date
    left join meetings
        on
            seen.rep_id = meetings.rep_id
            and seen.period_kind = meetings.period_kind
            and seen.period_start_date = meetings.period_start_date
),

-- Of a rep without a team, the organisation.
compared as (
    select
        measured.rep_id,
        measured.period_kind,
        measured.period_start_date,
        case when measured.open_deal_weeks > 0 then measured.activities / measured.open_deal_weeks end as own_pace,
        case
            when measured.team_id is null then sum(measured.activities) over of_all
            else sum(measured.activities) over of_team
        end / nullif(
            case
                when measured.team_id is null then sum(measured.open_deal_weeks) over of_all
                else sum(measured.open_deal_weeks) over of_team
            end,
            0
        ) as team_pace
    from measured
    window
        of_all as (partition by measured.period_kind, measured.period_start_date),
        of_team as (partition by measured.period_kind, measured.period_start_date, measured.team_id)
)

select
    measured.rep_id,
    measured.rep_name,
    measured.team_id,
    measured.team_name,
    measured.period_kind,
    measured.period_start_date,
    measured.period_end_date,
    cast(measured.closed_deals as bigint) as closed_deals,
    cast(measured.closed_deals_logged as bigint) as closed_deals_logged,
    cast(measured.closed_deals_logged as double) / nullif(measured.closed_deals, 0) as closed_share_logged,
    case
        when measured.closed_deals > 0
            then {{ wilson_bound_95('measured.closed_deals_logged', 'measured.closed_deals', '-') }}
    end as closed_share_lower_95,
    case
        when measured.closed_deals > 0
            then {{ wilson_bound_95('measured.closed_deals_logged', 'measured.closed_deals', '+') }}
    end as closed_share_upper_95,
    cast(measured.open_deals as bigint) as open_deals,
    cast(measured.open_deals_logged as bigint) as open_deals_logged,
    cast(measured.open_deals_logged as double) / nullif(measured.open_deals, 0) as open_share_logged,
    case
        when measured.open_deals > 0
            then {{ wilson_bound_95('measured.open_deals_logged', 'measured.open_deals', '-') }}
    end as open_share_lower_95,
    case
        when measured.open_deals > 0
            then {{ wilson_bound_95('measured.open_deals_logged', 'measured.open_deals', '+') }}
    end as open_share_upper_95,
    cast(measured.activities as bigint) as activities,
    measured.open_deal_weeks,
    compared.own_pace as activities_per_open_deal_week,
    compared.team_pace as team_activities_per_open_deal_week,
    cast(measured.meetings_held as bigint) as meetings_held,
    cast(measured.meetings_written_up as bigint) as meetings_written_up,
    cast(measured.meetings_written_up as double) / nullif(measured.meetings_held, 0) as meetings_share_written_up,
    measured.closed_deals + measured.open_deals < parameters.minimum_at_risk as is_too_few
from measured
cross join parameters
inner join compared
    on
        measured.rep_id = compared.rep_id
        and measured.period_kind = compared.period_kind
        and measured.period_start_date = compared.period_start_date
