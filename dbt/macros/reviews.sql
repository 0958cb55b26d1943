{#- Evening reviews: how their tasks are known, and what may be told of the reasons picked on them. -#}

{#- Whether a task's key is that of an evening review (review:REP:DATE). -#}
{% macro is_review(action_key) -%}
    (coalesce({{ action_key }}, '') like 'review:%')
{%- endmacro %}


{#- The reasons a rep can pick, as the package for the org has them: rows of review_reason. -#}
{% macro review_reasons() -%}
    {%- for reason in [
        'No time', 'Customer not available', 'Waiting for someone', 'Other priority', 'Not useful'
    ] %}
    select '{{ reason }}' as review_reason
    {{- ' union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- Fewer reps than this are never told of as a group. -#}
{% macro fewest_reps() -%}
    5
{%- endmacro %}
