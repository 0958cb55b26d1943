select as_of_date, window_name, scope_kind, scope_id, stage_name
from {{ ref('fct_conversion_rolling') }}
where
    advanced + won + lost + moved_back > at_risk
    or entered > at_risk
    or rate_shrunk not between lower_95 - 1e-9 and upper_95 + 1e-9
    or lower_80 < lower_95 - 1e-9
    or upper_80 > upper_95 + 1e-9
