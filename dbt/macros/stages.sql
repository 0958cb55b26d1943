{#- Whether a stage no OpportunityStage row describes is a won one, by its name (English and Japanese). -#}
{% macro stage_name_is_won(stage_name) -%}
    (
        lower({{ stage_name }}) like '%closed won%'
        or lower({{ stage_name }}) in ('won', 'closed-won', 'closedwon')
        or {{ stage_name }} in ('受注', '受注済み', '成約', '契約締結')
    )
{%- endmacro %}

{#-
    One row per name a stage bore before and none bears now (former_name), with the name it bears now (stage_name); a table
    expression. A stage that is renamed is the same stage: nothing moved.
-#}
{% macro renamed_stages() -%}
    select
        former.stage_name as former_name,
        max_by(present.stage_name, former.sequence) as stage_name
    from (
        select
            named.record_id,
            coalesce(named.ApiName, named.MasterLabel) as stage_name,
            named.sequence
        from ({{ accepted_facts('opportunity_stage', {'ApiName': 'varchar', 'MasterLabel': 'varchar'}) }}) as named
    ) as former
    inner join (
        {{ present_stage_names() }}
    ) as present on former.record_id = present.record_id
    where former.stage_name not in (select borne.stage_name from ({{ present_stage_names() }}) as borne)
    group by former.stage_name
{%- endmacro %}

{#- One row per stage definition (record_id) with the name it bears now; a table expression. -#}
{% macro present_stage_names() -%}
    select
        defined.record_id,
        coalesce(defined.ApiName, defined.MasterLabel) as stage_name
    from ({{ last_state('opportunity_stage', {'ApiName': 'varchar', 'MasterLabel': 'varchar'}) }}) as defined
    where coalesce(defined.ApiName, defined.MasterLabel) is not null
{%- endmacro %}

{#- Whether a stage no OpportunityStage row describes is a lost one, by its name (English and Japanese). -#}
{% macro stage_name_is_lost(stage_name) -%}
    (
        lower({{ stage_name }}) like '%closed lost%'
        or lower({{ stage_name }}) in ('lost', 'closed-lost', 'closedlost')
        or {{ stage_name }} in ('失注', '見送り', '不成立')
    )
{%- endmacro %}
