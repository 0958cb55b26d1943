"""The queries behind ``reading.read_inputs``: one per frame."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.plan.calendars import month_end, month_start
from dagster_project.plan.inputs import PlanInputError

if TYPE_CHECKING:
    import duckdb

LATEST = "as_of_date = (select max(as_of_date) from {mart} where as_of_date <= $as_of_date)"

QUERIES = {
    "reps": "select rep_id, team_id, language, is_active, email from dim_rep",
    "quotas": """
        select rep_id, month_start_date, quota_amount, currency, source
        from fct_quota where month_start_date = $month_start_date
    """,
    # A year of won deals is what the sizes of new ones are drawn from.
    "opportunities": """
        select opportunity_id, rep_id, status, amount, currency, closed_date
        from fct_opportunity
        where status = 'open' or (status = 'won' and closed_date > $as_of_date - interval 365 day)
    """,
    "win_ahead": """
        select opportunity_id, horizon_date, p_win, lower_80, upper_80
        from fct_win_ahead where horizon_date = $month_end_date
        qualify row_number() over (partition by opportunity_id order by horizon_kind desc) = 1
    """,
    "activity_conversion": f"""
        select window_name, scope_kind, scope_id, step, entered, rate_shrunk, lower_80, upper_80, is_too_few
        from fct_activity_conversion where {LATEST.format(mart="fct_activity_conversion")}
    """,
    "win_by_horizon": f"""
        select window_name, scope_kind, scope_id, horizon_days, deals, win_incidence, win_incidence_shrunk, is_too_few
        from fct_win_by_horizon where {LATEST.format(mart="fct_win_by_horizon")}
    """,
    "revenue_velocity": f"""
        select window_name, scope_kind, scope_id, average_price, win_rate, average_cycle_days, rv_realised, won, lost
        from fct_revenue_velocity where {LATEST.format(mart="fct_revenue_velocity")}
    """,
    # An appointment set after the first meeting was held is a later one: activity, not conversion (method §5, Words).
    # An appointment of an open deal is already in that deal's own chance, so only the others are booked ones.
    "activity_to_date": """
        with first_meetings as (
            select opportunity_id, min(activity_at) as first_meeting_at
            from fct_activity where is_first_meeting group by opportunity_id
        ),
        open_opportunities as (select opportunity_id as open_opportunity_id from fct_opportunity where status = 'open'),
        dated as (
            select rep_id, opportunity_id, activity_date, is_touch, is_first_meeting, is_scheduled,
                is_appointment and created_at <= coalesce(first_meeting_at, 'infinity') as is_for_first_meeting,
                timezone((select time_zone from run_parameters), created_at::timestamptz)::date as set_date
            from fct_activity left join first_meetings using (opportunity_id)
            where rep_id is not null
        )
        select
            rep_id,
            count(*) filter (is_touch and activity_date between $month_start_date and $as_of_date) as done_touches,
            count(*) filter (is_for_first_meeting and set_date between $month_start_date and $as_of_date)
                as done_appointments,
            count(*) filter (is_first_meeting and activity_date between $month_start_date and $as_of_date)
                as done_meetings,
            count(*) filter (
                is_for_first_meeting and is_scheduled and open_opportunity_id is null
                and activity_date > $as_of_date and activity_date <= $month_end_date
            ) as booked_appointments
        from dated left join open_opportunities on opportunity_id = open_opportunity_id
        where activity_date >= $month_start_date or set_date >= $month_start_date
        group by rep_id
    """,
    # An all-day event without a customer is an absence when its subject says so.
    "absences": """
        with days_off as (
            select rep_id, activity_date as from_date,
                greatest(ceil(coalesce(duration_minutes, 1440) / 1440.0), 1)::int as days
            from fct_activity
            where activity_kind = 'event' and is_all_day and opportunity_id is null and rep_id is not null
                and activity_date > $as_of_date - interval 62 day and activity_date <= $month_end_date
                and regexp_matches(lower(nfc_normalize(concat_ws(' ', subject, result_text))), $absence_words)
        )
        select distinct rep_id, (from_date + offset_days::int)::date as absence_date
        from days_off, unnest(range(least(days, 62))) as offsets(offset_days)
    """,
}

ABSENCE_WORDS = (
    "休暇|休み|有休|有給|年休|代休|振休|欠勤|不在|休業|忌引|"
    r"out ?of ?(the )?office|\booo\b|vacation|holiday|day off|\bpto\b|annual leave|sick leave|parental leave|\bleave\b"
)


def read_frames(warehouse: Path, *, as_of_date: date, plan_date: date) -> dict[str, pl.DataFrame]:
    """One frame per name in ``inputs.SCHEMAS``.

    Raises:
        PlanInputError: the file, a mart or a column is missing.
    """
    import duckdb

    values: dict[str, object] = {
        "as_of_date": as_of_date,
        "month_start_date": month_start(plan_date),
        "month_end_date": month_end(plan_date),
        "absence_words": ABSENCE_WORDS,
    }
    if not warehouse.exists():
        raise PlanInputError(
            "there is no warehouse yet", where=str(warehouse), remedy="run gyakusan nightly first"
        )
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return {name: _read(connection, query, values) for name, query in QUERIES.items()}
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0]
        raise PlanInputError(
            f"the plan could not read its marts: {first_line}",
            where=str(warehouse),
            remedy="rebuild the warehouse",
        ) from error


def _read(connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, object]) -> pl.DataFrame:
    used = {name: value for name, value in values.items() if f"${name}" in query}
    frame: pl.DataFrame = connection.sql(query, params=used).pl()
    return frame
