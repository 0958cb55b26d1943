with

parameters as (
    select as_of_date
    from {{ ref('stg_run_parameters') }}
),

windows as (
    select window_name, days, window_from_date, window_to_date
    from {{ ref('stg_run_windows') }}
),

opportunities as (
    select created_date, closed_date
    from {{ ref('fct_opportunity') }}
),

bounds as (
    select
        parameters.as_of_date,
        coalesce(min(opportunities.closed_date), parameters.as_of_date) as first_close_date,
        coalesce({{ add_days('min(opportunities.created_date)', -1) }}, parameters.as_of_date) as before_first_date
    from parameters
    left join opportunities on opportunities.created_date <= parameters.as_of_date
    group by parameters.as_of_date
),

dates as (
    {{ date_series('(select min(first_close_date) from bounds)', '(select max(as_of_date) from bounds)') }}
),

-- The fixed calendar of rolling series: Mondays (1970-01-05 was one), month ends, last night.
calendar as (
    select dates.date_day as as_of_date
    from dates
    cross join bounds
    where
        {{ date_difference("date '1970-01-05'", 'dates.date_day') }} % 7 = 0
        or dates.date_day = last_day(dates.date_day)
        or dates.date_day = bounds.as_of_date
),

rolling as (
    select
        calendar.as_of_date,
        windows.window_name,
        case
            when windows.days is null then bounds.before_first_date
            else {{ add_days('calendar.as_of_date', '-windows.days') }}
        end as window_from_date,
        calendar.as_of_date as window_to_date
    from calendar
    cross join bounds
    inner join windows on windows.days is not null or windows.window_from_date is null
),

-- A from-to window is computed once, as of its end.
chosen as (
    select
        least(windows.window_to_date, bounds.as_of_date) as as_of_date,
        windows.window_name,
        windows.window_from_date,
        least(windows.window_to_date, bounds.as_of_date) as window_to_date
    from windows
    cross join bounds
    where windows.days is null and windows.window_from_date < least(windows.window_to_date, bounds.as_of_date)
),

every_window as (
    select as_of_date, window_name, window_from_date, window_to_date from rolling
    union all
    select as_of_date, window_name, window_from_date, window_to_date from chosen
)

select
    every_window.as_of_date,
    every_window.window_name,
    every_window.window_from_date,
    every_window.window_to_date,
    -- From-to windows are asked for as of their own end; they belong to what last night shows.
    every_window.window_to_date = bounds.as_of_date
    or (windows.days is null and windows.window_from_date is not null) as is_last_night
from every_window
cross join bounds
inner join windows on every_window.window_name = windows.window_name
