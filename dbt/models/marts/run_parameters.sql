with

parameters as (
    select
        as_of_date, known_at, time_zone, minimum_at_risk, clock_stage_name, country_code, currency, as_of_end_at
    from {{ ref('stg_run_parameters') }}
)

select
    as_of_date,
    known_at,
    time_zone,
    minimum_at_risk,
    clock_stage_name,
    country_code,
    currency,
    as_of_end_at
from parameters
