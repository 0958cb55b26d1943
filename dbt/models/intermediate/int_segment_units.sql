with

units as (
    select
        unit_kind, series_name, deal_type, size_band, lead_source, business_kind, started_date, last_date, exit_name,
        amount
    from {{ ref('int_dated_units') }}
),

segmented as (
    {%- for kind in ['deal_type', 'size_band', 'lead_source', 'business_kind'] %}
    select
        '{{ kind }}' as segment_kind,
        coalesce({{ kind }}, 'unknown') as segment,
        unit_kind,
        series_name,
        started_date,
        last_date,
        exit_name,
        cast(count(*) as bigint) as units,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(count(amount) as bigint) as priced_units
    from units
    group by coalesce({{ kind }}, 'unknown'), unit_kind, series_name, started_date, last_date, exit_name
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select
    segment_kind, segment, unit_kind, series_name, started_date, last_date, exit_name, units, amount, priced_units,
    cast(null as integer) as horizon_limit_days
from segmented
