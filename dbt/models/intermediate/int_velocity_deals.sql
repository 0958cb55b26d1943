with

deals as (
    select team_id, rep_id, deal_type, lead_source, started_date, last_date, exit_name, amount
    from {{ ref('int_dated_units') }}
    where unit_kind = 'deal'
)

select
    team_id,
    rep_id,
    deal_type,
    lead_source,
    started_date,
    last_date,
    exit_name,
    cast(count(*) as bigint) as units,
    cast(count(amount) as bigint) as priced_units,
    cast(sum(amount) as decimal(38, 4)) as amount
from deals
group by team_id, rep_id, deal_type, lead_source, started_date, last_date, exit_name
