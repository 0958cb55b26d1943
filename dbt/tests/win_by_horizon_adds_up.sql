with

curves as (
    select
        as_of_date, window_name, scope_kind, scope_id, horizon_days, win_incidence_shrunk, still_open, deals, won, lost,
        lag(win_incidence_shrunk) over (
            partition by as_of_date, window_name, scope_kind, scope_id order by horizon_days
        ) as win_incidence_before
    from {{ ref('fct_win_by_horizon') }}
)

select as_of_date, window_name, scope_kind, scope_id, horizon_days
from curves
where
    win_incidence_shrunk < win_incidence_before - 1e-9
    or win_incidence_shrunk + still_open > 1 + 1e-9
    or won + lost > deals
