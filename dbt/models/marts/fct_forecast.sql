with

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

periods as (
    select as_of_date, period_kind, period_start_date, period_end_date, is_over
    from {{ ref('int_forecast_periods') }}
    where is_published
),

scopes as (
    select scope_kind, scope_id, scope_name
    from {{ ref('int_scopes') }}
),

pipeline as (
    select
        as_of_date, scope_kind, scope_id, period_kind, open_deals, open_deals_without_amount, open_deals_without_chance,
        open_amount, expected_deals, expected_amount, deals_lower_80, deals_upper_80, deals_lower_95, deals_upper_95,
        amount_lower_80, amount_upper_80, amount_lower_95, amount_upper_95
    from {{ ref('int_forecast') }}
),

calendar as (
    select date_day
    from {{ ref('dim_calendar') }}
),

velocity as (
    select as_of_date, scope_kind, scope_id, window_name, created_per_day, average_price
    from {{ ref('fct_revenue_velocity') }}
),

curve as (
    select as_of_date, horizon_days, win_incidence
    from {{ ref('fct_win_by_horizon') }}
    where window_name = '365d' and scope_kind = 'organization'
),

deals as (
    select
        as_of_date, opportunity_id, rep_id, team_id, period_kind, amount, crm_probability, forecast_category,
        close_date, is_won_in_period, won_amount
    from {{ ref('int_forecast_deals') }}
),

opportunities as (
    select opportunity_id, rep_id, team_id, amount, closed_date
    from {{ ref('fct_opportunity') }}
    where status = 'won'
),

-- Every deal that has to do with the period, and how: won before as_of_date, open then, or won after and not open then.
counted_deals as (
    select
        periods.as_of_date, periods.period_kind, opportunities.team_id, opportunities.rep_id, opportunities.amount,
        cast(null as double) as crm_probability, cast(null as varchar) as forecast_category,
        opportunities.amount as won_amount, opportunities.closed_date <= periods.as_of_date as is_won,
        opportunities.closed_date > periods.as_of_date as is_new, false as is_dated, false as is_won_later
    from opportunities
    inner join periods
        on opportunities.closed_date between periods.period_start_date and periods.period_end_date
    left join deals
        on
            opportunities.opportunity_id = deals.opportunity_id
            and periods.as_of_date = deals.as_of_date
            and periods.period_kind = deals.period_kind
    where opportunities.closed_date <= periods.as_of_date or deals.opportunity_id is null
    union all
    select
        periods.as_of_date, periods.period_kind, deals.team_id, deals.rep_id,
        cast(deals.amount as decimal(18, 4)) as amount, deals.crm_probability, deals.forecast_category,
        deals.won_amount, false as is_won, false as is_new,
        coalesce(deals.close_date between periods.period_start_date and periods.period_end_date, false) as is_dated,
        deals.is_won_in_period as is_won_later
    from deals
    inner join periods on deals.as_of_date = periods.as_of_date and deals.period_kind = periods.period_kind
),

scoped as (
    {%- for kind, id in [('organization', "''"), ('team', 'team_id'), ('rep', 'rep_id')] %}
    select
        '{{ kind }}' as scope_kind,
        {{ id }} as scope_id,
        as_of_date, period_kind, amount, crm_probability, forecast_category, won_amount, is_won, is_new, is_dated,
        is_won_later
    from counted_deals
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        as_of_date,
        scope_kind,
        scope_id,
        period_kind,
        count(*) filter (where is_won) as won,
        count(*) filter (where is_won and amount is null) as won_without_amount,
        sum(amount) filter (where is_won) as won_amount,
        count(*) filter (where is_dated) as dated_deals,
        sum(cast(amount as double) * crm_probability / 100) filter (where is_dated) as probability_amount,
        sum(amount) filter (where is_dated and forecast_category in ('Forecast', 'Commit')) as commit_amount,
        sum(amount) filter (
            where is_dated and forecast_category in ('BestCase', 'Best Case', 'MostLikely', 'Most Likely')
        ) as best_case_amount,
        count(forecast_category) filter (where is_dated) as categorised_deals,
        count(*) filter (where is_won or is_won_later) as realised_deals,
        coalesce(sum(won_amount) filter (where is_won or is_won_later), 0) as realised_amount,
        count(*) filter (where is_new) as realised_new_deals,
        coalesce(sum(won_amount) filter (where is_new), 0) as realised_new_amount
    from scoped
    group by as_of_date, scope_kind, scope_id, period_kind
),

-- F_w(days left) of a deal begun on each day that is still to come.
chances_by_day as (
    select
        periods.as_of_date,
        periods.period_kind,
        calendar.date_day,
        coalesce(max(curve.win_incidence), 0) as win_incidence
    from periods
    inner join calendar
        on periods.as_of_date < calendar.date_day and periods.period_end_date >= calendar.date_day
    left join curve
        on
            periods.as_of_date = curve.as_of_date
            and {{ date_difference('calendar.date_day', 'periods.period_end_date') }} >= curve.horizon_days
    group by periods.as_of_date, periods.period_kind, calendar.date_day
),

chances_of_new as (
    select as_of_date, period_kind, count(*) as days_left, sum(win_incidence) as wins_per_daily_deal
    from chances_by_day
    group by as_of_date, period_kind
),

prices as (
    select as_of_date, average_price
    from velocity
    where window_name = '365d' and scope_kind = 'organization'
),

intake as (
    select as_of_date, scope_kind, scope_id, created_per_day
    from velocity
    where window_name = '90d'
),

