{#- What DuckDB and Spark write differently, and nothing else. Every macro is an expression. -#}

{#- The date an instant falls on in a time zone (IANA name). -#}
{% macro local_date(instant, time_zone) -%}
    {{ return(adapter.dispatch('local_date')(instant, time_zone)) }}
{%- endmacro %}

{% macro default__local_date(instant, time_zone) -%}
    cast(timezone({{ time_zone }}, {{ instant }}) as date)
{%- endmacro %}

{% macro spark__local_date(instant, time_zone) -%}
    to_date(from_utc_timestamp({{ instant }}, {{ time_zone }}))
{%- endmacro %}


{#- The instant a date begins at in a time zone. -#}
{% macro local_midnight(date_day, time_zone) -%}
    {{ return(adapter.dispatch('local_midnight')(date_day, time_zone)) }}
{%- endmacro %}

{% macro default__local_midnight(date_day, time_zone) -%}
    timezone({{ time_zone }}, cast({{ date_day }} as timestamp))
{%- endmacro %}

{% macro spark__local_midnight(date_day, time_zone) -%}
    to_utc_timestamp(cast({{ date_day }} as timestamp), {{ time_zone }})
{%- endmacro %}


{#- Days with fraction between two instants; seconds divided, because engines count hours and days differently. -#}
{% macro days_between(from_instant, to_instant) -%}
    {{ return(adapter.dispatch('days_between')(from_instant, to_instant)) }}
{%- endmacro %}

{% macro default__days_between(from_instant, to_instant) -%}
    ((epoch({{ to_instant }}) - epoch({{ from_instant }})) / 86400.0)
{%- endmacro %}

{% macro spark__days_between(from_instant, to_instant) -%}
    ((unix_micros({{ to_instant }}) - unix_micros({{ from_instant }})) / 86400000000.0)
{%- endmacro %}


{#- Whole days between two dates. -#}
{% macro date_difference(from_date, to_date) -%}
    {{ return(adapter.dispatch('date_difference')(from_date, to_date)) }}
{%- endmacro %}

{% macro default__date_difference(from_date, to_date) -%}
    cast({{ to_date }} - {{ from_date }} as integer)
{%- endmacro %}

{% macro spark__date_difference(from_date, to_date) -%}
    datediff({{ to_date }}, {{ from_date }})
{%- endmacro %}


{#- A date moved by whole days. -#}
{% macro add_days(date_day, days) -%}
    {{ return(adapter.dispatch('add_days')(date_day, days)) }}
{%- endmacro %}

{% macro default__add_days(date_day, days) -%}
    ({{ date_day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro spark__add_days(date_day, days) -%}
    date_add({{ date_day }}, cast({{ days }} as int))
{%- endmacro %}


{#- An instant moved back by whole days of 24 hours. -#}
{% macro days_before(instant, days) -%}
    ({{ instant }} - interval '{{ days }} days')
{%- endmacro %}


{#- The last value that is not null, as a window function without its OVER. -#}
{% macro last_known(expression) -%}
    {{ return(adapter.dispatch('last_known')(expression)) }}
{%- endmacro %}

{% macro default__last_known(expression) -%}
    last_value({{ expression }} ignore nulls)
{%- endmacro %}

{% macro spark__last_known(expression) -%}
    last_value({{ expression }}) ignore nulls
{%- endmacro %}


{#- One row per date from the first to the last date, in column `date_day`; a table expression. -#}
{% macro date_series(first_date, last_date) -%}
    {{ return(adapter.dispatch('date_series')(first_date, last_date)) }}
{%- endmacro %}

{% macro default__date_series(first_date, last_date) -%}
    select cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval '1 day')) as date) as date_day
{%- endmacro %}

{% macro spark__date_series(first_date, last_date) -%}
    select explode(sequence({{ first_date }}, {{ last_date }}, interval 1 day)) as date_day
{%- endmacro %}


{#- The texts that are not null, comma-separated in the order given; null when none is left. -#}
{% macro comma_list(expressions) -%}
    nullif(concat_ws(',', {{ expressions | join(', ') }}), '')
{%- endmacro %}


{#- Ends the query with an error of this text where it is evaluated; an expression. -#}
{% macro raised(text) -%}
    {{ return(adapter.dispatch('raised')(text)) }}
{%- endmacro %}

{% macro default__raised(text) -%}
    error({{ text }})
{%- endmacro %}

{% macro spark__raised(text) -%}
    raise_error({{ text }})
{%- endmacro %}
