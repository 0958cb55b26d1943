with

ordered as (
    select
        opportunity_id, horizon_date, p_win,
        lag(p_win) over (partition by opportunity_id order by horizon_date) as p_win_before
    from {{ ref('fct_win_ahead') }}
),

missing as (
    select opportunities.opportunity_id
    from {{ ref('fct_opportunity') }} as opportunities
    left join {{ ref('fct_win_ahead') }} as chances on opportunities.opportunity_id = chances.opportunity_id
    where opportunities.status = 'open' and exists (select 1 from {{ ref('fct_win_ahead') }})
    group by opportunities.opportunity_id
    having count(chances.horizon_date) <> 7
)

select opportunity_id
from ordered
where p_win < p_win_before - 1e-9
union all
select opportunity_id
from missing
