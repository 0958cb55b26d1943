{{ config(materialized='incremental', unique_key='activity_id') }}

with

tasks as (
    select task_id, owner_id, created_at
    from {{ ref('stg_task') }}
    where action_key is not null and not {{ is_review('action_key') }} {{ only_changed('task_id') }}
)

select
    task_id as activity_id,
    owner_id as rep_id,
    created_at
from tasks
