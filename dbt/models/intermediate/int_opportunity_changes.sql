{{ config(materialized='view') }}

with

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

history as (
    select
        opportunity_history_id,
        opportunity_id,
        amount,
        close_date,
        changed_at,
        fact_id,
        first_observed_at,
        landing_sequence,
        lag(amount) over opportunity_order as previous_amount,
        lag(close_date) over opportunity_order as previous_close_date,
        row_number() over opportunity_order = 1 as is_first
    from {{ ref('stg_opportunity_history') }}
    where true {{ only_changed('opportunity_id') }}
    window opportunity_order as (partition by opportunity_id order by changed_at, landing_sequence)
),

field_history as (
    select
        opportunity_field_history_id,
        opportunity_id,
        case
            when field_name = 'Amount' then 'amount'
            when field_name = 'CloseDate' then 'close_date'
            when field_name = 'NextStep' then 'next_step'
            else 'owner'
        end as change_kind,
        case
            when field_name = 'Amount' then cast(try_cast(old_value as decimal(18, 4)) as varchar)
            when field_name = 'CloseDate' then substr(old_value, 1, 10)
            else old_value
        end as before_value,
        case
            when field_name = 'Amount' then cast(try_cast(new_value as decimal(18, 4)) as varchar)
            when field_name = 'CloseDate' then substr(new_value, 1, 10)
            else new_value
        end as after_value,
        changed_at,
        fact_id,
        first_observed_at,
        landing_sequence
    from {{ ref('stg_opportunity_field_history') }}
    where
        (
            field_name in ('Amount', 'CloseDate', 'NextStep')
            -- Salesforce writes each change of owner twice, once with names and once with ids.
            or (field_name in ('Owner', 'OwnerId') and new_value like '005%')
        )
        {{ only_changed('opportunity_id') }}
),

observations as (
    select
        opportunity_id, fact_id, previous_amount, amount, previous_close_date, close_date, previous_owner_id, owner_id,
        previous_next_step, next_step, is_first, is_gone, was_gone, lives_so_far, changed_after_at, changed_by_at,
        observed_at, landing_sequence
    from {{ ref('stg_opportunity_observation') }}
    where true {{ only_changed('opportunity_id') }}
),

in_history as (
    select
        opportunity_id, 'amount' as change_kind, cast(previous_amount as varchar) as before_value,
        cast(amount as varchar) as after_value, changed_at as occurred_at, 'opportunity_history' as change_source,
        opportunity_history_id as source_record_id, fact_id, first_observed_at as observed_at, landing_sequence
    from history
    where not is_first and amount is distinct from previous_amount
    union all
    select
        opportunity_id, 'close_date' as change_kind, cast(previous_close_date as varchar) as before_value,
        cast(close_date as varchar) as after_value, changed_at as occurred_at,
        'opportunity_history' as change_source, opportunity_history_id as source_record_id, fact_id,
        first_observed_at as observed_at, landing_sequence
    from history
    where close_date <> previous_close_date
),

-- Both histories note a change in the transaction that makes it; a second covers what rounding may part.
in_field_history as (
    select
        field_history.opportunity_id, field_history.change_kind, field_history.before_value, field_history.after_value,
        field_history.changed_at as occurred_at, 'opportunity_field_history' as change_source,
        field_history.opportunity_field_history_id as source_record_id, field_history.fact_id,
        field_history.first_observed_at as observed_at, field_history.landing_sequence
    from field_history
    where
        field_history.before_value is distinct from field_history.after_value
        and not exists (
            select 1
            from in_history
            where
                in_history.opportunity_id = field_history.opportunity_id
                and in_history.change_kind = field_history.change_kind
                and in_history.after_value is not distinct from field_history.after_value
                and in_history.occurred_at >= field_history.changed_at - interval '1 second'
                and in_history.occurred_at <= field_history.changed_at + interval '1 second'
        )
),

recorded as (
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from in_history
    union all
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from in_field_history
),

seen as (
    select
        opportunity_id, 'amount' as change_kind, cast(previous_amount as varchar) as before_value,
        cast(amount as varchar) as after_value, fact_id, changed_after_at, changed_by_at, observed_at, landing_sequence
    from observations
    -- An amount that is no longer seen is unknown: the field may have been retyped.
    where not is_first and amount is not null and amount is distinct from previous_amount
    union all
    select
        opportunity_id, 'close_date' as change_kind, cast(previous_close_date as varchar) as before_value,
        cast(close_date as varchar) as after_value, fact_id, changed_after_at, changed_by_at, observed_at,
        landing_sequence
    from observations
    where close_date <> previous_close_date
    union all
    select
        opportunity_id, 'owner' as change_kind, previous_owner_id as before_value, owner_id as after_value, fact_id,
        changed_after_at, changed_by_at, observed_at, landing_sequence
    from observations
    where owner_id <> previous_owner_id
    union all
    select
        opportunity_id, 'next_step' as change_kind, previous_next_step as before_value, next_step as after_value,
        fact_id, changed_after_at, changed_by_at, observed_at, landing_sequence
    from observations
    where not is_first and next_step is distinct from previous_next_step
),

-- What we saw and no history tells between the two looks.
only_seen as (
    select
        seen.opportunity_id, seen.change_kind, seen.before_value, seen.after_value,
        seen.changed_by_at as occurred_at, 'observed' as change_source, seen.opportunity_id as source_record_id,
        seen.fact_id, seen.observed_at, seen.landing_sequence
    from seen
    where not exists (
        select 1
        from recorded
        where
            recorded.opportunity_id = seen.opportunity_id
            and recorded.change_kind = seen.change_kind
            and recorded.after_value is not distinct from seen.after_value
            and recorded.occurred_at >= seen.changed_after_at
            and recorded.occurred_at <= seen.changed_by_at + interval '1 second'
    )
),

-- One stay in the bin, whatever became of it there.
deletions as (
    select
        opportunity_id, 'deletion' as change_kind, cast(null as varchar) as before_value,
        cast(null as varchar) as after_value, min(changed_by_at) as occurred_at, 'observed' as change_source,
        opportunity_id as source_record_id, min_by(fact_id, landing_sequence) as fact_id,
        min(observed_at) as observed_at, min(landing_sequence) as landing_sequence
    from observations
    where is_gone
    group by opportunity_id, lives_so_far
),

undeletions as (
    select
        opportunity_id, 'undeletion' as change_kind, cast(null as varchar) as before_value,
        cast(null as varchar) as after_value, changed_by_at as occurred_at, 'observed' as change_source,
        opportunity_id as source_record_id, fact_id, observed_at, landing_sequence
    from observations
    where was_gone and not is_gone
),

changes as (
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from recorded
    union all
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from only_seen
    union all
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from deletions
    union all
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from undeletions
)

select
    changes.opportunity_id,
    changes.change_kind,
    changes.before_value,
    changes.after_value,
    changes.occurred_at,
    changes.change_source,
    changes.source_record_id,
    changes.fact_id,
    changes.observed_at,
    changes.landing_sequence
from changes
cross join parameters
where changes.occurred_at < parameters.as_of_end_at
