with

periods as (
    {{ last_state('period', {
        'Type': 'varchar',
        'StartDate': 'date',
        'EndDate': 'date'
    }) }}
)

select
    record_id as period_id,
    Type as period_type,
    StartDate as start_date,
    EndDate as end_date
from periods
