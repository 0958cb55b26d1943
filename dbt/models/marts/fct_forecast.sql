with

parameters as (
    select as_of_date, currency
    from {{ ref('stg_run_parameters') }}
),

periods as (
    select period_kind, period_start_date, period_end_date
    from {{ ref('int_forecast_periods') }}
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
),

pipeline as (
    select
        scope_kind, scope_id, period_kind, open_deals, open_deals_without_amount, open_deals_without_chance,
        open_amount, expected_deals, expected_amount, deals_lower_80, deals_upper_80, deals_lower_95, deals_upper_95,
        amount_lower_80, amount_upper_80, amount_lower_95, amount_upper_95
    from {{ ref('int_forecast') }}
),

calendar as (
    select date_day
    from {{ ref('dim_calendar') }}
),

velocity as (
    select scope_kind, scope_id, window_name, created_per_day, average_price
    from {{ ref('fct_revenue_velocity') }}
    where as_of_date = (select max(parameters.as_of_date) from parameters)
),

curve as (
    select horizon_days, win_incidence
    from {{ ref('fct_win_by_horizon') }}
    where
        as_of_date = (select max(parameters.as_of_date) from parameters)
        and window_name = '365d'
        and scope_kind = 'organization'
),

won_or_dated as (
    select
        periods.period_kind,
        opportunities.team_id,
        opportunities.rep_id,
        opportunities.amount,
        opportunities.crm_probability,
        opportunities.forecast_category,
        opportunities.status = 'won' as is_won
    from {{ ref('fct_opportunity') }} as opportunities
    inner join periods
        on
            case opportunities.status
                when 'won' then opportunities.closed_date
                when 'open' then opportunities.close_date
            end between periods.period_start_date and periods.period_end_date
),

scoped as (
    {%- for kind, id in [('organization', "''"), ('team', 'team_id'), ('rep', 'rep_id')] %}
    select
        '{{ kind }}' as scope_kind,
        {{ id }} as scope_id,
        period_kind,
        amount,
        crm_probability,
        forecast_category,
        is_won
    from won_or_dated
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        scope_kind,
        scope_id,
        period_kind,
        count(*) filter (where is_won) as won,
        count(*) filter (where is_won and amount is null) as won_without_amount,
        sum(amount) filter (where is_won) as won_amount,
        count(*) filter (where not is_won) as dated_deals,
        sum(cast(amount as double) * crm_probability / 100) filter (where not is_won) as probability_amount,
        sum(amount) filter (where not is_won and forecast_category in ('Forecast', 'Commit')) as commit_amount,
        sum(amount) filter (
            where not is_won and forecast_category in ('BestCase', 'Best Case', 'MostLikely', 'Most Likely')
        ) as best_case_amount,
        count(forecast_category) filter (where not is_won) as categorised_deals
    from scoped
    group by scope_kind, scope_id, period_kind
),

-- F_w(days left) of a deal begun on each day that is still to come.
chances_by_day as (
    select
        periods.period_kind,
        calendar.date_day,
        coalesce(max(curve.win_incidence), 0) as win_incidence
    from periods
    cross join parameters
    inner join calendar
        on parameters.as_of_date < calendar.date_day and periods.period_end_date >= calendar.date_day
    left join curve on {{ date_difference('calendar.date_day', 'periods.period_end_date') }} >= curve.horizon_days
    group by periods.period_kind, calendar.date_day
),

chances_of_new as (
    select period_kind, count(*) as days_left, sum(win_incidence) as wins_per_daily_deal
    from chances_by_day
    group by period_kind
),

prices as (
    select max(average_price) as average_price
    from velocity
    where window_name = '365d' and scope_kind = 'organization'
),

intake as (
    select scope_kind, scope_id, created_per_day
    from velocity
    where window_name = '90d'
)

select
    parameters.as_of_date,
    periods.period_kind,
    periods.period_start_date,
    periods.period_end_date,
    cast(chances_of_new.days_left as integer) as days_left,
    scopes.scope_kind,
    scopes.scope_id,
    scopes.scope_name,
    cast(coalesce(counted.won, 0) as bigint) as won,
    cast(coalesce(counted.won_amount, 0) as decimal(18, 4)) as won_amount,
    cast(coalesce(counted.won_without_amount, 0) as bigint) as won_without_amount,
    cast(coalesce(pipeline.open_deals, 0) as bigint) as open_deals,
    cast(coalesce(pipeline.open_amount, 0) as decimal(18, 4)) as open_amount,
    cast(coalesce(pipeline.open_deals_without_amount, 0) as bigint) as open_deals_without_amount,
    cast(coalesce(pipeline.open_deals_without_chance, 0) as bigint) as open_deals_without_chance,
    coalesce(pipeline.expected_deals, 0) as expected_open_deals,
    cast(coalesce(pipeline.expected_amount, 0) as decimal(18, 4)) as expected_open_amount,
    coalesce(counted.won, 0) + coalesce(pipeline.expected_deals, 0) as expected_deals,
    {%- for level in ['lower_80', 'upper_80', 'lower_95', 'upper_95'] %}
    cast(coalesce(counted.won, 0) + coalesce(pipeline.deals_{{ level }}, 0) as bigint) as deals_{{ level }},
    {%- endfor %}
    {%- for figure in ['expected_amount', 'amount_lower_80', 'amount_upper_80', 'amount_lower_95', 'amount_upper_95'] %}
    cast(
        coalesce(counted.won_amount, 0) + cast(coalesce(pipeline.{{ figure }}, 0) as decimal(18, 4)) as decimal(18, 4)
    ) as {{ figure }},
    {%- endfor %}
    coalesce(intake.created_per_day, 0) * chances_of_new.wins_per_daily_deal as expected_new_deals,
    cast(
        coalesce(intake.created_per_day, 0) * chances_of_new.wins_per_daily_deal * prices.average_price
        as decimal(18, 4)
    ) as expected_new_amount,
    cast(coalesce(counted.dated_deals, 0) as bigint) as dated_open_deals,
    cast(coalesce(counted.probability_amount, 0) as decimal(18, 4)) as stage_probability_amount,
    cast(case
        when coalesce(counted.categorised_deals, 0) > 0 or coalesce(counted.dated_deals, 0) = 0
            then coalesce(counted.commit_amount, 0)
    end as decimal(18, 4)) as commit_amount,
    cast(case
        when coalesce(counted.categorised_deals, 0) > 0 or coalesce(counted.dated_deals, 0) = 0
            then coalesce(counted.best_case_amount, 0)
    end as decimal(18, 4)) as best_case_amount,
    parameters.currency
from scopes
cross join parameters
cross join periods
cross join prices
inner join chances_of_new on periods.period_kind = chances_of_new.period_kind
left join pipeline
    on
        scopes.scope_kind = pipeline.scope_kind
        and scopes.scope_id = pipeline.scope_id
        and periods.period_kind = pipeline.period_kind
left join counted
    on
        scopes.scope_kind = counted.scope_kind
        and scopes.scope_id = counted.scope_id
        and periods.period_kind = counted.period_kind
left join intake on scopes.scope_kind = intake.scope_kind and scopes.scope_id = intake.scope_id
-- Who neither works nor has worked on anything in the period has nothing to forecast.
where
    scopes.scope_kind = 'organization'
    or pipeline.open_deals > 0
    or counted.won > 0
    or intake.created_per_day > 0
