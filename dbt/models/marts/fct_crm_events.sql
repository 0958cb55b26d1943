{{ config(materialized='incremental', unique_key=['activity_id', 'opportunity_id']) }}

with

parameters as (
    select time_zone
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select opportunity_id, account_id, original_amount, original_currency
    from {{ ref('fct_opportunity') }}
    where true {{ only_changed('opportunity_id') }}
),

records as (
    select opportunity_id, fact_id, first_observed_at
    from {{ ref('stg_opportunity') }}
    where true {{ only_changed('opportunity_id') }}
),

history as (
    select opportunity_history_id, opportunity_id, fact_id, first_observed_at, landing_sequence
    from {{ ref('stg_opportunity_history') }}
    where true {{ only_changed('opportunity_id') }}
),

field_history as (
    select opportunity_field_history_id, opportunity_id, fact_id, first_observed_at, landing_sequence
    from {{ ref('stg_opportunity_field_history') }}
    where true {{ only_changed('opportunity_id') }}
),

observations as (
    select opportunity_id, fact_id, observed_at, landing_sequence
    from {{ ref('stg_opportunity_observation') }}
    where true {{ only_changed('opportunity_id') }}
),

entries as (
    select
        opportunity_id,
        entry_number,
        stage_name,
        entered_at,
        entry_source,
        landing_sequence,
        lag(stage_name) over (partition by opportunity_id order by entry_number) as previous_stage_name
    from {{ ref('int_stage_entries') }}
    where true {{ only_changed('opportunity_id') }}
),

stages as (
    select stage_name, is_closed, is_won
    from {{ ref('int_stages') }}
),

changes as (
    select
        opportunity_id, change_kind, before_value, after_value, occurred_at, change_source, source_record_id, fact_id,
        observed_at, landing_sequence
    from {{ ref('int_opportunity_changes') }}
),

owners as (
    select opportunity_id, owned_from_at, owned_to_at, owner_id
    from {{ ref('int_opportunity_owners') }}
    where true {{ only_changed('opportunity_id') }}
),

activities as (
    select
        activity_id, activity_kind, rep_id, opportunity_id, account_id, channel, activity_at, activity_date, ends_at,
        created_at, is_done, is_touch, is_inbound, is_appointment, is_own_write, fact_id, first_observed_at,
        first_done_observed_at
    from {{ ref('int_activities') }}
    where true {{ only_changed('activity_id') }}
),

reps as (
    select rep_id, team_id
    from {{ ref('int_reps') }}
),

-- What an entry into a stage is known from, whichever source noted it.
entry_facts as (
    select
        'opportunity_history' as entry_source, opportunity_id, landing_sequence,
        opportunity_history_id as source_record_id, fact_id, first_observed_at as observed_at
    from history
    union all
    select
        'opportunity_field_history' as entry_source, opportunity_id, landing_sequence,
        opportunity_field_history_id as source_record_id, fact_id, first_observed_at as observed_at
    from field_history
    union all
    select
        'observed' as entry_source, opportunity_id, landing_sequence, opportunity_id as source_record_id, fact_id,
        observed_at
    from observations
    union all
    select
        'record' as entry_source, opportunity_id, 0 as landing_sequence, opportunity_id as source_record_id, fact_id,
        first_observed_at as observed_at
    from records
),

entered as (
    select
        entries.opportunity_id, entries.entry_number, entries.stage_name, entries.previous_stage_name,
        entries.entered_at, entries.entry_source, stages.is_closed, stages.is_won,
        coalesce(previous_stages.is_closed, false) as was_closed, entry_facts.source_record_id, entry_facts.fact_id,
        entry_facts.observed_at
    from entries
    inner join stages on entries.stage_name = stages.stage_name
    left join stages as previous_stages on entries.previous_stage_name = previous_stages.stage_name
    left join entry_facts
        on
            entries.opportunity_id = entry_facts.opportunity_id
            and entries.entry_source = entry_facts.entry_source
            and entries.landing_sequence = entry_facts.landing_sequence
),

