{{ config(pre_hook="{{ keep_before() }}") }}

with

opportunities as (
    select opportunity_id, coalesce(record_type_id, '') as record_type_id, stage_name
    from {{ ref('stg_opportunity') }}
),

record_types as (
    select record_type_id, record_type_name, business_process_id
    from {{ ref('stg_record_type') }}
),

stages as (
    select stage_name, stage_order, is_open_and_active
    from {{ ref('int_stages') }}
),

-- Record types share their sales process; one that names none is a process of its own.
processes as (
    select
        used.record_type_id,
        record_types.record_type_name,
        coalesce(record_types.business_process_id, used.record_type_id) as sales_process_id
    from (select distinct record_type_id from opportunities) as used
    left join record_types on used.record_type_id = record_types.record_type_id
),

deals as (
    select opportunities.opportunity_id, opportunities.stage_name, processes.sales_process_id
    from opportunities
    inner join processes on opportunities.record_type_id = processes.record_type_id
    -- With one process for all, the list of the org is its list.
    where (select count(distinct every_process.sales_process_id) from processes as every_process) > 1
),

told as (
    select opportunity_id, stage_name from {{ ref('stg_opportunity_history') }}
    union all
    select opportunity_id, stage_name from {{ ref('stg_opportunity_stage_observation') }}
    union all
    select opportunity_id, previous_stage_name as stage_name from {{ ref('stg_opportunity_stage_observation') }}
    union all
    select opportunity_id, new_value as stage_name
    from {{ ref('stg_opportunity_field_history') }}
    where field_name = 'StageName'
),

-- Salesforce tells which process a record type has, not which stages a process has: those that its deals were in.
seen as (
    select sales_process_id, stage_name
    from deals
    union
    select deals.sales_process_id, told.stage_name
    from told
    inner join deals on told.opportunity_id = deals.opportunity_id
)

select
    processes.record_type_id,
    processes.record_type_name,
    processes.sales_process_id,
    stages.stage_name,
    stages.stage_order,
    stages.is_open_and_active,
    cast(sum(case when stages.is_open_and_active then 1 else 0 end) over (
        partition by processes.record_type_id
        order by stages.stage_order rows between unbounded preceding and current row
    ) as integer) as open_stages_so_far
from processes
inner join seen on processes.sales_process_id = seen.sales_process_id
inner join stages on seen.stage_name = stages.stage_name
