{{ config(materialized='table') }}

with

parameters as (
    select * from {{ source('run', 'parameters') }}
)

select
    as_of_date,
    known_at,
    time_zone,
    cast(minimum_at_risk as integer) as minimum_at_risk,
    clock_stage_name,
    country_code,
    currency,
    are_review_reasons_open,
    quota_spread,
    {{ local_midnight(add_days('as_of_date', 1), 'time_zone') }} as as_of_end_at
from parameters
