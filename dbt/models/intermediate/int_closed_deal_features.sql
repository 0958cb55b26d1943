{#- What is a fact at the landmark: it had happened and had been entered by then. -#}
{% set by_landmark = 'activities.activity_at < deals.landmark_at and activities.created_at < deals.landmark_at' %}

with

parameters as (
    select as_of_date
    from {{ ref('stg_run_parameters') }}
),

bands as (
    select
        max(largest_amount) filter (where segment = 'small') as small_up_to,
        max(largest_amount) filter (where segment = 'medium') as medium_up_to
    from {{ ref('dim_segment') }}
    where segment_kind = 'size_band'
),

deals as (
    select
        opportunities.opportunity_id,
        opportunities.status = 'won' as is_won,
        opportunities.closed_date,
        opportunities.closed_date > cast(parameters.as_of_date - interval '3 months' as date)
            as is_in_last_three_months,
        opportunities.created_at,
        opportunities.created_at + interval '14 days' as landmark_at,
        opportunities.closed_at >= opportunities.created_at + interval '14 days' as was_open_at_landmark,
        opportunities.original_currency = opportunities.currency as is_own_currency,
        opportunities.deal_type,
        opportunities.lead_source,
        opportunities.business_kind
    from {{ ref('fct_opportunity') }} as opportunities
    cross join parameters
    where
        opportunities.status in ('won', 'lost')
        and opportunities.closed_date > cast(parameters.as_of_date - interval '12 months' as date)
),

activities as (
    select
        activity_id, opportunity_id, person_id, activity_at, ends_at, created_at, is_done, is_touch, is_inbound,
        is_appointment
    from {{ ref('int_activities') }}
    where opportunity_id is not null
),

activity_facts as (
    select
        deals.opportunity_id,
        count(*) filter (where activities.is_touch and {{ by_landmark }}) as touches,
        count(*) filter (
            where activities.is_touch and activities.activity_at <= deals.created_at + interval '1 day'
            and {{ by_landmark }}
        ) > 0 as has_touch_within_a_day,
        count(*) filter (where activities.is_inbound and activities.is_done and {{ by_landmark }}) > 0 as has_inbound,
        count(*) filter (
            where activities.is_appointment and activities.is_done and activities.ends_at <= deals.landmark_at
            and {{ by_landmark }}
        ) as meetings_held,
        count(*) filter (
            where activities.is_appointment and activities.created_at < deals.landmark_at
            and activities.activity_at >= deals.landmark_at
        ) > 0 as has_next_meeting
    from deals
    inner join activities on deals.opportunity_id = activities.opportunity_id
    group by deals.opportunity_id
),

people as (
    select deals.opportunity_id, contact_roles.contact_id, contact_roles.contact_role
    from deals
    inner join {{ ref('stg_opportunity_contact_role') }} as contact_roles
        on deals.opportunity_id = contact_roles.opportunity_id and deals.landmark_at > contact_roles.created_at
    where contact_roles.deleted_at is null
    union all
    select deals.opportunity_id, activities.person_id as contact_id, null as contact_role
    from deals
    inner join activities on deals.opportunity_id = activities.opportunity_id
    where activities.person_id like '003%' and activities.is_done and {{ by_landmark }}
),

contact_facts as (
    select
        people.opportunity_id,
        count(distinct people.contact_id) as contacts,
        {{ knows_decision_maker('people.contact_role', 'contacts.title') }} as has_decision_maker
    from people
    left join {{ ref('stg_contact') }} as contacts on people.contact_id = contacts.contact_id
    group by people.opportunity_id
),

history as (
    select
        opportunity_id,
        amount,
        close_date,
        changed_at,
        row_number() over (partition by opportunity_id order by changed_at, landing_sequence) as history_number,
        lag(close_date) over (partition by opportunity_id order by changed_at, landing_sequence) as previous_close_date
    from {{ ref('stg_opportunity_history') }}
),

-- max_by passes over nulls, and an amount taken out again is one: the last row is looked up by its number instead.
last_rows as (
    select
        deals.opportunity_id,
        max(history.history_number) as history_number,
        count(*) filter (where history.close_date > history.previous_close_date) > 0 as has_pushed_close_date
    from deals
    inner join history on deals.opportunity_id = history.opportunity_id and deals.landmark_at > history.changed_at
    group by deals.opportunity_id
),

history_facts as (
    select last_rows.opportunity_id, last_rows.has_pushed_close_date, history.amount
    from last_rows
    inner join history
        on last_rows.opportunity_id = history.opportunity_id and last_rows.history_number = history.history_number
),

stage_facts as (
    select
        deals.opportunity_id,
        max(stages.stage_order) > min_by(stages.stage_order, entries.entry_number) as has_advanced
    from deals
    inner join {{ ref('int_stage_entries') }} as entries
        on deals.opportunity_id = entries.opportunity_id and deals.landmark_at > entries.entered_at
    inner join {{ ref('int_stages') }} as stages on entries.stage_name = stages.stage_name
    group by deals.opportunity_id
)

select
    deals.opportunity_id,
    deals.is_won,
    deals.closed_date,
    deals.is_in_last_three_months,
    deals.landmark_at,
    deals.was_open_at_landmark,
    deals.deal_type,
    deals.lead_source,
    deals.business_kind,
    case
        when history_facts.amount is null or not deals.is_own_currency then null
        when history_facts.amount <= bands.small_up_to then 'small'
        when history_facts.amount <= bands.medium_up_to then 'medium'
        else 'large'
    end as size_band,
    case when history_facts.opportunity_id is not null then history_facts.amount is not null end as has_amount,
    history_facts.has_pushed_close_date,
    coalesce(stage_facts.has_advanced, false) as has_advanced,
    cast(coalesce(activity_facts.touches, 0) as bigint) as touches,
    cast(coalesce(activity_facts.meetings_held, 0) as bigint) as meetings_held,
    cast(coalesce(contact_facts.contacts, 0) as bigint) as contacts,
    coalesce(activity_facts.has_touch_within_a_day, false) as has_touch_within_a_day,
    coalesce(activity_facts.has_next_meeting, false) as has_next_meeting,
    coalesce(activity_facts.has_inbound, false) as has_inbound,
    coalesce(contact_facts.has_decision_maker, false) as has_decision_maker
from deals
cross join bands
left join activity_facts on deals.opportunity_id = activity_facts.opportunity_id
left join contact_facts on deals.opportunity_id = contact_facts.opportunity_id
left join history_facts on deals.opportunity_id = history_facts.opportunity_id
left join stage_facts on deals.opportunity_id = stage_facts.opportunity_id
