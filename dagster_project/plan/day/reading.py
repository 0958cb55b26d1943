"""What a rep's day is made around: events in the calendar and tasks due, read from the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.plan.input_frames import PlanInputError, conformed

if TYPE_CHECKING:
    import duckdb

REP_SCHEMA = pl.Schema({"rep_id": pl.String, "time_zone": pl.String, "language": pl.String})
EVENT_SCHEMA = pl.Schema(
    {
        "activity_id": pl.String(),
        "rep_id": pl.String(),
        "subject": pl.String(),
        "starts_at": pl.Datetime("us", "UTC"),
        "ends_at": pl.Datetime("us", "UTC"),
        "is_all_day": pl.Boolean(),
        "has_customer": pl.Boolean(),
        "is_first_meeting": pl.Boolean(),
    }
)
TASK_SCHEMA = pl.Schema(
    {"activity_id": pl.String, "rep_id": pl.String, "subject": pl.String, "due_date": pl.Date}
)

QUERIES = {
    "reps": "select rep_id, time_zone, language from dim_rep where is_active",
    # Two days around the date hold it in every time zone; the rep's own decides later. An all-day event is a date.
    "events": """
        with first_meetings as (
            select opportunity_id as met_opportunity_id, min(activity_at) as first_meeting_at
            from fct_activity where is_first_meeting group by opportunity_id
        ),
        events as (
            select *, activity_at + to_minutes(coalesce(duration_minutes, 0)) as ends_at,
                activity_date + greatest(ceil(coalesce(duration_minutes, 1440) / 1440.0), 1)::int as free_again_date
            from fct_activity left join first_meetings on opportunity_id = met_opportunity_id
            where activity_kind = 'event' and not is_cancelled and not is_own_write and rep_id is not null
        )
        select activity_id, rep_id, subject, activity_at as starts_at, ends_at, is_all_day,
            opportunity_id is not null or account_id is not null or who_id is not null as has_customer,
            is_appointment and met_opportunity_id is null as is_first_meeting
        from events
        where case
            when is_all_day then activity_date <= $plan_date and $plan_date < free_again_date
            else activity_at < $plan_date + interval 2 day and ends_at > $plan_date - interval 1 day
        end
    """,
    # A task without a due date is dated by its creation, to the microsecond; nothing was promised for a day.
    "tasks": """
        select activity_id, rep_id, subject, activity_date as due_date
        from fct_activity
        where activity_kind = 'task' and not is_done and not is_own_write and rep_id is not null
            and activity_date <= $plan_date and activity_at <> created_at
    """,
}


@dataclass(frozen=True)
class DayInputs:
    """What is known of a day before it begins.

    Attributes:
        time_zone: the organisation's, for reps who have none of their own.
        reps: one row per active rep (REP_SCHEMA).
        events: one row per event that may touch the day, whatever the zone (EVENT_SCHEMA).
        tasks: one row per open task of the rep's own that is due by the day (TASK_SCHEMA).
    """

    plan_date: date
    time_zone: str
    reps: pl.DataFrame
    events: pl.DataFrame
    tasks: pl.DataFrame

    def __post_init__(self) -> None:
        """Give every frame its declared columns and types, in one order.

        Raises:
            PlanInputError: a frame lacks a column, or a column cannot be read as its type.
        """
        for name, schema in (("reps", REP_SCHEMA), ("events", EVENT_SCHEMA), ("tasks", TASK_SCHEMA)):
            object.__setattr__(self, name, conformed(name, getattr(self, name), schema))


def read_day(warehouse: Path, *, plan_date: date, time_zone: str) -> DayInputs:
    """Read what the day is made around, read-only.

    Raises:
        PlanInputError: the warehouse is missing, or one of its marts or columns is.
    """
    import duckdb

    if not warehouse.exists():
        raise PlanInputError(
            "there is no warehouse yet", where=str(warehouse), remedy="run gyakusan nightly first"
        )
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            frames = {name: _read(connection, query, plan_date) for name, query in QUERIES.items()}
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0]
        raise PlanInputError(
            f"the day could not be read: {first_line}", where=str(warehouse), remedy="rebuild the warehouse"
        ) from error
    return DayInputs(plan_date, time_zone, **frames)


def _read(connection: duckdb.DuckDBPyConnection, query: str, plan_date: date) -> pl.DataFrame:
    values = {"plan_date": plan_date} if "$plan_date" in query else {}
    frame: pl.DataFrame = connection.sql(query, params=values).pl()
    return frame
