with

windows as (
    select * from {{ source('run', 'windows') }}
)

select
    window_name,
    cast(days as integer) as days,
    from_date as window_from_date,
    to_date as window_to_date
from windows
