{{ config(materialized='table') }}

with

forecasting_quotas as (
    {{ last_state('forecasting_quota', {
        'QuotaOwnerId': 'varchar',
        'PeriodId': 'varchar',
        'StartDate': 'date',
        'QuotaAmount': 'decimal(18, 4)',
        'CurrencyIsoCode': 'varchar'
    }) }}
)

select
    record_id as forecasting_quota_id,
    QuotaOwnerId as rep_id,
    PeriodId as period_id,
    StartDate as start_date,
    QuotaAmount as quota_amount,
    CurrencyIsoCode as currency,
    case when source = 'csv' then 'csv' else 'salesforce' end as quota_source,
    sequence as landing_sequence,
    deleted_at
from forecasting_quotas
