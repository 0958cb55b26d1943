-- depends_on: {{ ref('int_changed_records') }} (it reads what the last build left here)

with

record_type_stages as (
    select record_type_id, record_type_name, sales_process_id, stage_name, stage_order, open_stages_so_far
    from {{ ref('int_record_type_stages') }}
)

select
    record_type_id,
    record_type_name,
    sales_process_id,
    stage_name,
    stage_order,
    open_stages_so_far
from record_type_stages
