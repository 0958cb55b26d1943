{{ config(materialized='incremental', unique_key='review_task_id') }}

with

tasks as (
    select task_id, action_key, review_reason, is_closed, deleted_at
    from {{ ref('stg_task') }}
    where {{ is_review('action_key') }} {{ only_changed('task_id') }}
)

-- The day is its rep's, whoever owns the task by now.
select
    task_id as review_task_id,
    split_part(action_key, ':', 2) as rep_id,
    try_cast(split_part(action_key, ':', 3) as date) as review_date,
    review_reason,
    coalesce(is_closed, false) as is_closed,
    deleted_at
from tasks
