{#- Blocks of the selling day (method §5, Rhythm): the morning to noon, the afternoon to 17:00, the evening after. -#}

{#- morning, afternoon or evening of an instant in a time zone (IANA name). -#}
{% macro block_of_day(instant, time_zone) -%}
    case
        when {{ local_hour(instant, time_zone) }} < 12 then 'morning'
        when {{ local_hour(instant, time_zone) }} < 17 then 'afternoon'
        else 'evening'
    end
{%- endmacro %}


{#- The hour of the day, 0 to 23, of an instant in a time zone. -#}
{% macro local_hour(instant, time_zone) -%}
    {{ return(adapter.dispatch('local_hour')(instant, time_zone)) }}
{%- endmacro %}

{% macro default__local_hour(instant, time_zone) -%}
    extract(hour from timezone({{ time_zone }}, {{ instant }}))
{%- endmacro %}

{% macro spark__local_hour(instant, time_zone) -%}
    hour(from_utc_timestamp({{ instant }}, {{ time_zone }}))
{%- endmacro %}
