"""The queries about people: who they are, what they do, when they are away."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABSENCE_WORDS = (
    "休暇|休み|有休|有給|年休|代休|振休|欠勤|不在|休業|忌引|半休|"
    r"out ?of ?(the )?office|\booo\b|vacation|holiday|day off|\bpto\b|annual leave|sick leave|parental leave|\bleave\b"
)
DECLINED_WORDS = r"^\W*(declined|辞退)"

# Whoever is inside sales makes touches that would have led a colleague of the same team to some meetings, and has
# hardly any: a newcomer, whose touches have had no time to, and a slow month do not count.
ROLE_VALUES: Mapping[str, object] = MappingProxyType(
    {
        "least_touches": 30,
        "least_expected_meetings": 5.0,
        "largest_own_share": 0.1,
        "least_days_at_work": 60,
        "least_touches_led": 10,
    }
)

REPS = """
    with recent as (
        select rep_id, opportunity_id, activity_at, activity_date, is_touch, is_first_meeting
        from fct_activity
        where rep_id is not null and not is_own_write
            and activity_date > $as_of_date - interval 180 day and activity_date <= $as_of_date
    ),
    done as (
        select rep_id, count(*) filter (is_touch) as touches, count(*) filter (is_first_meeting) as first_meetings,
            min(activity_date) filter (is_touch) as first_touch_date
        from recent group by rep_id
    ),
    owned as (select rep_id, count(*) as open_deals from fct_opportunity where status = 'open' group by rep_id),
    people as (
        select rep_id, team_id, coalesce(touches, 0) as touches, coalesce(first_meetings, 0) as first_meetings,
            coalesce(open_deals, 0) as open_deals, first_touch_date
        from dim_rep left join done using (rep_id) left join owned using (rep_id)
        where team_id is not null
    ),
    beside_team as (
        select rep_id, team_id, touches, first_meetings, open_deals, first_touch_date,
            sum(touches) over team - touches as their_touches,
            sum(first_meetings) over team - first_meetings as their_meetings,
            (sum(open_deals) over team - open_deals) / nullif(count(*) over team - 1, 0) as their_open_deals
        from people
        window team as (partition by team_id)
    ),
    -- Meetings the team's others would have held after as many touches; they may have made none at all themselves.
    inside_sales as (
        select rep_id, team_id
        from beside_team
        where touches >= $least_touches and first_touch_date <= $as_of_date - $least_days_at_work::int
            and their_meetings * touches >= $least_expected_meetings * their_touches
            and their_meetings >= $least_expected_meetings
            and first_meetings * their_touches <= $largest_own_share * their_meetings * touches
            and first_meetings <= $largest_own_share * their_meetings
            and open_deals <= $largest_own_share * their_open_deals
    ),
    first_meetings as (
        select opportunity_id, min(activity_at) as first_meeting_at
        from fct_activity where is_first_meeting group by opportunity_id
    ),
    -- Touches before the first meeting, by whose deal they are for.
    led as (
        select deals.rep_id, count(*) as touches, count(*) filter (inside_sales.rep_id is not null) as from_inside_sales
        from recent
        inner join fct_opportunity as deals using (opportunity_id)
        inner join people as owners on deals.rep_id = owners.rep_id
        left join first_meetings using (opportunity_id)
        left join inside_sales on recent.rep_id = inside_sales.rep_id and owners.team_id = inside_sales.team_id
        where recent.is_touch and recent.activity_at <= coalesce(first_meeting_at, 'infinity')
        group by deals.rep_id
    )
    select
        rep_id, dim_rep.team_id, language, is_active, email, time_zone,
        case
            when inside_sales.rep_id is not null then 'inside_sales'
            when led.touches >= $least_touches_led and 2 * from_inside_sales > led.touches then 'field'
            else 'full'
        end as role,
        -- Where work was logged before the user was created, the user was only created anew.
        case
            when user_created_date between $month_start_date and $month_end_date
                and coalesce(first_activity_date >= user_created_date, true) then user_created_date
        end as first_date
    from dim_rep
    left join inside_sales using (rep_id)
    left join led using (rep_id)
