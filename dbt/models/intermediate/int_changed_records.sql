with

changed as (
    select record_id
    from {{ ref('stg_changed_records') }}
),

opportunities as (
    select opportunity_id
    from {{ ref('stg_opportunity') }}
),

-- Another stage, or another order of them, may change what any deal went through.
moved_stages as (
    {{ moved_rows(ref('int_stages'), ['stage_name', 'stage_order', 'is_closed', 'is_won', 'is_active', 'is_defined']) }}
    union all
    {{ moved_rows(
        ref('int_record_type_stages'),
        ['record_type_id', 'stage_name', 'stage_order', 'is_open_and_active', 'open_stages_so_far']
    ) }}
)

select record_id
from changed
union
select opportunity_id as record_id
from opportunities
where exists (select 1 from moved_stages)
