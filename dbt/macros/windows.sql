{#-
    Nights that recompute only the rolling windows which see something else than they did (int_window_contents); everything
    with --full-refresh.
-#}

{#- How an incremental model of windows is brought up to date: only windows that stand as they are keep their rows. -#}
{% macro get_incremental_windows_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }} as held
    where
        {{ names_moved() if model.language == 'sql' else 'false' }}
        {% if config.get('meta').is_segmented -%}
        -- Which deals are large follows from all of them: segments are computed anew every night.
        or held.scope_kind = 'segment'
        {% endif -%}
        or not exists (
            select 1
            from {{ ref('int_window_contents') }} as contents
            where not contents.is_moved and {{ same_window('held', config.get('meta')) }}
        );
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}


{#- One more condition after a where: the window of `rows` must be written anew. Nothing when everything is built. -#}
{% macro only_moved_windows(rows) -%}
    {#- Before a run dbt asks only what a model reads, whatever the run will be. -#}
    {%- set read = [ref('int_window_contents'), ref('int_scopes'), ref('int_stages')] -%}
    {% if execute and changes_only() -%}
        and (
            {{ names_moved() }}
            or exists (
                select 1
                from {{ ref('int_window_contents') }} as contents
                where contents.is_moved and {{ same_window(rows, config.get('meta'), of_mart=false) }}
            )
        )
    {%- endif %}
{%- endmacro %}


{#-
    The join condition of int_window_contents and rows of windows. `meta` of a mart: its unit_kind, and the column that names
    the series where there are several.
-#}
{% macro same_window(rows, meta, of_mart=true) -%}
    contents.as_of_date = {{ rows }}.as_of_date
    and contents.window_name = {{ rows }}.window_name
    and contents.unit_kind = {{ "'" ~ meta.unit_kind ~ "'" if meta.unit_kind else rows ~ '.unit_kind' }}
    {%- if meta.series_column %}
    and contents.series_name = {{ rows }}.{{ meta.series_column if of_mart else 'series_name' }}
    {%- endif %}
{%- endmacro %}


{#- The join of int_window_contents as the last build left it, where tonight's is the same; nothing when all is built. -#}
{% macro contents_before(contents, before) -%}
    {% if execute and changes_only() -%}
        left join {{ as_it_was(this) }} as {{ before }}
            on
                {{ contents }}.unit_kind = {{ before }}.unit_kind
                and {{ contents }}.series_name = {{ before }}.series_name
                and {{ contents }}.as_of_date = {{ before }}.as_of_date
                and {{ contents }}.window_name = {{ before }}.window_name
                and {{ contents }}.content = {{ before }}.content
    {%- endif %}
{%- endmacro %}


{#- Whether that join has found nothing. -#}
{% macro is_moved(before) -%}
    {% if execute and changes_only() -%} {{ before }}.content is null {%- else -%} true {%- endif %}
{%- endmacro %}


{#- Whether a team, rep or stage the mart holds is called or placed differently than in the last build. -#}
{% macro names_moved() -%}
    {%- set scopes = ref('int_scopes') -%}
    (
        exists (
            select 1
            from {{ scopes }} as scopes
            left join {{ as_it_was(scopes) }} as before
                on scopes.scope_kind = before.scope_kind and scopes.scope_id = before.scope_id
            where
                scopes.scope_name is distinct from before.scope_name
                and scopes.scope_id in (select held.scope_id from {{ this }} as held)
        )
        or exists ({{ moved_rows(ref('int_stages'), ['stage_name', 'stage_order']) }})
    )
{%- endmacro %}


{#- A whole number that tells rows apart: sums of it tell whether two sets of rows are the same. -#}
{% macro row_number_of(columns) -%}
    {{ return(adapter.dispatch('row_number_of')(columns)) }}
{%- endmacro %}

{% macro default__row_number_of(columns) -%}
    cast(hash({{ columns | join(', ') }}) % 4503599627370449 as hugeint)
{%- endmacro %}

{% macro spark__row_number_of(columns) -%}
    cast(xxhash64({{ columns | join(', ') }}) % 4503599627370449 as decimal(38, 0))
{%- endmacro %}


{#- dbt leaves the table that a Python model hands to an incremental one; it would be published with the marts. -#}
{% macro drop_handed_over() -%}
    {% if execute -%}
        {%- set found = run_query(
            "select schema_name, table_name from duckdb_tables() where table_name like '" ~ this.identifier ~ "\\_\\_dbt\\_tmp%' escape '\\'"
        ) -%}
        {%- for schema_name, table_name in found.rows -%}
            drop table if exists "{{ schema_name }}"."{{ table_name }}";
        {%- endfor -%}
    {%- endif %}
    select 1
{%- endmacro %}
