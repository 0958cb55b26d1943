with

monthly as (
    select rep_id, month_start_date, quota_amount, currency, source
    from {{ ref('int_quota_months') }}
),

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

rates as (
    select currency, valid_from_date, valid_to_date, units_per_corporate_unit
    from {{ ref('int_conversion_rates') }}
)

select
    monthly.rep_id,
    monthly.month_start_date,
    {{ converted(
        'monthly.quota_amount', 'monthly.currency', 'parameters.currency', 'own_rates.units_per_corporate_unit',
        'wanted_rates.units_per_corporate_unit', '1'
    ) }} as quota_amount,
    {{ converted_currency(
        'monthly.currency', 'parameters.currency', 'own_rates.units_per_corporate_unit',
        'wanted_rates.units_per_corporate_unit', '1'
    ) }} as currency,
    monthly.source
from monthly
cross join parameters
left join rates as own_rates
    on {{ rate_holds('own_rates', 'monthly.currency', 'monthly.month_start_date') }}
left join rates as wanted_rates
    on {{ rate_holds('wanted_rates', 'parameters.currency', 'monthly.month_start_date') }}
