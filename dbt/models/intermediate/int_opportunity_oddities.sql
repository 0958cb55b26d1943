{{ config(materialized='incremental', unique_key='opportunity_id') }}

with

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select
        opportunity_id, stage_name, owner_id, amount, is_flagged_closed, is_flagged_won, crm_created_at,
        last_modified_at, close_date
    from {{ ref('stg_opportunity') }}
    where true {{ only_changed('opportunity_id') }}
),

bounds as (
    select opportunity_id, first_history_at, last_history_stage_name, has_history_after
    from {{ ref('int_opportunity_bounds') }}
    where true {{ only_changed('opportunity_id') }}
),

stages as (
    select stage_name, stage_order, is_closed, is_won, is_defined
    from {{ ref('int_stages') }}
),

history as (
    select
        opportunity_id,
        stage_name,
        changed_at,
        lag(stage_name) over (partition by opportunity_id order by changed_at, landing_sequence) as previous_stage_name
    from {{ ref('stg_opportunity_history') }}
    where true {{ only_changed('opportunity_id') }}
),

history_counts as (
    select
        history.opportunity_id,
        count(*) filter (where history.changed_at < opportunities.crm_created_at) as before_creation,
        count(*) filter (where history.stage_name = history.previous_stage_name) as same_stage_repeats,
        count(*) filter (where stages.stage_order < previous_stages.stage_order) as backward_moves
    from history
    cross join parameters
    inner join opportunities on history.opportunity_id = opportunities.opportunity_id
    left join stages on history.stage_name = stages.stage_name
    left join stages as previous_stages on history.previous_stage_name = previous_stages.stage_name
    where history.changed_at < parameters.as_of_end_at
    group by history.opportunity_id
)

select
    bounds.opportunity_id,
    {{ comma_list([
        "case when opportunities.crm_created_at > opportunities.last_modified_at then 'created_after_modified' end",
        "case when history_counts.before_creation > 0 then "
            ~ "'history_before_creation:' || cast(history_counts.before_creation as varchar) end",
        "case when not bounds.has_history_after and bounds.last_history_stage_name <> opportunities.stage_name "
            ~ "then 'last_history_stage_differs' end",
        "case when bounds.first_history_at is null then 'no_history' end",
        "case when history_counts.same_stage_repeats > 0 then "
            ~ "'same_stage_repeat:' || cast(history_counts.same_stage_repeats as varchar) end",
        "case when history_counts.backward_moves > 0 then "
            ~ "'backward_move:' || cast(history_counts.backward_moves as varchar) end",
        "case when stages.is_closed and not opportunities.is_flagged_closed then 'closed_stage_not_flagged' end",
        "case when not stages.is_closed and opportunities.is_flagged_closed then 'open_stage_flagged_closed' end",
        "case when stages.is_won <> opportunities.is_flagged_won then 'won_flag_differs' end",
        "case when not stages.is_defined then 'stage_not_defined' end",
        "case when opportunities.amount is null then 'amount_missing' end",
        "case when opportunities.close_date is null then 'close_date_missing' end"
    ]) }} as oddities
from bounds
inner join opportunities on bounds.opportunity_id = opportunities.opportunity_id
left join stages on opportunities.stage_name = stages.stage_name
left join history_counts on bounds.opportunity_id = history_counts.opportunity_id
