{{ config(materialized='view') }}

with

parameters as (
    select as_of_date, {{ add_days('as_of_date', 1) }} as tomorrow
    from {{ ref('stg_run_parameters') }}
),

calendar as (
    select date_day, month_start_date, month_end_date, quarter_start_date, quarter_end_date
    from {{ ref('dim_calendar') }}
)

select
    parameters.as_of_date,
    'month' as period_kind,
    calendar.month_start_date as period_start_date,
    calendar.month_end_date as period_end_date
from parameters
inner join calendar on parameters.tomorrow = calendar.date_day
union all
select
    parameters.as_of_date,
    'quarter' as period_kind,
    calendar.quarter_start_date as period_start_date,
    calendar.quarter_end_date as period_end_date
from parameters
inner join calendar on parameters.tomorrow = calendar.date_day
