{{ config(pre_hook="{{ keep_before() }}") }}

with

org_stages as (
    select stage_name, stage_sort_order, is_active, is_closed, is_won, default_probability
    from {{ ref('stg_opportunity_stage') }}
    qualify row_number() over (
        partition by stage_name order by not is_active, stage_sort_order, opportunity_stage_id
    ) = 1
),

history_stages as (
    select stage_name, max(stage_sort_order) as stage_sort_order
    from {{ ref('stg_opportunity_history') }}
    group by stage_name
),

current_stages as (
    select distinct stage_name
    from {{ ref('stg_opportunity') }}
),

seen as (
    select stage_name from org_stages
    union
    select stage_name from history_stages
    union
    select stage_name from current_stages
),

described as (
    select
        seen.stage_name,
        coalesce(org_stages.stage_sort_order, history_stages.stage_sort_order) as stage_sort_order,
        coalesce(
            org_stages.is_closed,
            {{ stage_name_is_won('seen.stage_name') }} or {{ stage_name_is_lost('seen.stage_name') }}
        ) as is_closed,
        coalesce(org_stages.is_won, {{ stage_name_is_won('seen.stage_name') }}) as is_won,
        coalesce(org_stages.is_active, true) as is_active,
        org_stages.default_probability,
        org_stages.stage_name is not null as is_defined
    from seen
    left join org_stages on seen.stage_name = org_stages.stage_name
    left join history_stages on seen.stage_name = history_stages.stage_name
    where seen.stage_name is not null
),

ordered as (
    select
        stage_name,
        cast(row_number() over (
            order by stage_sort_order is null, stage_sort_order, is_closed, not is_won, stage_name
        ) as integer) as stage_order,
        is_closed,
        is_won,
        is_active,
        default_probability,
        is_defined,
        is_active and not is_closed as is_open_and_active
    from described
)

select
    stage_name,
    stage_order,
    is_closed,
    is_won,
    is_active,
    default_probability,
    is_defined,
    is_open_and_active,
    cast(sum(case when is_open_and_active then 1 else 0 end) over (
        order by stage_order rows between unbounded preceding and current row
    ) as integer) as open_stages_so_far
from ordered
