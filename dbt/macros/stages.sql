{#- Whether a stage no OpportunityStage row describes is a won one, by its name (English and Japanese). -#}
{% macro stage_name_is_won(stage_name) -%}
    (
        lower({{ stage_name }}) like '%closed won%'
        or lower({{ stage_name }}) in ('won', 'closed-won', 'closedwon')
        or {{ stage_name }} in ('受注', '受注済み', '成約', '契約締結')
    )
{%- endmacro %}

{#- Whether a stage no OpportunityStage row describes is a lost one, by its name (English and Japanese). -#}
{% macro stage_name_is_lost(stage_name) -%}
    (
        lower({{ stage_name }}) like '%closed lost%'
        or lower({{ stage_name }}) in ('lost', 'closed-lost', 'closedlost')
        or {{ stage_name }} in ('失注', '見送り', '不成立')
    )
{%- endmacro %}