"""

# An event without a deal is an absence when the calendar or its words say so. All day it is so many dates, of no time
# zone; with a time it takes the halves of the day in which it lies for three hours of the rep's own clock.
ABSENCES = """
    with own_events as (
        select activities.rep_id, activity_date, activity_at, is_all_day, duration_minutes,
            coalesce(reps.time_zone, parameters.time_zone) as time_zone
        from fct_activity as activities
        cross join run_parameters as parameters
        left join dim_rep as reps on activities.rep_id = reps.rep_id
        where activity_kind = 'event' and opportunity_id is null and activities.rep_id is not null
            and not coalesce(is_cancelled, false)
            and activity_date > $as_of_date - interval 62 day
            and activity_date <= $month_end_date::date + 1
            and not regexp_matches(lower(nfc_normalize(coalesce(subject, ''))), $declined_words)
            and (
                is_out_of_office
                or regexp_matches(lower(nfc_normalize(concat_ws(' ', subject, result_text))), $absence_words)
            )
    ),
    whole_days as (
        select rep_id, activity_date as from_date,
            least(greatest(ceil(coalesce(duration_minutes, 1440) / 1440.0), 1), 62)::int as days
        from own_events where is_all_day
    ),
    local as (
        select rep_id, timezone(time_zone, activity_at::timestamptz) as starts_at,
            timezone(time_zone, activity_at::timestamptz + duration_minutes * interval 1 minute) as ends_at
        from own_events where not is_all_day and duration_minutes >= 180
    ),
    per_date as (
        select rep_id, starts_at, ends_at, starts_at::date + day_offset::int as absence_date
        from local, unnest(range(least(ends_at::date - starts_at::date, 62) + 1)) as offsets(day_offset)
    ),
    minutes as (
        select rep_id, absence_date,
            greatest(0, epoch(least(ends_at, absence_date + time '12:30')
                - greatest(starts_at, absence_date + time '08:00')) / 60) as before_noon,
            greatest(0, epoch(least(ends_at, absence_date + time '19:00')
                - greatest(starts_at, absence_date + time '12:30')) / 60) as after_noon
        from per_date
    ),
    halves as (
        select rep_id, absence_date,
            before_noon >= 180 or (before_noon + after_noon >= 180 and before_noon >= after_noon) as is_morning,
            after_noon >= 180 or (before_noon + after_noon >= 180 and before_noon < after_noon) as is_afternoon
        from minutes
    )
    select distinct rep_id, from_date + day_offset::int as absence_date, 'day' as part
    from whole_days, unnest(range(days)) as offsets(day_offset)
    union
    select rep_id, absence_date,
        case when is_morning and is_afternoon then 'day' when is_morning then 'morning' else 'afternoon' end as part
    from halves
    where is_morning or is_afternoon
"""

# Each activity with whom it counts for: an appointment for who set it, because inside sales enter it in the calendar of a
# field rep of their team. One set after the first meeting was held is a later one: activity, not conversion (method §5).
DATED_ACTIVITIES = """
    first_meetings as (
        select opportunity_id, min(activity_at) as first_meeting_at
        from fct_activity where is_first_meeting group by opportunity_id
    ),
    dated as (
        select
            activities.rep_id, coalesce(setters.rep_id, activities.rep_id) as set_by_rep_id,
            activities.opportunity_id, activity_date, activity_at, duration_minutes, created_at,
            is_touch, is_first_meeting, is_scheduled,
            is_appointment and created_at <= coalesce(first_meeting_at, 'infinity') as is_for_first_meeting,
            timezone((select time_zone from run_parameters), created_at::timestamptz)::date as set_date
        from fct_activity as activities
        left join first_meetings on activities.opportunity_id = first_meetings.opportunity_id
        left join dim_rep as owners on activities.rep_id = owners.rep_id
        left join dim_rep as setters
            on activities.created_by_id = setters.rep_id and owners.team_id = setters.team_id
        where activities.rep_id is not null
    )
"""
