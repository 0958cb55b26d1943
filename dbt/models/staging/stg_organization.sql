with

organizations as (
    {{ last_state('organization', {
        'FiscalYearStartMonth': 'bigint',
        'UsesStartDateAsFiscalYearName': 'boolean'
    }) }}
)

select
    record_id as organization_id,
    cast(FiscalYearStartMonth as integer) as fiscal_year_start_month,
    UsesStartDateAsFiscalYearName as is_fiscal_year_named_by_start
from organizations
