{#-
    One data test for the keys of many models: a test of its own for each costs more than its query does. The first key that
    is held twice, or reference that finds nothing, ends the test with an error that names it.
-#}

{#-
    No rows, or an error. `keys`: model -> lists of columns that together name one row; `references`: lists of model, column,
    and the model and column where each value is to be found. Nulls are no key of a single column and no reference.
-#}
{% macro everything_is_identified(keys, references) -%}
    select found.problem
    from (
        {%- for model_name, model_keys in keys.items() %}
        {%- for columns in model_keys %}
        select '{{ model_name }}: {{ columns | join(", ") }} held twice' as problem
        from {{ ref(model_name) }}
        where {{ columns | join(' is not null or ') }} is not null
        group by {{ columns | join(', ') }}
        having count(*) > 1
        union all
        {%- endfor %}
        {%- endfor %}
        {%- for model_name, column, home, home_column in references %}
        select '{{ model_name }}: {{ column }} not in {{ home }}' as problem
        from {{ ref(model_name) }} as referring
        where
            referring.{{ column }} is not null
            and not exists (
                select 1 from {{ ref(home) }} as home where home.{{ home_column }} = referring.{{ column }}
            )
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as found
    where {{ raised('found.problem') }} is null
{%- endmacro %}
