with

quotas as (
    select forecasting_quota_id, rep_id, period_id, start_date, quota_amount, currency, quota_source, landing_sequence
    from {{ ref('stg_forecasting_quota') }}
    where deleted_at is null
),

periods as (
    select period_id, period_type, start_date, end_date
    from {{ ref('stg_period') }}
),

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

rates as (
    select currency, valid_from_date, valid_to_date, units_per_corporate_unit
    from {{ ref('int_conversion_rates') }}
),

dated as (
    select
        quotas.forecasting_quota_id,
        quotas.rep_id,
        cast(date_trunc('month', coalesce(periods.start_date, quotas.start_date)) as date) as first_month_date,
        case lower(periods.period_type) when 'quarter' then 3 when 'year' then 12 else 1 end as months,
        quotas.quota_amount,
        coalesce(quotas.currency, parameters.currency) as currency,
        quotas.quota_source,
        quotas.landing_sequence
    from quotas
    cross join parameters
    left join periods on quotas.period_id = periods.period_id
    where quotas.rep_id is not null and quotas.quota_amount is not null
),

month_offsets as (
    select distinct cast(extract(month from date_day) - 1 as integer) as month_offset
    from {{ ref('dim_calendar') }}
),

-- A quarter's or a year's quota is spread evenly over its months; a month's own goes before a share of a longer one.
monthly as (
    select
        dated.rep_id,
        cast(dated.first_month_date + month_offsets.month_offset * interval '1 month' as date) as month_start_date,
        cast(dated.quota_amount / dated.months as decimal(18, 4)) as quota_amount,
        dated.currency,
        dated.quota_source,
        dated.months,
        dated.landing_sequence
    from dated
    inner join month_offsets on dated.months > month_offsets.month_offset
    where dated.first_month_date is not null
    qualify row_number() over (
        partition by dated.rep_id, month_start_date order by dated.months, -dated.landing_sequence
    ) = 1
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
    monthly.quota_source as source
from monthly
cross join parameters
left join rates as own_rates
    on {{ rate_holds('own_rates', 'monthly.currency', 'monthly.month_start_date') }}
left join rates as wanted_rates
    on {{ rate_holds('wanted_rates', 'parameters.currency', 'monthly.month_start_date') }}
