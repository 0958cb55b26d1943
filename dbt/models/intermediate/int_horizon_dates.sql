{{ config(materialized='view') }}

with

parameters as (
    select as_of_date, {{ add_days('as_of_date', 1) }} as tomorrow
    from {{ ref('stg_run_parameters') }}
),

periods as (
    select as_of_date, period_end_date
    from {{ ref('int_forecast_periods') }}
    where is_published and not is_last_night
),

dates as (
    {{ date_series(
        '(select min(tomorrow) from parameters)', '(select max(' ~ add_days('as_of_date', 190) ~ ') from parameters)'
    ) }}
),

-- "This month" is tomorrow's: on the last evening of a month, the plan is made for the next one.
month_ends as (
    select dates.date_day as horizon_date
    from dates
    where dates.date_day = last_day(dates.date_day)
    order by dates.date_day
    limit 6
)

select
    parameters.as_of_date,
    month_ends.horizon_date,
    'month_end' as horizon_kind
from month_ends
cross join parameters
union all
select
    as_of_date,
    {{ add_days('as_of_date', 90) }} as horizon_date,
    '90_days' as horizon_kind
from parameters
union all
-- The last month of a quarter ends with it.
select distinct
    as_of_date,
    period_end_date as horizon_date,
    'month_end' as horizon_kind
from periods
