with

stages as (
    select stage_name, stage_order, is_closed, is_won, is_active, is_defined, default_probability
    from {{ ref('int_stages') }}
)

select
    stage_name,
    stage_order,
    is_closed,
    is_won,
    case when is_won then 'won' when is_closed then 'lost' else 'open' end as stage_status,
    is_active,
    is_defined,
    default_probability
from stages
