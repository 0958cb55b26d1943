{#- Amounts of several currencies, as amounts of one. -#}

{#-
    The join condition that finds a currency's rate (int_conversion_rates) on a day.
-#}
{% macro rate_holds(rates, currency, date_day) -%}
    {{ rates }}.currency = {{ currency }}
    and ({{ rates }}.valid_from_date is null or {{ rates }}.valid_from_date <= {{ date_day }})
    and ({{ rates }}.valid_to_date is null or {{ rates }}.valid_to_date > {{ date_day }})
{%- endmacro %}


{#-
    An amount in the wanted currency. Without a rate it stays as it is where only one currency is in use, and is null where
    there are several: yen are not dollars. A mistyped amount is cut at what a decimal holds.
-#}
{% macro converted(amount, currency, wanted_currency, rate, wanted_rate, currencies) -%}
    case
        when {{ currency }} = {{ wanted_currency }} then {{ amount }}
        when {{ amount }} is not null and {{ rate }} is not null and {{ wanted_rate }} is not null
            then cast(least(greatest(
                cast({{ amount }} as double) * {{ wanted_rate }} / {{ rate }}, -9e13
            ), 9e13) as decimal(18, 4))
        when {{ currencies }} <= 1 then {{ amount }}
    end
{%- endmacro %}


{#- The currency of what `converted` gives. -#}
{% macro converted_currency(currency, wanted_currency, rate, wanted_rate, currencies) -%}
    case
        when {{ currencies }} <= 1 and ({{ rate }} is null or {{ wanted_rate }} is null) then {{ currency }}
        else {{ wanted_currency }}
    end
{%- endmacro %}
