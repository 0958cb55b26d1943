with

opportunities as (
    {{ accepted_facts('opportunity', {
        'StageName': 'varchar',
        'LastStageChangeDate': 'timestamptz'
    }) }}
),

renamed as (
    {{ renamed_stages() }}
),

named as (
    select
        opportunities.record_id,
        coalesce(renamed.stage_name, opportunities.StageName) as stage_name,
        opportunities.LastStageChangeDate,
        opportunities.occurred_at,
        opportunities.sequence
    from opportunities
    left join renamed on opportunities.StageName = renamed.former_name
    where opportunities.StageName is not null
),

followed as (
    select
        record_id as opportunity_id,
        stage_name,
        LastStageChangeDate as last_stage_change_at,
        occurred_at,
        sequence as landing_sequence,
        lag(stage_name) over record_order as previous_stage_name,
        lag(occurred_at) over record_order as previous_occurred_at
    from named
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