-- The amount a deal was created with: what its first change of amount changed, or what it still has.
first_amount_changes as (
    select opportunity_id, before_value
    from changes
    where change_kind = 'amount'
    qualify row_number() over (partition by opportunity_id order by occurred_at, landing_sequence) = 1
),

created as (
    select
        'OpportunityCreated' as event_type, entered.opportunity_id, entered.entered_at as occurred_at,
        cast(null as varchar) as before_value, entered.stage_name as after_value,
        cast(null as decimal(18, 4)) as before_amount,
        case
            when first_amount_changes.opportunity_id is null then opportunities.original_amount
            else cast(first_amount_changes.before_value as decimal(18, 4))
        end as after_amount,
        entered.entry_source, entered.source_record_id, entered.fact_id, entered.observed_at
    from entered
    inner join opportunities on entered.opportunity_id = opportunities.opportunity_id
    left join first_amount_changes on entered.opportunity_id = first_amount_changes.opportunity_id
    where entered.entry_number = 1
),

-- A deal created closed was won or lost the moment it was created.
moved as (
    select
        case
            when is_won then 'Won'
            when is_closed then 'Lost'
            when was_closed then 'Reopened'
            else 'StageChanged'
        end as event_type,
        opportunity_id, entered_at as occurred_at, previous_stage_name as before_value, stage_name as after_value,
        cast(null as decimal(18, 4)) as before_amount, cast(null as decimal(18, 4)) as after_amount, entry_source,
        source_record_id, fact_id, observed_at
    from entered
    where entry_number > 1 or is_closed
),

changed as (
    select
        case
            when change_kind = 'amount' then 'AmountChanged'
            when change_kind = 'close_date' and after_value > before_value then 'CloseDatePushed'
            when change_kind = 'close_date' then 'CloseDatePulledIn'
            when change_kind = 'owner' then 'OwnerChanged'
            when change_kind = 'next_step' then 'NextActionConfirmed'
            when change_kind = 'deletion' then 'Deleted'
            else 'Undeleted'
        end as event_type,
        opportunity_id, occurred_at, before_value, after_value,
        case when change_kind = 'amount' then cast(before_value as decimal(18, 4)) end as before_amount,
        case when change_kind = 'amount' then cast(after_value as decimal(18, 4)) end as after_amount,
        change_source as entry_source, source_record_id, fact_id, observed_at
    from changes
    where change_kind <> 'next_step' or nullif(trim(after_value), '') is not null
),

deal_events as (
    select
        event_type, opportunity_id, occurred_at, before_value, after_value, before_amount, after_amount, entry_source,
        source_record_id, fact_id, observed_at
    from created
    union all
    select
        event_type, opportunity_id, occurred_at, before_value, after_value, before_amount, after_amount, entry_source,
        source_record_id, fact_id, observed_at
    from moved
    union all
    select
        event_type, opportunity_id, occurred_at, before_value, after_value, before_amount, after_amount, entry_source,
        source_record_id, fact_id, observed_at
    from changed
),

of_deals as (
    select
        deal_events.event_type, deal_events.occurred_at,
        {{ local_date('deal_events.occurred_at', 'parameters.time_zone') }} as occurred_date,
        deal_events.observed_at, deal_events.opportunity_id, opportunities.account_id,
        -- Until the instant of a change the owner before it, so that an exit belongs to the one who brought it about.
        case when deal_events.event_type = 'OwnerChanged' then deal_events.before_value else owners.owner_id end
            as rep_id,
        cast(null as varchar) as activity_id, deal_events.before_value, deal_events.after_value,
        deal_events.before_amount, deal_events.after_amount,
        case
            when deal_events.event_type in ('OpportunityCreated', 'AmountChanged') then opportunities.original_currency
        end as currency,
        deal_events.entry_source,
        case
            when deal_events.entry_source in ('opportunity_history', 'opportunity_field_history')
                then deal_events.entry_source
            else 'opportunity'
        end as source_stream,
        deal_events.source_record_id, deal_events.fact_id
    from deal_events
    cross join parameters
    inner join opportunities on deal_events.opportunity_id = opportunities.opportunity_id
    left join owners
        on
            deal_events.opportunity_id = owners.opportunity_id
            and (owners.owned_from_at is null or owners.owned_from_at < deal_events.occurred_at)
            and (owners.owned_to_at is null or owners.owned_to_at >= deal_events.occurred_at)
),

