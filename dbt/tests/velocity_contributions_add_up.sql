select as_of_date, comparison, window_name, scope_kind, scope_id
from {{ ref('fct_velocity_change') }}
where
    rv_change is distinct from rv_after - rv_before
    or rv_change is distinct from
    contribution_of_mix + contribution_of_deals + contribution_of_average_price + contribution_of_win_rate
    + contribution_of_average_cycle
