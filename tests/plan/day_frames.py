"""Small hand-made days: one rep in Tokyo on a Tuesday, nothing in the calendar, unless told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from dagster_project.plan.day.blocks import day_blocks
from dagster_project.plan.day.pattern import DayPattern
from dagster_project.plan.day.reading import EVENT_SCHEMA, REP_SCHEMA, TASK_SCHEMA, DayInputs

DAY = date(2026, 11, 24)
TOKYO = "Asia/Tokyo"
NUMBERS = {"touches": 15, "appointments": 5, "meetings": 3}


def at(hour: float, zone: str = TOKYO, day: date = DAY) -> datetime:
    """An hour of the day by the clock of a zone, as an instant; 9.5 is half past nine."""
    minutes = round(hour * 60)
    local = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(zone))
    return local.astimezone(UTC)


def event(start: datetime, end: datetime, **values: Any) -> dict[str, Any]:
    return {
        "activity_id": f"00U{start:%d%H%M}{end:%d%H%M}", "rep_id": "A", "subject": "Meeting", "starts_at": start,
        "ends_at": end, "is_all_day": False, "has_customer": False, "is_first_meeting": False,
    } | values  # fmt: skip


def first_meeting(start: datetime, end: datetime, **values: Any) -> dict[str, Any]:
    return event(start, end, has_customer=True, is_first_meeting=True, **values)


def day_of(
    events: Iterable[Mapping[str, Any]] = (),
    zones: Mapping[str, str | None] | None = None,
    tasks: Iterable[Sequence[Any]] = (),
    day: date = DAY,
    languages: Mapping[str, str] | None = None,
) -> DayInputs:
    reps = zones or {"A": TOKYO}
    said = languages or {}
    return DayInputs(
        plan_date=day,
        time_zone=TOKYO,
        reps=pl.DataFrame(
            [(rep, zone, said.get(rep, "en")) for rep, zone in reps.items()], schema=REP_SCHEMA, orient="row"
        ),
        events=pl.DataFrame(list(events), schema=EVENT_SCHEMA),
        tasks=pl.DataFrame(list(tasks), schema=TASK_SCHEMA, orient="row"),
    )


def units_of(*rows: tuple[str, int, str | None]) -> pl.DataFrame:
    schema = {"rep_id": pl.String, "units": pl.Int64, "absent_part": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def numbers_of(targets: Mapping[str, int], rep: str = "A") -> pl.DataFrame:
    return pl.DataFrame(
        [(rep, measure, target) for measure, target in targets.items()],
        schema={"rep_id": pl.String, "measure": pl.String, "target": pl.Int64},
        orient="row",
    )


def minutes_of(
    *reps: str, touch: float = 5.0, appointment: float = 5.0, meeting: float = 75.0
) -> pl.DataFrame:
    return pl.DataFrame({"rep_id": reps or ("A",)}).with_columns(
        touch_minutes=pl.lit(touch),
        appointment_minutes=pl.lit(appointment),
        first_meeting_minutes=pl.lit(meeting),
    )


def blocks_of(
    day: DayInputs,
    units: int = 100,
    absent_part: str | None = None,
    numbers: pl.DataFrame | None = None,
    pattern: DayPattern | None = None,
) -> pl.DataFrame:
    """The blocks of rep A."""
    return day_blocks(
        day,
        units_of(("A", units, absent_part)),
        numbers_of(NUMBERS) if numbers is None else numbers,
        minutes_of(),
        pattern or DayPattern(),
    )
