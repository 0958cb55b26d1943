with

parameters as (
    select as_of_end_at
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select opportunity_id, owner_id, is_reconstructed
    from {{ ref('stg_opportunity') }}
),

owner_changes as (
    select opportunity_id, old_value, new_value, changed_at, landing_sequence
    from {{ ref('stg_opportunity_field_history') }}
    -- Salesforce writes each change of owner twice, once with names and once with ids.
    where field_name in ('Owner', 'OwnerId') and new_value like '005%'
),

numbered as (
    select
        owner_changes.opportunity_id,
        owner_changes.old_value,
        owner_changes.new_value,
        owner_changes.changed_at,
        row_number() over opportunity_order as change_number,
        lead(owner_changes.changed_at) over opportunity_order as next_changed_at
    from owner_changes
    window opportunity_order as (
        partition by owner_changes.opportunity_id
        order by owner_changes.changed_at, owner_changes.landing_sequence
    )
),

intervals as (
    select
        opportunity_id,
        old_value as owner_id,
        cast(null as timestamptz) as owned_from_at,
        changed_at as owned_to_at
    from numbered
    where change_number = 1
    union all
    select
        opportunity_id,
        new_value as owner_id,
        changed_at as owned_from_at,
        next_changed_at as owned_to_at
    from numbered
),

-- A hand-over after as_of_date has not happened, and yet it tells who owned the deal until then.
known_intervals as (
    select
        intervals.opportunity_id,
        intervals.owner_id,
        intervals.owned_from_at,
        case when intervals.owned_to_at < parameters.as_of_end_at then intervals.owned_to_at end as owned_to_at
    from intervals
    cross join parameters
    where intervals.owned_from_at is null or intervals.owned_from_at < parameters.as_of_end_at
)

select
    opportunities.opportunity_id,
    known_intervals.owned_from_at,
    known_intervals.owned_to_at,
    case
        when known_intervals.owned_to_at is null and not opportunities.is_reconstructed then opportunities.owner_id
        else coalesce(known_intervals.owner_id, opportunities.owner_id)
    end as owner_id
from opportunities
left join known_intervals on opportunities.opportunity_id = known_intervals.opportunity_id
