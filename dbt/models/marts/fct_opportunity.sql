with

parameters as (
    select as_of_date, as_of_end_at, time_zone
    from {{ ref('stg_run_parameters') }}
),

states as (
    select
        opportunity_id, opportunity_name, account_id, rep_id, amount, original_amount, original_currency,
        crm_probability, forecast_category, close_date, currency,
        deal_type, lead_source, next_step, close_date_pushes, deleted_at, basis
    from {{ ref('int_opportunity_state') }}
),

clocks as (
    select
        opportunity_id, created_at, clock_started_at, stage_name, stage_order, is_closed, is_won, stage_entered_at,
        closed_at, closed_date_basis
    from {{ ref('int_opportunity_clock') }}
),

activity as (
    select
        opportunity_id, first_touch_at, last_touch_at, last_inbound_at, last_activity_at, last_meeting_at,
        next_meeting_at, meetings_held, touches, contact_count, has_decision_maker
    from {{ ref('int_opportunity_activity') }}
),

oddities as (
    select opportunity_id, oddities
    from {{ ref('int_opportunity_oddities') }}
),

accounts as (
    select account_id, account_name
    from {{ ref('stg_account') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
),

dated as (
    select
        clocks.opportunity_id,
        case
            when states.deleted_at is not null then 'deleted'
            when clocks.is_won then 'won'
            when clocks.is_closed then 'lost'
            else 'open'
        end as status,
        {{ local_date('clocks.created_at', 'parameters.time_zone') }} as created_date,
        {{ local_date('clocks.clock_started_at', 'parameters.time_zone') }} as clock_started_date,
        {{ local_date('clocks.closed_at', 'parameters.time_zone') }} as closed_date,
        {{ days_between('clocks.stage_entered_at', 'parameters.as_of_end_at') }} as stage_age_days
    from clocks
    inner join states on clocks.opportunity_id = states.opportunity_id
    cross join parameters
),

aged as (
    select
        dated.opportunity_id,
        dated.status,
        dated.created_date,
        dated.clock_started_date,
        dated.closed_date,
        dated.stage_age_days,
        {{ date_difference('dated.clock_started_date', 'dated.closed_date') }} as cycle_days,
        {{ date_difference(
            'coalesce(dated.clock_started_date, dated.created_date)',
            'coalesce(dated.closed_date, parameters.as_of_date)'
        ) }} as age_days,
        {{ date_difference('dated.clock_started_date', 'parameters.as_of_date') }} as clock_age_days
    from dated
    cross join parameters
),

-- Open longer than the slowest hundredth of a year's won deals took (method §3).
won_cycles as (
    select percentile_cont(0.99) within group (order by aged.cycle_days) as longest_usual_days
    from aged
    cross join parameters
    where aged.status = 'won' and aged.closed_date > {{ add_days('parameters.as_of_date', -365) }}
),

-- Thirds of the organisation's own deals: what is large is not the same everywhere.
size_bounds as (
    select
        percentile_cont(1.0 / 3) within group (order by cast(amount as double)) as small_up_to,
        percentile_cont(2.0 / 3) within group (order by cast(amount as double)) as medium_up_to
    from states
    where amount > 0 and deleted_at is null
),

account_first_wins as (
    select states.account_id, min(clocks.closed_at) as first_won_at
    from states
    inner join clocks on states.opportunity_id = clocks.opportunity_id
    where clocks.is_won and states.deleted_at is null
    group by states.account_id
)

select
    states.opportunity_id,
    states.opportunity_name,
    states.account_id,
    accounts.account_name,
    states.rep_id,
    reps.team_id,
    clocks.stage_name,
    clocks.stage_order,
    aged.status,
    states.amount,
    states.original_amount is null as amount_is_missing,
    states.original_amount,
    states.original_currency,
    states.currency,
    states.crm_probability,
    states.forecast_category,
    clocks.created_at,
    aged.created_date,
    aged.clock_started_date,
    clocks.closed_at,
    aged.closed_date,
    clocks.closed_date_basis,
    states.close_date,
    aged.cycle_days,
    aged.age_days,
    clocks.stage_entered_at,
    aged.stage_age_days,
    states.close_date_pushes,
    activity.contact_count,
    activity.has_decision_maker,
    activity.first_touch_at,
    activity.last_touch_at,
    activity.last_inbound_at,
    activity.last_activity_at,
    activity.last_meeting_at,
    activity.next_meeting_at,
    activity.meetings_held,
    activity.touches,
    states.deal_type,
    states.lead_source,
    -- What the type does not say, the account does: who has bought before is no new customer.
    coalesce(
        {{ business_kind_by_words('states.deal_type') }},
        case
            when account_first_wins.first_won_at < clocks.created_at then 'up_sell'
            when states.account_id is not null then 'new'
            else 'unknown'
        end
    ) as business_kind,
    case
        when states.amount is null then 'unknown'
        when states.amount <= size_bounds.small_up_to or size_bounds.small_up_to is null then 'small'
        when states.amount <= size_bounds.medium_up_to then 'medium'
        else 'large'
    end as size_band,
    coalesce(aged.status = 'open' and aged.clock_age_days > won_cycles.longest_usual_days, false) as is_zombie,
    states.next_step,
    states.basis,
    oddities.oddities
from states
inner join clocks on states.opportunity_id = clocks.opportunity_id
inner join aged on states.opportunity_id = aged.opportunity_id
inner join activity on states.opportunity_id = activity.opportunity_id
inner join oddities on states.opportunity_id = oddities.opportunity_id
cross join won_cycles
cross join size_bounds
left join account_first_wins on states.account_id = account_first_wins.account_id
left join accounts on states.account_id = accounts.account_id
left join reps on states.rep_id = reps.rep_id
