with

quotas as (
    select forecasting_quota_id, rep_id, period_id, start_date, quota_amount, currency, quota_source, landing_sequence
    from {{ ref('stg_forecasting_quota') }}
    where deleted_at is null
),

periods as (
    select
        period_id,
        start_date,
        end_date,
        case lower(period_type) when 'quarter' then 3 when 'year' then 12 else 1 end as months
    from {{ ref('stg_period') }}
),

parameters as (
    select currency
    from {{ ref('stg_run_parameters') }}
),

-- A quota without a period is that of the month it starts in.
dated as (
    select
        quotas.forecasting_quota_id,
        quotas.rep_id,
        coalesce(periods.start_date, cast(date_trunc('month', quotas.start_date) as date)) as start_date,
        periods.end_date,
        coalesce(periods.months, 1) as months,
        quotas.quota_amount,
        coalesce(quotas.currency, parameters.currency) as currency,
        quotas.quota_source,
        quotas.landing_sequence
    from quotas
    cross join parameters
    left join periods on quotas.period_id = periods.period_id
    where quotas.rep_id is not null and quotas.quota_amount is not null
)

select
    forecasting_quota_id,
    rep_id,
    start_date,
    coalesce(end_date, cast(start_date + months * interval '1 month' - interval '1 day' as date)) as end_date,
    quota_amount,
    currency,
    quota_source,
    landing_sequence
from dated
where start_date is not null
