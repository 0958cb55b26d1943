with

events as (
    select
        crm_event_id,
        event_type,
        occurred_at,
        observed_at
    from {{ ref('fct_crm_events') }}
),

parameters as (
    select
        as_of_end_at,
        known_at
    from {{ ref('run_parameters') }}
)

select
    events.crm_event_id,
    events.event_type
from events
cross join parameters
-- A meeting that ends with the day is held that day.
where
    events.occurred_at > parameters.as_of_end_at
    or (events.occurred_at = parameters.as_of_end_at and events.event_type <> 'MeetingHeld')
    or events.observed_at > greatest(parameters.known_at, parameters.as_of_end_at)
