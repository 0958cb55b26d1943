-- Minutes by kind where the record has none: a call or a mail five, a meeting an hour.
{% set assumed_minutes = {'call': 5, 'email': 5, 'meeting': 60} %}

with

spells as (
    select opportunity_id, stage_name, entered_at, left_at, rep_id, team_id
    from {{ ref('fct_stage_spells') }}
),

activities as (
    select
        opportunity_id,
        activity_at,
        activity_date,
        coalesce(
            cast(duration_minutes as double),
            case channel
                {% for channel, minutes in assumed_minutes.items() -%}
                when '{{ channel }}' then {{ minutes }}.0
                {% endfor -%}
                else 0.0
            end
        ) as minutes
    from {{ ref('fct_activity') }}
    where is_done and not is_all_day and opportunity_id is not null
)

select
    spells.stage_name as series_name,
    spells.team_id,
    spells.rep_id,
    activities.activity_date,
    sum(activities.minutes) as minutes
from activities
inner join spells
    on
        activities.opportunity_id = spells.opportunity_id
        and activities.activity_at >= spells.entered_at
        and (spells.left_at is null or activities.activity_at < spells.left_at)
group by spells.stage_name, spells.team_id, spells.rep_id, activities.activity_date