activity_events as (
    select
        'Touched' as event_type, activity_at as occurred_at, activity_date as occurred_date,
        first_done_observed_at as observed_at, activity_id, activity_kind, opportunity_id, account_id, rep_id,
        channel as after_value, fact_id
    from activities
    where is_touch
    union all
    select
        'InboundReceived' as event_type, activity_at as occurred_at, activity_date as occurred_date,
        first_done_observed_at as observed_at, activity_id, activity_kind, opportunity_id, account_id, rep_id,
        channel as after_value, fact_id
    from activities
    where activity_kind = 'task' and is_inbound and is_done
    union all
    select
        'AppointmentSet' as event_type, activities.created_at as occurred_at,
        {{ local_date('activities.created_at', 'parameters.time_zone') }} as occurred_date,
        activities.first_observed_at as observed_at, activities.activity_id, activities.activity_kind,
        activities.opportunity_id, activities.account_id, activities.rep_id,
        cast(activities.activity_date as varchar) as after_value, activities.fact_id
    from activities
    cross join parameters
    where activities.is_appointment
    union all
    select
        'MeetingHeld' as event_type, activities.ends_at as occurred_at,
        {{ local_date('activities.ends_at', 'parameters.time_zone') }} as occurred_date,
        activities.first_done_observed_at as observed_at, activities.activity_id, activities.activity_kind,
        activities.opportunity_id, activities.account_id, activities.rep_id,
        cast(activities.activity_date as varchar) as after_value, activities.fact_id
    from activities
    cross join parameters
    where activities.is_appointment and activities.is_done
    union all
    -- The rep's own task on a deal, entered for a later day than the day it was entered on. Ours confirm nothing.
    select
        'NextActionConfirmed' as event_type, activities.created_at as occurred_at,
        {{ local_date('activities.created_at', 'parameters.time_zone') }} as occurred_date,
        activities.first_observed_at as observed_at, activities.activity_id, activities.activity_kind,
        activities.opportunity_id, activities.account_id, activities.rep_id,
        cast(activities.activity_date as varchar) as after_value, activities.fact_id
    from activities
    cross join parameters
    where
        activities.activity_kind = 'task'
        and activities.opportunity_id is not null
        and not activities.is_own_write
        and not activities.is_inbound
        and activities.activity_at > activities.created_at
        and activities.activity_date > {{ local_date('activities.created_at', 'parameters.time_zone') }}
),

events as (
    select
        event_type, occurred_at, occurred_date, observed_at, opportunity_id, account_id, rep_id, activity_id,
        before_value, after_value, before_amount, after_amount, currency, entry_source, source_stream,
        source_record_id, fact_id
    from of_deals
    union all
    select
        event_type, occurred_at, occurred_date, observed_at, opportunity_id, account_id, rep_id, activity_id,
        cast(null as varchar) as before_value, after_value, cast(null as decimal(18, 4)) as before_amount,
        cast(null as decimal(18, 4)) as after_amount, cast(null as varchar) as currency, 'activity' as entry_source,
        activity_kind as source_stream, activity_id as source_record_id, fact_id
    from activity_events
)

select
    -- A record of a history or an activity makes one event of a type; of an opportunity only a fact does.
    md5(concat_ws(
        '|', events.event_type, events.entry_source, events.source_record_id,
        case when events.entry_source = 'observed' then events.fact_id else '' end
    )) as crm_event_id,
    events.event_type,
    events.occurred_at,
    events.occurred_date,
    events.observed_at,
    events.opportunity_id,
    events.account_id,
    events.rep_id,
    reps.team_id,
    events.activity_id,
    events.before_value,
    events.after_value,
    events.before_amount,
    events.after_amount,
    events.currency,
    events.entry_source,
    events.source_stream,
    events.source_record_id,
    events.fact_id as source_event_id
from events
left join reps on events.rep_id = reps.rep_id
