{{ config(materialized='view') }}

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
)

{{ date_series('first_date', 'last_date') }}
from bounds
