with

parameters as (
    select time_zone
    from {{ ref('stg_run_parameters') }}
),

periods as (
    select
        periods.as_of_date, periods.is_last_night, periods.period_kind, periods.period_end_date,
        {{ local_midnight(add_days('periods.as_of_date', 1), 'parameters.time_zone') }} as as_of_end_at
    from {{ ref('int_forecast_periods') }} as periods
    cross join parameters
    where periods.is_published
),

open_deals as (
    select as_of_date, opportunity_id, rep_id, team_id, stage_name, stage_age_days, won_date
    from {{ ref('int_open_deals') }}
),

opportunities as (
    select
        opportunity_id, amount, original_amount, currency, original_currency, crm_probability, forecast_category,
        close_date
    from {{ ref('fct_opportunity') }}
),

history as (
    select opportunity_id, crm_probability, forecast_category, close_date, changed_at, landing_sequence
    from {{ ref('stg_opportunity_history') }}
),

amount_changes as (
    select
        opportunity_id, before_amount, after_amount, occurred_at,
        lag(occurred_at) over deal_order as previous_at,
        lead(occurred_at) over deal_order as next_at
    from {{ ref('fct_crm_events') }}
    where event_type = 'AmountChanged'
    window deal_order as (partition by opportunity_id order by occurred_at, crm_event_id)
),

amounts as (
    select opportunity_id, after_amount as amount, occurred_at as valid_from_at, next_at as valid_to_at
    from amount_changes
    union all
    select
        opportunity_id, before_amount as amount, cast(null as timestamptz) as valid_from_at,
        occurred_at as valid_to_at
    from amount_changes
    where previous_at is null
),

chances as (
    select as_of_date, stage_name, stage_age_days, horizon_date, p_win, lower_80, upper_80
    from {{ ref('int_win_ahead') }}
    where horizon_kind = 'month_end'
),

eves as (
    select periods.as_of_date, periods.as_of_end_at, open_deals.opportunity_id
    from periods
    inner join open_deals on periods.as_of_date = open_deals.as_of_date
    where periods.period_kind = 'month' and not periods.is_last_night
),

states_then as (
    select eves.as_of_date, eves.opportunity_id, history.crm_probability, history.forecast_category, history.close_date
    from eves
    inner join history on eves.opportunity_id = history.opportunity_id and eves.as_of_end_at > history.changed_at
    qualify row_number() over (
        partition by eves.as_of_date, eves.opportunity_id
        order by history.changed_at desc, history.landing_sequence desc
    ) = 1
),

amounts_then as (
    select eves.as_of_date, eves.opportunity_id, amounts.amount
    from eves
    inner join amounts
        on
            eves.opportunity_id = amounts.opportunity_id
            and (amounts.valid_from_at is null or amounts.valid_from_at < eves.as_of_end_at)
            and (amounts.valid_to_at is null or amounts.valid_to_at >= eves.as_of_end_at)
)

-- What changed since is taken back; what no history tells of is as it is now.
select
    periods.as_of_date,
    open_deals.opportunity_id,
    open_deals.rep_id,
    open_deals.team_id,
    periods.period_kind,
    cast(case
        when amounts_then.opportunity_id is null then opportunities.amount
        when opportunities.original_amount <> 0
            then amounts_then.amount * cast(opportunities.amount / opportunities.original_amount as double)
        when opportunities.currency = opportunities.original_currency then amounts_then.amount
    end as double) as amount,
    chances.p_win,
    chances.lower_80,
    chances.upper_80,
    coalesce(states_then.crm_probability, opportunities.crm_probability) as crm_probability,
    coalesce(states_then.forecast_category, opportunities.forecast_category) as forecast_category,
    coalesce(states_then.close_date, opportunities.close_date) as close_date,
    coalesce(open_deals.won_date <= periods.period_end_date, false) as is_won_in_period,
    case when open_deals.won_date <= periods.period_end_date then opportunities.amount end as won_amount
from periods
inner join open_deals on periods.as_of_date = open_deals.as_of_date
inner join opportunities on open_deals.opportunity_id = opportunities.opportunity_id
left join states_then
    on open_deals.as_of_date = states_then.as_of_date and open_deals.opportunity_id = states_then.opportunity_id
left join amounts_then
    on open_deals.as_of_date = amounts_then.as_of_date and open_deals.opportunity_id = amounts_then.opportunity_id
left join chances
    on
        open_deals.as_of_date = chances.as_of_date
        and open_deals.stage_name = chances.stage_name
        and open_deals.stage_age_days = chances.stage_age_days
        and periods.period_end_date = chances.horizon_date
