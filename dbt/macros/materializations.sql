{#-
    How tables and views come to be on DuckDB, which replaces either in one statement: what dbt does besides for engines that
    cannot (build aside, rename twice, drop) takes longer than most models do. A model that fails leaves what was there.
-#}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] -%}
    {%- set built = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_unless(built) -%}
    {%- call statement('main', language=model.language) -%}
        {%- if model.language == 'python' -%}
            {{ py_write_table(false, built, compiled_code) }}
        {%- else -%}
            {{ replaced_table(built, compiled_code) }}
        {%- endif -%}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [built]}) }}
{%- endmaterialization %}


{% materialization view, adapter='duckdb' -%}
    {%- set built = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_unless(built) -%}
    {%- call statement('main') -%}
        create or replace view {{ built }} as (
        {{ compiled_code }}
        )
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [built]}) }}
{%- endmaterialization %}


{#- A table in place of the one before, with the columns of its contract where it has one. -#}
{% macro replaced_table(relation, compiled_code) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }})
    {%- else -%}
        create or replace table {{ relation }} as (
        {{ compiled_code }}
        )
    {%- endif -%}
{%- endmacro %}


{#- Clears the way where a table was a view before, or a view a table. -#}
{% macro drop_unless(built) -%}
    {%- set before = load_cached_relation(built) -%}
    {%- if before is not none and before.type != built.type -%}
        {%- do adapter.drop_relation(before) -%}
    {%- endif -%}
{%- endmacro %}


{#- What dbt appends to a Python model: here the table is replaced. -#}
{% macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
{{ compiled_code }}

def materialize(df, con):
    con.register('__{{ relation.identifier }}', df)
    con.execute('create or replace table {{ relation }} as select * from __{{ relation.identifier }}')
    con.unregister('__{{ relation.identifier }}')
{%- endmacro %}
