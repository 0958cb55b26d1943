{{ config(materialized='view') }}

with

rates as (
    select currency, start_date, max_by(units_per_corporate_unit, landing_sequence) as units_per_corporate_unit
    from {{ ref('stg_dated_conversion_rate') }}
    where deleted_at is null and start_date is not null and units_per_corporate_unit > 0
    group by currency, start_date
),

dated as (
    select
        currency,
        start_date,
        units_per_corporate_unit,
        row_number() over (partition by currency order by start_date) as rate_number,
        lead(start_date) over (partition by currency order by start_date) as next_start_date
    from rates
)

select
    currency,
    case when rate_number > 1 then start_date end as valid_from_date,
    next_start_date as valid_to_date,
    units_per_corporate_unit
from dated
union all
select
    types.currency,
    cast(null as date) as valid_from_date,
    cast(null as date) as valid_to_date,
    types.units_per_corporate_unit
from {{ ref('stg_currency_type') }} as types
where
    types.deleted_at is null
    and types.units_per_corporate_unit > 0
    and types.currency not in (select dated.currency from dated)
