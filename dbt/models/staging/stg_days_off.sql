with

days_off as (
    select * from {{ source('run', 'days_off') }}
)

select
    date_day,
    is_weekend,
    public_holiday_name,
    is_company_holiday
from days_off
