{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

opportunities as (
    {{ accepted_facts('opportunity', {
        'StageName': 'varchar',
        'Amount': 'decimal(18, 4)',
        'CloseDate': 'date',
        'OwnerId': 'varchar',
        'NextStep': 'varchar'
    }, changed_only=true) }}
),

dated as (
    select
        record_id,
        event_id,
        StageName,
        Amount,
        CloseDate,
        OwnerId,
        NextStep,
        occurred_at,
        observed_at,
        sequence,
        kind in ('deleted', 'purged') as is_deletion,
        occurred_at < {{ as_of_end_at() }} as is_in_time
    from opportunities
),

followed as (
    select
        record_id as opportunity_id,
        event_id as fact_id,
        StageName as stage_name,
        Amount as amount,
        CloseDate as close_date,
        OwnerId as owner_id,
        NextStep as next_step,
        occurred_at,
        observed_at,
        sequence as landing_sequence,
        is_deletion and is_in_time as is_gone,
        lag(event_id) over record_order is null as is_first,
        lag(StageName) over record_order as previous_stage_name,
        lag(Amount) over record_order as previous_amount,
        lag(CloseDate) over record_order as previous_close_date,
        lag(OwnerId) over record_order as previous_owner_id,
        lag(NextStep) over record_order as previous_next_step,
        lag(occurred_at) over record_order as previous_occurred_at,
        -- Whether a record is gone goes by landing, as the state of a record does.
        is_in_time and coalesce(lag(is_deletion) over landing_order, false) as was_gone,
        count(*) filter (where not is_deletion) over landing_order as lives_so_far
    from dated
    window
        record_order as (partition by record_id order by occurred_at, sequence),
        landing_order as (partition by record_id, is_in_time order by sequence)
)

select
    opportunity_id,
    fact_id,
    previous_stage_name,
    stage_name,
    previous_amount,
    amount,
    previous_close_date,
    close_date,
    previous_owner_id,
    owner_id,
    previous_next_step,
    next_step,
    is_first,
    is_gone,
    was_gone,
    cast(lives_so_far as integer) as lives_so_far,
    previous_occurred_at as changed_after_at,
    occurred_at as changed_by_at,
    observed_at,
    landing_sequence
from followed
where
    is_gone
    or was_gone
    or (not is_first and (
        stage_name is distinct from previous_stage_name
        or amount is distinct from previous_amount
        or close_date is distinct from previous_close_date
        or owner_id is distinct from previous_owner_id
        or next_step is distinct from previous_next_step
    ))
