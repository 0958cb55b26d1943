with

record_types as (
    {{ last_state('record_type', {
        'Name': 'varchar',
        'BusinessProcessId': 'varchar'
    }) }}
)

select
    record_id as record_type_id,
    Name as record_type_name,
    BusinessProcessId as business_process_id,
    deleted_at
from record_types
