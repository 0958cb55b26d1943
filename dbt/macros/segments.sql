{#- How a deal's type tells what kind of business it is. Words are English and Japanese, as orgs write them. -#}

{#- new, up_sell or renewal by the words of the deal type; null where it says none of them. -#}
{% macro business_kind_by_words(deal_type) -%}
    case
        when {{ contains_any(
            "lower(" ~ deal_type ~ ")", ['renew', '更新', '継続', '契約延長']
        ) }} then 'renewal'
        when {{ contains_any(
            "lower(" ~ deal_type ~ ")",
            [
                'upsell', 'up-sell', 'up sell', 'cross-sell', 'cross sell', 'upgrade', 'add-on', 'expansion', 'existing',
                'アップセル', 'クロスセル', '追加', '増設', '既存'
            ]
        ) }} then 'up_sell'
        when {{ contains_any("lower(" ~ deal_type ~ ")", ['new', '新規']) }} then 'new'
    end
{%- endmacro %}
