with

parameters as (
    select
        as_of_date,
        as_of_end_at
    from {{ ref('run_parameters') }}
),

opportunities as (
    select
        opportunity_id,
        status,
        created_at,
        created_date,
        clock_started_date,
        closed_date,
        stage_entered_at,
        cycle_days,
        age_days,
        last_touch_at,
        last_meeting_at,
        next_meeting_at
    from {{ ref('fct_opportunity') }}
)

select opportunities.opportunity_id
from opportunities
cross join parameters
where
    opportunities.cycle_days < 0
    or opportunities.age_days < 0
    or opportunities.clock_started_date < opportunities.created_date
    or opportunities.closed_date > parameters.as_of_date
    or opportunities.created_at >= parameters.as_of_end_at
    or opportunities.stage_entered_at >= parameters.as_of_end_at
    or opportunities.stage_entered_at < opportunities.created_at
    or opportunities.last_touch_at >= parameters.as_of_end_at
    or opportunities.last_meeting_at > parameters.as_of_end_at
    or (opportunities.status in ('won', 'lost') and opportunities.closed_date is null)
    or (opportunities.status = 'open' and opportunities.closed_date is not null)
