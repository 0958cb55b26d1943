"""Reading what the reviews are made from: the evening's marts, the plan and cards of the day, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from connectors.event_log import EventLog
from dagster_project.calendars import month_end
from dagster_project.decisions import ACTIONS_PLANNED, CANDIDATES, PLAN_STEPS, decided_rows
from dagster_project.plan.people.queries import ABSENCE_WORDS, ABSENCES, DATED_ACTIVITIES, DECLINED_WORDS
from dagster_project.publish.carried_over import STANDING
from dagster_project.review.inputs import ReviewInputs, empty
from dagster_project.undone import tasks_with_keys

# What counts as done is what the plan counts (plan.warehouse), but only up to now: a meeting that is not over is not held.
QUERIES: Mapping[str, str] = {
    # Who has fallen ill since the plan was made is off too.
    "reps": f"""
        with absences as ({ABSENCES})
        select rep_id, language from dim_rep
        where is_active and rep_id not in (
            select rep_id from absences where absence_date = $day
            group by rep_id having bool_or(part = 'day') or count(distinct part) > 1
        )
    """,
    "done": f"""
        with {DATED_ACTIVITIES},
        done as (
            select rep_id, 'touches' as measure from dated
            where is_touch and activity_date = $day and activity_at <= $now
            union all by name
            select rep_id, 'meetings' as measure from dated
            where is_first_meeting and activity_date = $day
                and activity_at + to_minutes(coalesce(duration_minutes, 0)) <= $now
            union all by name
            select set_by_rep_id as rep_id, 'appointments' as measure
            from dated where is_for_first_meeting and set_date = $day
            union all by name
            select rep_id, 'won_deals' as measure from fct_opportunity
            where status = 'won' and closed_date = $day and rep_id is not null
        )
        select rep_id, measure, count(*) as done from done group by rep_id, measure
    """,
    "worked_on": """
        select distinct rep_id, opportunity_id
        from fct_activity
        where rep_id is not null and opportunity_id is not null and not is_own_write
            and (
                (activity_date = $day and activity_at <= $now and (is_touch or is_meeting_held))
                or (
                    is_appointment
                    and timezone((select time_zone from run_parameters), created_at::timestamptz)::date = $day
                )
            )
    """,
    "meetings": """
        select activities.rep_id,
            strftime(timezone(reps.time_zone, activities.activity_at), '%H:%M') as starts,
            coalesce(opportunities.account_name, opportunities.opportunity_name, activities.subject, '') as name
        from fct_activity as activities
        inner join dim_rep as reps on activities.rep_id = reps.rep_id
        left join fct_opportunity as opportunities on activities.opportunity_id = opportunities.opportunity_id
        where activities.is_appointment and not activities.is_cancelled and activities.activity_date = $next_day
    """,
}


def planned_targets(log: EventLog, day: date) -> pl.DataFrame:
    """Day targets of the plan of ``day``, shaped like ``inputs.SCHEMAS``; none where nothing was planned for it."""
    steps = decided_rows(log, PLAN_STEPS, day)
    if steps.is_empty():
        return empty("targets")
    by_day = steps.filter((pl.col("level") == "day") & pl.col("rep_id").is_not_null())
    return by_day.select("rep_id", "measure", "target", day="period_start")


def read_inputs(warehouse: Path, log: EventLog, *, day: date, next_day: date, now: datetime) -> ReviewInputs:
    """Everything for the reviews of one day, read-only.

    Raises:
        duckdb.Error: the warehouse or a mart is missing.
    """
    values: dict[str, object] = {
        "day": day,
        "next_day": next_day,
        "now": now,
        "as_of_date": day,
        "month_end_date": month_end(day),
        "absence_words": ABSENCE_WORDS,
        "declined_words": DECLINED_WORDS,
    }
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        frames = {name: _read(connection, sql, values) for name, sql in QUERIES.items()}
    return ReviewInputs(
        day=day,
        next_day=next_day,
        targets=planned_targets(log, day),
        cards=cards_of(log, day),
        card_tasks=card_tasks(tasks_with_keys(log)),
        **frames,
    )


def cards_of(log: EventLog, day: date) -> pl.DataFrame:
    """The cards chosen for a day, and those of earlier days that still stood that morning."""
    columns = ["rep_id", "action_key", "opportunity_id", "subject", "is_data_card", "rank"]
    weighed, chosen = decided_rows(log, CANDIDATES, day), decided_rows(log, ACTIONS_PLANNED, day)
    parts = [empty("cards")]
    if not chosen.is_empty():
        parts.append(chosen.select(columns))
    if not weighed.is_empty():
        standing = weighed.filter(pl.col("left_out_reason") == STANDING)
        parts.append(standing.select(columns).with_columns(rank=pl.lit(None, pl.Int64)))
    return pl.concat(parts, how="vertical_relaxed").unique("action_key", keep="first", maintain_order=True)


def card_tasks(tasks: pl.DataFrame) -> pl.DataFrame:
    """What became of our tasks, from the log's ``task``, latest per record, with their keys."""
    dismissed = pl.col("GyakusanDismissedBecause__c").fill_null("") != ""
    return (
        tasks.filter(pl.col("GyakusanActionKey__c").is_not_null())
        .group_by(action_key="GyakusanActionKey__c")
        .agg(
            is_done=pl.col("IsClosed").fill_null(False).any(),
            is_turned_down=(dismissed | pl.col("kind").is_in(["deleted", "purged"])).all(),
        )
    )


def _read(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object]) -> pl.DataFrame:
    used = {name: value for name, value in values.items() if f"${name}" in sql}
    frame: pl.DataFrame = connection.sql(sql, params=used).pl()
    return frame
