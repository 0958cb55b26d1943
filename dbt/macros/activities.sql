{#- How a task or event tells what it is. Words are English and Japanese, as orgs write them. -#}

{#- call, email, meeting or other, by words in lower case. -#}
{% macro channel_by_words(words) -%}
    case
        {%- for channel, signs in {
            'call': ['call', 'phone', '電話', '架電', '受電'],
            'email': ['email', 'e-mail', 'メール'],
            'meeting': ['meeting', '商談', '訪問', '打ち合わせ']
        }.items() %}
        when {{ contains_any(words, signs) }} then '{{ channel }}'
        {%- endfor %}
        else 'other'
    end
{%- endmacro %}


{#- Whether the customer began it. A mail logged as a task has no direction of its own, so its subject speaks. -#}
{% macro says_inbound(call_type, subtype, type, subject) -%}
    (
        {{ contains_any(
            "lower(concat_ws(' ', " ~ call_type ~ ", " ~ subtype ~ ", " ~ type ~ "))",
            ['inbound', '受信', '着信', '受電', 'インバウンド']
        ) }}
        or {{ starts_with_any(
            "lower(coalesce(" ~ subject ~ ", ''))",
            ['inbound', 'incoming', 'email received', '受電', '着信', '受信', 'メール受信']
        ) }}
    )
{%- endmacro %}


{#- Whether a call reached the person (接続), by its result. -#}
{% macro says_connected(call_disposition) -%}
    (
        {{ contains_any("lower(coalesce(" ~ call_disposition ~ ", ''))", ['connected', '接続', '通話']) }}
        and not {{ contains_any(
            "lower(coalesce(" ~ call_disposition ~ ", ''))", ['not connected', 'disconnected', '未接続', '接続不可']
        ) }}
    )
{%- endmacro %}


{#- Whether an event was called off: mail programs keep it in the calendar and mark its subject. -#}
{% macro says_cancelled(subject) -%}
    {{ starts_with_any(
        "lower(coalesce(" ~ subject ~ ", ''))",
        ['canceled', 'cancelled', '【キャンセル】', '[キャンセル]', 'キャンセル', '中止', '【中止】']
    ) }}
{%- endmacro %}


{% macro contains_any(text, signs) -%}
    ({% for sign in signs %}{{ text }} like '%{{ sign }}%'{{ ' or ' if not loop.last }}{% endfor %})
{%- endmacro %}


{% macro starts_with_any(text, signs) -%}
    ({% for sign in signs %}{{ text }} like '{{ sign }}%'{{ ' or ' if not loop.last }}{% endfor %})
{%- endmacro %}
