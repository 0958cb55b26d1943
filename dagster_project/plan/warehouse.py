"""The queries behind ``reading.read_inputs``: one per frame."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.calendars import month_end, month_start
from dagster_project.plan.chances.pace import RECENT_DAYS
from dagster_project.plan.input_frames import PlanInputError
from dagster_project.plan.people.queries import (
    ABSENCE_WORDS,
    ABSENCES,
    DATED_ACTIVITIES,
    DECLINED_WORDS,
    REPS,
    ROLE_VALUES,
)

if TYPE_CHECKING:
    import duckdb

LATEST = "as_of_date = (select max(as_of_date) from {mart} where as_of_date <= $as_of_date)"

QUERIES = {
    "reps": REPS,
    "quotas": """
        select rep_id, month_start_date, quota_amount, currency, source
        from fct_quota
        where month_start_date between $month_start_date and $month_start_date + interval 6 month
    """,
    # A year of won deals is what the sizes of new ones are drawn from.
    "opportunities": """
        select opportunity_id, rep_id, status, amount, currency, closed_date
        from fct_opportunity
        where status = 'open' or (status = 'won' and closed_date > $as_of_date - interval 365 day)
    """,
    "win_ahead": """
        select opportunity_id, horizon_date, p_win, lower_80, upper_80
        from fct_win_ahead where horizon_date >= $month_end_date and horizon_kind = 'month_end'
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
    # An appointment of an open deal is already in that deal's own chance, so only the others are booked ones.
    "activity_to_date": f"""
        with {DATED_ACTIVITIES},
        open_opportunities as (select opportunity_id as open_opportunity_id from fct_opportunity where status = 'open'),
        own as (
            select
                rep_id,
                count(*) filter (is_touch and activity_date between $month_start_date and $as_of_date) as done_touches,
                count(*) filter (is_first_meeting and activity_date between $month_start_date and $as_of_date)
                    as done_meetings,
                count(*) filter (
                    is_for_first_meeting and is_scheduled and open_opportunity_id is null
                    and activity_date > $as_of_date and activity_date <= $month_end_date
                ) as booked_appointments,
                count(*) filter (
                    is_first_meeting and activity_date >= $recent_from_date and activity_date < $month_start_date
                    and activity_date <= $as_of_date
                ) as recent_meetings
            from dated left join open_opportunities on opportunity_id = open_opportunity_id
            where activity_date >= $recent_from_date
            group by rep_id
        ),
        set_appointments as (
            select set_by_rep_id as rep_id, count(*) as done_appointments
            from dated
            where is_for_first_meeting and set_date between $month_start_date and $as_of_date
            group by set_by_rep_id
        )
        select
            rep_id, coalesce(done_touches, 0) as done_touches, coalesce(done_appointments, 0) as done_appointments,
            coalesce(done_meetings, 0) as done_meetings, coalesce(booked_appointments, 0) as booked_appointments,
            coalesce(recent_meetings, 0) as recent_meetings
        from own full join set_appointments using (rep_id)
    """,
    # As in activity_to_date, day by day and further back: a week's promise may be older than the month.
    "activity_by_day": f"""
        with {DATED_ACTIVITIES},
        done as (
            select rep_id, activity_date, 'touches' as measure from dated where is_touch
            union all by name
            select rep_id, activity_date, 'meetings' as measure from dated where is_first_meeting
            union all by name
            select set_by_rep_id as rep_id, set_date as activity_date, 'appointments' as measure
            from dated where is_for_first_meeting
        )
        select rep_id, activity_date, measure, count(*) as done
        from done
        where activity_date between $first_day_back and $as_of_date
        group by all
    """,
    # 30 days up to the month's eve; velocity has the price and the cycle of the same days.
    "last_month": """
        select scope_kind, scope_id, rate_raw as last_month_value, entered as last_month_n,
            case step when 'meeting_to_won' then 'win_rate' else step end as measure
        from fct_activity_conversion
        where as_of_date = $month_start_date::date - 1 and window_name = '30d'
        union all by name
        select scope_kind, scope_id, unnest([average_price::double, average_cycle_days]) as last_month_value,
            won as last_month_n, unnest(['average_price', 'average_cycle_days']) as measure
        from fct_revenue_velocity
        where as_of_date = $month_start_date::date - 1 and window_name = '30d' and scope_kind <> 'segment'
    """,
    # Where the backtest found no calendar in the hazards, new deals have none either.
    "calendar_factors": """
        select month_of_quarter, win_factor
        from fct_calendar_factor
        where exists (
            select 1 from fct_hazard_choice where is_chosen and calendar <> 'none'
            and as_of_date = (select max(as_of_date) from fct_hazard_choice where as_of_date <= $as_of_date)
        )
    """,
    # Each month's forecast of its own eve, out of the deals open then, and what came of them.
    "past_months": """
        select as_of_date, open_deals, expected_open_deals as expected_deals, realised_deals - won as realised_deals
        from fct_forecast
        where scope_kind = 'organization' and period_kind = 'month' and realised_deals is not null
            and period_end_date <= $as_of_date
    """,
    # What takes the rep's time, by the length its records give; half a day is the longest that is no slip of the pen.
    "activity_minutes": """
        with timed as (
            select rep_id, activity_date, duration_minutes,
                case
                    when is_touch and channel = 'call' then 'call'
                    when is_first_meeting then 'first_meeting'
                    when is_meeting_held then 'later_meeting'
                    when activity_kind = 'event' and is_done and not is_appointment then 'internal_meeting'
                end as kind
            from fct_activity
            where activity_date > $as_of_date - interval 90 day and activity_date <= $as_of_date
                and rep_id is not null and not is_all_day and not is_own_write and duration_minutes <= 720
        )
        select
            rep_id, kind, count(*) as activities, median(duration_minutes) as median_minutes,
            avg(duration_minutes) as mean_minutes, sum(duration_minutes) as total_minutes,
            min(activity_date) as first_activity_date
        from timed where kind is not null
        group by grouping sets ((rep_id, kind), (kind))
    """,
    "absences": ABSENCES,
}

