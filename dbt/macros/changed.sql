{#-
    Nights that recompute only the records that changed since the last build. Which these are is worked out before dbt
    starts (run.changed_records); a build with --full-refresh reads none of it and builds everything.
-#}

{#- Whether this run recomputes only what changed. A unit test is given whole tables. -#}
{% macro changes_only() -%}
    {{ return(not flags.FULL_REFRESH and model.resource_type != 'unit_test') }}
{%- endmacro %}


{#-
    One more condition after a where: the record in `column` may have changed. Nothing when everything is built. `known_by`
    is the model that knows the changed records, for models after staging.
-#}
{% macro only_changed(column, known_by='int_changed_records') -%}
    {#- Before a run dbt asks only what a model reads, whatever the run will be. -#}
    {% if not execute or changes_only() -%}
        and {{ column }} in (select changed.record_id from {{ changed_records(known_by) }} as changed)
    {%- endif %}
{%- endmacro %}


{#- The relation of the changed records; staging reads sources only. -#}
{% macro changed_records(known_by) -%}
    {{ source('run', 'changed_records') if model.fqn[1] == 'staging' else ref(known_by) }}
{%- endmacro %}


{#-
    How dbt brings an incremental model up to date: what it holds of the changed records goes, whatever became of them, and
    what it now has for them comes. Of several columns in `unique_key` the first that is not null names the record;
    `meta.changed_records` names the model that knows the changed records where it is not int_changed_records.
-#}
{% macro get_incremental_changed_sql(arg_dict) -%}
    {%- set keys = arg_dict['unique_key'] if arg_dict['unique_key'] is not string else [arg_dict['unique_key']] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set known_by = (config.get('meta') or {}).get('changed_records', 'int_changed_records') -%}
    {%- for key in keys %}
    delete from {{ arg_dict['target_relation'] }}
    where
        {% for earlier in keys[:loop.index0] -%}
        {{ earlier }} is null and
        {% endfor -%}
        {{ key }} in (select changed.record_id from {{ changed_records(known_by) }} as changed);
    {% endfor %}
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}


{#- Before a small table is built anew: a copy of what the last build left of it, for `moved_rows`. -#}
{% macro keep_before() -%}
    {% if execute and changes_only() -%}
        create or replace table {{ as_it_was(this) }} as select * from {{ this }}
    {%- endif %}
{%- endmacro %}


{#- One row when the table is not as the last build left it, else none; a table expression. -#}
{% macro moved_rows(relation, columns) -%}
    {%- set compared = columns | join(', ') -%}
    select count(*) as rows_moved
    from (
        {%- if execute and changes_only() %}
        (select {{ compared }} from {{ relation }} except select {{ compared }} from {{ as_it_was(relation) }})
        union all
        (select {{ compared }} from {{ as_it_was(relation) }} except select {{ compared }} from {{ relation }})
        {%- else %}
        select {{ compared }} from {{ relation }} where false
        {%- endif %}
    ) as moved
    having count(*) > 0
{%- endmacro %}


{#- The copy that `keep_before` makes. -#}
{% macro as_it_was(relation) -%}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '_before'
    )) }}
{%- endmacro %}
