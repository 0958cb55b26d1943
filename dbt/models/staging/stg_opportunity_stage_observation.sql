with

opportunities as (
    {{ accepted_facts('opportunity', {
        'StageName': 'varchar',
        'LastStageChangeDate': 'timestamptz'
    }) }}
),

followed as (
    select
        record_id as opportunity_id,
        StageName as stage_name,
        LastStageChangeDate as last_stage_change_at,
        occurred_at,
        sequence as landing_sequence,
        lag(StageName) over record_order as previous_stage_name,
        lag(occurred_at) over record_order as previous_occurred_at
    from opportunities
    where StageName is not null
    window record_order as (partition by record_id order by occurred_at, sequence)
)

select
    opportunity_id,
    previous_stage_name,
    stage_name,
    previous_occurred_at as changed_after_at,
    occurred_at as changed_by_at,
    case
        when last_stage_change_at >= previous_occurred_at and last_stage_change_at <= occurred_at
            then last_stage_change_at
        else occurred_at
    end as changed_at,
    landing_sequence
from followed
where stage_name <> previous_stage_name