# What the periods of a quota file are read by.
QUOTA_QUERIES = {
    "fiscal_quarters": """
        select distinct fiscal_year_number, fiscal_quarter_number, fiscal_quarter_start_date, fiscal_quarter_end_date
        from dim_calendar order by fiscal_quarter_start_date
    """,
    "business_days": "select date_day from dim_calendar where is_business_day",
    "won_by_month": """
        select
            date_trunc('month', closed_date)::date as month_start_date, count(*)::double as won_deals,
            coalesce(sum(amount) filter (where currency = (select currency from run_parameters)), 0)::double as won_amount
        from fct_opportunity where status = 'won' and closed_date is not null
        group by month_start_date
    """,
}

# The last week's promise may be this old: long holidays, and nights that did not run.
DAYS_LOOKED_BACK = 45


def read_frames(
    warehouse: Path, *, as_of_date: date, plan_date: date, queries: Mapping[str, str] = QUERIES
) -> dict[str, pl.DataFrame]:
    """One frame per query; by default one per name in ``input_frames.SCHEMAS``.

    Raises:
        PlanInputError: the file, a mart or a column is missing.
    """
    import duckdb

    values: dict[str, object] = {
        "as_of_date": as_of_date,
        "month_start_date": month_start(plan_date),
        "month_end_date": month_end(plan_date),
        "recent_from_date": month_start(plan_date) - timedelta(days=RECENT_DAYS),
        "absence_words": ABSENCE_WORDS,
        "declined_words": DECLINED_WORDS,
        **ROLE_VALUES,
        "first_day_back": plan_date - timedelta(days=DAYS_LOOKED_BACK),
    }
    if not warehouse.exists():
        raise PlanInputError(
            "there is no warehouse yet", where=str(warehouse), remedy="run gyakusan nightly first"
        )
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return {name: _read(connection, query, values) for name, query in queries.items()}
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