forecasts as (
    select
        periods.as_of_date, periods.period_kind, periods.period_start_date, periods.period_end_date, periods.is_over,
        cast(chances_of_new.days_left as integer) as days_left,
        scopes.scope_kind, scopes.scope_id, scopes.scope_name,
        cast(coalesce(counted.won, 0) as bigint) as won,
        cast(coalesce(counted.won_amount, 0) as decimal(18, 4)) as won_amount,
        cast(coalesce(counted.won_without_amount, 0) as bigint) as won_without_amount,
        cast(coalesce(pipeline.open_deals, 0) as bigint) as open_deals,
        cast(coalesce(pipeline.open_amount, 0) as decimal(18, 4)) as open_amount,
        cast(coalesce(pipeline.open_deals_without_amount, 0) as bigint) as open_deals_without_amount,
        cast(coalesce(pipeline.open_deals_without_chance, 0) as bigint) as open_deals_without_chance,
        coalesce(pipeline.expected_deals, 0) as expected_open_deals,
        cast(coalesce(pipeline.expected_amount, 0) as decimal(18, 4)) as expected_open_amount,
        {%- for level in ['lower_80', 'upper_80', 'lower_95', 'upper_95'] %}
        cast(coalesce(counted.won, 0) + coalesce(pipeline.deals_{{ level }}, 0) as bigint) as deals_{{ level }},
        cast(
            coalesce(counted.won_amount, 0) + cast(coalesce(pipeline.amount_{{ level }}, 0) as decimal(18, 4))
            as decimal(18, 4)
        ) as amount_{{ level }},
        {%- endfor %}
        coalesce(intake.created_per_day, 0) * chances_of_new.wins_per_daily_deal as expected_new_deals,
        prices.average_price,
        cast(coalesce(counted.dated_deals, 0) as bigint) as dated_open_deals,
        cast(coalesce(counted.probability_amount, 0) as decimal(18, 4)) as stage_probability_amount,
        case
            when coalesce(counted.categorised_deals, 0) > 0 or coalesce(counted.dated_deals, 0) = 0
                then coalesce(counted.commit_amount, 0)
        end as commit_amount,
        case
            when coalesce(counted.categorised_deals, 0) > 0 or coalesce(counted.dated_deals, 0) = 0
                then coalesce(counted.best_case_amount, 0)
        end as best_case_amount,
        {%- for figure in ['deals', 'new_deals'] %}
        case when periods.is_over then cast(coalesce(counted.realised_{{ figure }}, 0) as bigint) end
            as realised_{{ figure }},
        {%- endfor %}
        {%- for figure in ['amount', 'new_amount'] %}
        case when periods.is_over then cast(coalesce(counted.realised_{{ figure }}, 0) as decimal(18, 4)) end
            as realised_{{ figure }},
        {%- endfor %}
        -- Who neither works nor has worked on anything in the period has nothing to forecast.
        scopes.scope_kind = 'organization'
        or pipeline.open_deals > 0
        or counted.won > 0
        or intake.created_per_day > 0 as has_anything
    from scopes
    cross join periods
    inner join chances_of_new
        on periods.as_of_date = chances_of_new.as_of_date and periods.period_kind = chances_of_new.period_kind
    left join prices on periods.as_of_date = prices.as_of_date
    left join pipeline
        on
            scopes.scope_kind = pipeline.scope_kind
            and scopes.scope_id = pipeline.scope_id
            and periods.as_of_date = pipeline.as_of_date
            and periods.period_kind = pipeline.period_kind
    left join counted
        on
            scopes.scope_kind = counted.scope_kind
            and scopes.scope_id = counted.scope_id
            and periods.as_of_date = counted.as_of_date
            and periods.period_kind = counted.period_kind
    left join intake
        on
            scopes.scope_kind = intake.scope_kind
            and scopes.scope_id = intake.scope_id
            and periods.as_of_date = intake.as_of_date
)

select
    forecasts.as_of_date,
    forecasts.period_kind,
    forecasts.period_start_date,
    forecasts.period_end_date,
    forecasts.days_left,
    forecasts.scope_kind,
    forecasts.scope_id,
    forecasts.scope_name,
    forecasts.won,
    forecasts.won_amount,
    forecasts.won_without_amount,
    forecasts.open_deals,
    forecasts.open_amount,
    forecasts.open_deals_without_amount,
    forecasts.open_deals_without_chance,
    forecasts.expected_open_deals,
    forecasts.expected_open_amount,
    forecasts.won + forecasts.expected_open_deals as expected_deals,
    {%- for level in ['lower_80', 'upper_80', 'lower_95', 'upper_95'] %}
    forecasts.deals_{{ level }},
    {%- endfor %}
    cast(forecasts.won_amount + forecasts.expected_open_amount as decimal(18, 4)) as expected_amount,
    {%- for level in ['lower_80', 'upper_80', 'lower_95', 'upper_95'] %}
    forecasts.amount_{{ level }},
    {%- endfor %}
    forecasts.expected_new_deals,
    cast(forecasts.expected_new_deals * forecasts.average_price as decimal(18, 4)) as expected_new_amount,
    forecasts.dated_open_deals,
    forecasts.stage_probability_amount,
    cast(forecasts.commit_amount as decimal(18, 4)) as commit_amount,
    cast(forecasts.best_case_amount as decimal(18, 4)) as best_case_amount,
    forecasts.realised_deals,
    forecasts.realised_amount,
    forecasts.realised_new_deals,
    forecasts.realised_new_amount,
    {%- for level in ['80', '95'] %}
    forecasts.realised_amount between forecasts.amount_lower_{{ level }} and forecasts.amount_upper_{{ level }}
        as is_within_{{ level }},
    {%- endfor %}
    parameters.currency
from forecasts
cross join parameters
where forecasts.has_anything
