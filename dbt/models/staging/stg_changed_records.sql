with

changed_records as (
    select * from {{ source('run', 'changed_records') }}
)

select record_id
from changed_records
