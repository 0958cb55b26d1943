with

spreads as (
    select
        as_of_date, window_name, reps, chi_square, degrees_of_freedom, p_value, is_distinguishable, lowest_rate,
        highest_rate
    from {{ ref('int_rep_spread') }}
)

select
    as_of_date,
    window_name,
    reps,
    chi_square,
    degrees_of_freedom,
    p_value,
    is_distinguishable,
    lowest_rate,
    highest_rate
from spreads
