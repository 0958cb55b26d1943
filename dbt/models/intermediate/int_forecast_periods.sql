with

parameters as (
    select as_of_date
    from {{ ref('stg_run_parameters') }}
),

-- Below this no coefficient is shown either (method §2): no forecast was to be had before.
first_closes as (
    select closed_date
    from {{ ref('fct_opportunity') }}
    where status in ('won', 'lost')
    order by closed_date
    limit 30
),

learned as (
    select max(closed_date) as learned_date
    from first_closes
    having count(*) = 30
),

calendar as (
    select date_day, month_start_date, month_end_date, quarter_start_date, quarter_end_date
    from {{ ref('dim_calendar') }}
),

eves as (
    select
        calendar.date_day as as_of_date,
        row_number() over (order by calendar.date_day desc) as months_back
    from calendar
    cross join parameters
    inner join learned on calendar.date_day >= learned.learned_date
    where calendar.date_day = calendar.month_end_date and calendar.date_day < parameters.as_of_date
),

dates as (
    select as_of_date, true as is_last_night, true as is_published
    from parameters
    union all
    -- A year of forecasts is shown; what each month used was chosen by the year before it.
    select as_of_date, false as is_last_night, months_back <= 13 as is_published
    from eves
    where months_back <= 25
),

begun as (
    select
        dates.as_of_date, dates.is_last_night, dates.is_published, calendar.month_start_date, calendar.month_end_date,
        calendar.quarter_start_date, calendar.quarter_end_date
    from dates
    inner join calendar on {{ add_days('dates.as_of_date', 1) }} = calendar.date_day
),

periods as (
    select
        as_of_date, is_last_night, is_published, 'month' as period_kind, month_start_date as period_start_date,
        month_end_date as period_end_date
    from begun
    union all
    select
        as_of_date, is_last_night, is_published, 'quarter' as period_kind, quarter_start_date as period_start_date,
        quarter_end_date as period_end_date
    from begun
)

select
    periods.as_of_date,
    periods.is_last_night,
    periods.is_published,
    periods.period_kind,
    periods.period_start_date,
    periods.period_end_date,
    periods.period_end_date <= parameters.as_of_date as is_over
from periods
cross join parameters
