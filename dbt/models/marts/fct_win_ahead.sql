with

chances as (
    select opportunity_id, horizon_date, horizon_kind, days_ahead, p_win, lower_80, upper_80
    from {{ ref('int_win_ahead') }}
)

select
    opportunity_id,
    horizon_date,
    horizon_kind,
    days_ahead,
    p_win,
    lower_80,
    upper_80
from chances
