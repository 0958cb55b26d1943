{{ config(materialized='view') }}

with

periods as (
    select period_kind, period_end_date
    from {{ ref('int_forecast_periods') }}
),

opportunities as (
    select opportunity_id, rep_id, team_id, amount
    from {{ ref('fct_opportunity') }}
    where status = 'open'
),

chances as (
    select opportunity_id, horizon_date, p_win, lower_80, upper_80
    from {{ ref('fct_win_ahead') }}
    where horizon_kind = 'month_end'
)

select
    opportunities.opportunity_id,
    opportunities.rep_id,
    opportunities.team_id,
    periods.period_kind,
    cast(opportunities.amount as double) as amount,
    chances.p_win,
    chances.lower_80,
    chances.upper_80
from opportunities
cross join periods
left join chances
    on opportunities.opportunity_id = chances.opportunity_id and periods.period_end_date = chances.horizon_date
