with

counted as (
    select sum(won) as won, sum(lost) as lost
    from {{ ref('fct_close_month_rate') }}
    where scope_kind = 'organization'
),

closed as (
    select
        count(*) filter (where status = 'won') as won,
        count(*) filter (where status = 'lost') as lost
    from {{ ref('fct_opportunity') }}
)

select counted.won, closed.won as closed_won
from counted
cross join closed
where coalesce(counted.won, 0) <> closed.won or coalesce(counted.lost, 0) <> closed.lost
