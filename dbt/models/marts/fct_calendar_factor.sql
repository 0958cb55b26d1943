with

factors as (
    select month_of_quarter, win_factor, loss_factor, n_won, n_lost, expected_won, expected_lost
    from {{ ref('int_calendar_factor') }}
)

select
    cast(month_of_quarter as integer) as month_of_quarter,
    win_factor,
    loss_factor,
    cast(n_won as bigint) as n_won,
    cast(n_lost as bigint) as n_lost,
    expected_won,
    expected_lost
from factors
