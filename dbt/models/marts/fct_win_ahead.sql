with

deals as (
    select as_of_date, opportunity_id, stage_name, stage_age_days
    from {{ ref('int_open_deals') }}
    where is_last_night
),

chances as (
    select as_of_date, stage_name, stage_age_days, horizon_date, horizon_kind, days_ahead, p_win, lower_80, upper_80
    from {{ ref('int_win_ahead') }}
)

select
    deals.opportunity_id,
    chances.horizon_date,
    chances.horizon_kind,
    chances.days_ahead,
    chances.p_win,
    chances.lower_80,
    chances.upper_80
from deals
inner join chances
    on
        deals.as_of_date = chances.as_of_date
        and deals.stage_name = chances.stage_name
        and deals.stage_age_days = chances.stage_age_days
