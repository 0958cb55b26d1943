{#-
    The facts of a stream that count: accepted by the gate, known by known_at, each event once (earliest kept).
    `columns` maps the fields the caller reads to their types; a field the org does not have (or hides) comes as null.
    A verdict counts from when it was known: what was refused later had been counted, what was readmitted later had not.
-#}
{% macro accepted_facts(stream, columns, changed_only=false) -%}
    {{ facts_that_count(stream, columns, 'true ' ~ (only_changed('facts.record_id') if changed_only else '')) }}
    qualify row_number() over (partition by facts.event_id order by facts.observed_at, facts.sequence) = 1
{%- endmacro %}


{#- The same before events that landed more than once are made one; `condition`: on the columns of `facts`. -#}
{% macro facts_that_count(stream, columns, condition='true') -%}
    {%- set known_at -%}
        (select max(parameters.known_at) from {{ source('run', 'parameters') }} as parameters)
    {%- endset -%}
    select facts.*
    from (
        {{ with_missing_columns(source('log', stream), columns) }}
    ) as facts
    where
        facts.observed_at <= {{ known_at }}
        and facts.sequence <= (
            select max(verdicts.checked_to_sequence)
            from {{ source('log', 'gate_verdicts') }} as verdicts
            where
                verdicts.kind = 'checked'
                and verdicts.stream = '{{ stream }}'
                and verdicts.observed_at <= {{ known_at }}
        )
        and facts.event_id not in (
            select verdicts.event_id_judged
            from {{ source('log', 'gate_verdicts') }} as verdicts
            where
                verdicts.kind in ('refused', 'readmitted')
                and verdicts.stream = '{{ stream }}'
                and verdicts.event_id_judged is not null
                and verdicts.observed_at <= {{ known_at }}
            group by verdicts.event_id_judged
            having max_by(verdicts.kind, verdicts.sequence) = 'refused'
        )
        and {{ condition }}
{%- endmacro %}


{#- A relation plus typed null columns for those it lacks. -#}
{% macro with_missing_columns(relation, columns) -%}
    {{ return(adapter.dispatch('with_missing_columns')(relation, columns)) }}
{%- endmacro %}

{% macro default__with_missing_columns(relation, columns) -%}
    select *
    from {{ relation }}
    union all by name
    select
        {% for name, type in columns.items() -%}
        cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    where false
{%- endmacro %}


{#-
    One row per record: its state as of the end of as_of_date.
    The last fact (by landing sequence) that had occurred by then; where there is none (first pulled later), the earliest one
    after it, marked `reconstructed`. A purged record keeps the values of its last whole fact.
    Adds: is_reconstructed, deleted_at (null while it lives): when it was first known gone since it last lived, whatever
    became of it in the recycle bin after that; first_observed_at: when the log first held the record;
    first_known_at: when it first held one for which `known_when` is true (a condition on the columns of `dated`).
    With `changed_only` the records that changed since the last build, in a run that recomputes only those.
-#}
{% macro state_as_of(stream, columns, known_when='true', changed_only=false) -%}
    {{ states(stream, columns, as_of_end_at(), known_when, changed_only) }}
{%- endmacro %}


{#- One row per record: its last state known by known_at, for objects that carry their own dates (history, periods, stages). -#}
{% macro last_state(stream, columns, changed_only=false) -%}
    {{ states(stream, columns, "timestamptz '9999-12-31 00:00:00+00'", changed_only=changed_only) }}
{%- endmacro %}


{#-
    Most records of most streams have a single fact, which is their state: only the others go through windows, which would
    sort every column of every fact.
-#}
{% macro states(stream, columns, cut_at, known_when='true', changed_only=false) -%}
    {%- set several -%}
        (
            select counted.record_id
            from {{ source('log', stream) }} as counted
            where true {{ only_changed('counted.record_id') if changed_only }}
            group by counted.record_id
            having count(*) > 1
        )
    {%- endset -%}
    {%- set among = only_changed('facts.record_id') if changed_only else '' -%}
    {%- set is_gone = "dated.kind in ('deleted', 'purged') and dated.occurred_at < dated.cut_at" -%}
    {%- set is_alive = "dated.kind not in ('deleted', 'purged') and dated.occurred_at < dated.cut_at" -%}
    select
        whole.*,
        whole.occurred_at >= whole.cut_at as is_reconstructed,
        whole.gone_at as deleted_at
    from (
        select
            ranked.*,
            row_number() over (
                partition by ranked.record_id
                order by
                    ranked.kind = 'purged',
                    ranked.occurred_at >= ranked.cut_at,
                    case when ranked.occurred_at >= ranked.cut_at then ranked.sequence else -ranked.sequence end
            ) as state_rank,
            min(ranked.occurred_at)
                filter (where ranked.is_gone and ranked.sequence > coalesce(ranked.last_alive_sequence, 0))
                over (partition by ranked.record_id) as gone_at
        from (
            select
                dated.*,
                {{ is_gone }} as is_gone,
                min(dated.observed_at) over (partition by dated.record_id) as first_observed_at,
                min(dated.observed_at)
                    filter (where {{ known_when }})
                    over (partition by dated.record_id) as first_known_at,
                max(dated.sequence) filter (where {{ is_alive }})
                    over (partition by dated.record_id) as last_alive_sequence
            from (
                select
                    accepted.*,
                    {{ cut_at }} as cut_at
                from (
                    {{ facts_that_count(stream, columns, 'facts.record_id in ' ~ several ~ ' ' ~ among) }}
                    qualify row_number() over (
                        partition by facts.event_id order by facts.observed_at, facts.sequence
                    ) = 1
                ) as accepted
            ) as dated
        ) as ranked
        union all
        select
            dated.*,
            {{ is_gone }} as is_gone,
            dated.observed_at as first_observed_at,
            case when {{ known_when }} then dated.observed_at end as first_known_at,
            case when {{ is_alive }} then dated.sequence end as last_alive_sequence,
            1 as state_rank,
            case when {{ is_gone }} then dated.occurred_at end as gone_at
        from (
            select
                accepted.*,
                {{ cut_at }} as cut_at
            from (
                {{ facts_that_count(stream, columns, 'facts.record_id not in ' ~ several ~ ' ' ~ among) }}
            ) as accepted
        ) as dated
    ) as whole
    where whole.state_rank = 1
{%- endmacro %}


{#- The first instant after as_of_date in the organisation's zone; a scalar subquery. -#}
{% macro as_of_end_at() -%}
    (
        select max({{ local_midnight(add_days('parameters.as_of_date', 1), 'parameters.time_zone') }})
        from {{ source('run', 'parameters') }} as parameters
    )
{%- endmacro %}
