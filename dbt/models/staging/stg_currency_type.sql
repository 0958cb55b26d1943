with

currency_types as (
    {{ last_state('currency_type', {
        'IsoCode': 'varchar',
        'ConversionRate': 'double',
        'IsCorporate': 'boolean'
    }) }}
)

select
    record_id as currency_type_id,
    IsoCode as currency,
    ConversionRate as units_per_corporate_unit,
    IsCorporate as is_corporate,
    deleted_at
from currency_types
