{#- Whether a contact role names someone who decides; false for null. -#}
{% macro is_decision_maker_role(contact_role) -%}
    (
        coalesce(lower({{ contact_role }}), '') in (
            'decision maker', 'executive sponsor', 'economic buyer', 'economic decision maker',
            '決裁者', '意思決定者', 'エグゼクティブスポンサー', '最終決裁者'
        )
    )
{%- endmacro %}

{#- Whether a job title is one of someone who decides (method §6: 部長, 役員, 社長, 代表, 決裁, 稟議 …); false for null. -#}
{% macro is_decision_maker_title(title) -%}
    (
        {%- for word in ['部長', '役員', '社長', '代表', '決裁', '稟議', '取締役', '会長', '専務', '常務', '執行'] %}
        coalesce({{ title }}, '') like '%{{ word }}%' or
        {%- endfor %}
        {%- for word in ['chief', 'president', 'vp ', 'director', 'owner', 'head of', 'founder', 'partner'] %}
        lower(coalesce({{ title }}, '')) like '%{{ word }}%' or
        {%- endfor %}
        upper(coalesce({{ title }}, '')) in ('CEO', 'CFO', 'COO', 'CTO', 'CIO', 'CMO', 'CRO', 'EVP', 'SVP', 'VP')
    )
{%- endmacro %}

{#- Whether one of the people of a group decides, by contact role or job title; an aggregate. -#}
{% macro knows_decision_maker(contact_role, title) -%}
    max(case when {{ is_decision_maker_role(contact_role) }} or {{ is_decision_maker_title(title) }} then 1 else 0 end) = 1
{%- endmacro %}
