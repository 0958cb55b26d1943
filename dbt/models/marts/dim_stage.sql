with

stages as (
    select stage_name, stage_order, is_closed, is_won, is_active, default_probability
    from {{ ref('int_stages') }}
)

select
    stage_name,
    stage_order,
    is_closed,
    is_won,
    is_active,
    default_probability
from stages
