with

opportunities as (
    select status, amount, deal_type, size_band, lead_source, business_kind
    from {{ ref('fct_opportunity') }}
    where status <> 'deleted'
),

segmented as (
    {%- for kind in ['deal_type', 'size_band', 'lead_source', 'business_kind'] %}
    select
        '{{ kind }}' as segment_kind,
        coalesce({{ kind }}, 'unknown') as segment,
        status,
        amount
    from opportunities
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select
    segment_kind,
    segment,
    cast(count(*) as bigint) as deals,
    cast(count(*) filter (where status = 'open') as bigint) as open_deals,
    cast(count(*) filter (where status = 'won') as bigint) as won,
    cast(count(*) filter (where status = 'lost') as bigint) as lost,
    cast(count(*) filter (where amount is null) as bigint) as deals_without_amount,
    min(amount) as smallest_amount,
    max(amount) as largest_amount
from segmented
group by segment_kind, segment
