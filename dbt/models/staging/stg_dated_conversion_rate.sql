with

dated_conversion_rates as (
    {{ last_state('dated_conversion_rate', {
        'IsoCode': 'varchar',
        'StartDate': 'date',
        'ConversionRate': 'double'
    }) }}
)

select
    record_id as dated_conversion_rate_id,
    IsoCode as currency,
    StartDate as start_date,
    ConversionRate as units_per_corporate_unit,
    sequence as landing_sequence,
    deleted_at
from dated_conversion_rates
