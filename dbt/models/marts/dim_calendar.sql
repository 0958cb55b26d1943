with

parameters as (
    select as_of_date
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select opportunity_id, created_at
    from {{ ref('int_opportunity_bounds') }}
),

first_deals as (
    select cast(min(created_at) as date) as first_date
    from opportunities
),

-- From the year before the first deal (windows reach back) to a year ahead (plans reach forward).
bounds as (
    select
        {{ add_days('coalesce(first_deals.first_date, parameters.as_of_date)', -366) }} as first_date,
        {{ add_days('parameters.as_of_date', 366) }} as last_date
    from parameters
    cross join first_deals
),

dates as (
    {{ date_series('first_date', 'last_date') }}
    from bounds
),

weeks as (
    select
        date_day,
        cast(date_trunc('month', date_day) as date) as month_start_date,
        cast(date_trunc('quarter', date_day) as date) as quarter_start_date,
        cast(date_trunc('week', date_day) as date) as week_start_date
    from dates
),

numbered as (
    select
        date_day,
        month_start_date,
        cast(month_start_date + interval '1 month' - interval '1 day' as date) as month_end_date,
        quarter_start_date,
        cast(quarter_start_date + interval '3 months' - interval '1 day' as date) as quarter_end_date,
        week_start_date,
        {{ date_difference('week_start_date', 'date_day') }} + 1 as weekday_number
    from weeks
)

select
    date_day,
    cast(extract(year from date_day) as integer) as year_number,
    quarter_start_date,
    quarter_end_date,
    month_start_date,
    month_end_date,
    cast((extract(month from date_day) - 1) % 3 + 1 as integer) as month_of_quarter,
    week_start_date,
    weekday_number,
    weekday_number >= 6 as is_weekend,
    date_day = month_end_date as is_month_end
from numbered
