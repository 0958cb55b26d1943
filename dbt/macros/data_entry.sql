{#-
    Hours spent on typing what the CRM holds (method §7). The two figures are assumptions, no measurement: a minute to open
    and save a deal, however many of its fields change, and two minutes to enter a call, mail, task or meeting.
-#}
{% macro data_entry_hours(deal_edits, activities_entered) -%}
    (({{ deal_edits }}) * 1.0 + ({{ activities_entered }}) * 2.0) / 60
{%- endmacro %}
