with

parameters as (
    select as_of_date, time_zone
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select opportunity_id, stage_name, stage_entered_at
    from {{ ref('fct_opportunity') }}
    where status = 'open'
)

select
    opportunities.opportunity_id,
    opportunities.stage_name,
    {{ date_difference(local_date('opportunities.stage_entered_at', 'parameters.time_zone'), 'parameters.as_of_date') }}
        as stage_age_days
from opportunities
cross join parameters
