{#- Intervals of counts that have a closed form, so that no model needs Wald's (which leaves [0, 1] and undercovers). -#}

{#-
    A bound of the 95 % interval of a share by Wilson's score (Wilson 1927); null without trials.
    `side` is '-' for the lower bound and '+' for the upper one; 1.959963984540054 is the normal's 97.5 % quantile.
-#}
{% macro wilson_bound_95(successes, trials, side) -%}
    {%- set z = '1.959963984540054' -%}
    greatest(least(
        (
            {{ successes }} + {{ z }} * {{ z }} / 2
            {{ side }} {{ z }} * sqrt(
                cast({{ successes }} as double) * ({{ trials }} - {{ successes }}) / nullif({{ trials }}, 0)
                + {{ z }} * {{ z }} / 4
            )
        ) / (nullif({{ trials }}, 0) + {{ z }} * {{ z }}),
        1.0
    ), 0.0)
{%- endmacro %}
