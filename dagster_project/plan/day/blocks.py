"""The day as blocks, around what is already in the rep's calendar, with the day's numbers in them (method §5, Rhythm).

Outbound touches and appointments belong in the morning, first meetings in the afternoon, review and set-up at the end
of the day. What does not fit where it belongs goes to the next block with free minutes; what fits nowhere is said.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from dagster_project.plan.day.events import busy_in_blocks, local_events, rep_zones
from dagster_project.plan.day.pattern import FULL_DAY_UNITS, DayPattern
from dagster_project.plan.day.reading import DayInputs

PLACE = ["rep_id", "place"]
MEASURES = ("touches", "appointments", "meetings")
# Where each belongs, and where what does not fit goes, by the day's own order after that.
HOME_BLOCKS = {"touches": "morning", "appointments": "morning", "meetings": "afternoon"}
# A meeting is what the rest is for; of the morning's two, what is already agreed comes first.
FIRST_PLACED = ("meetings", "appointments", "touches")
SIZES = {
    "touches": "touch_minutes",
    "appointments": "appointment_minutes",
    "meetings": "first_meeting_minutes",
}
SMALLEST_MINUTES = 1e-6

DAY_BLOCK_SCHEMA = pl.Schema(
    {
        "plan_date": pl.Date,
        "rep_id": pl.String,
        "block": pl.String,
        "time_zone": pl.String,
        "start_time": pl.String,
        "end_time": pl.String,
        "minutes": pl.Int64,
        "busy_minutes": pl.Int64,
        "review_minutes": pl.Int64,
        "free_minutes": pl.Int64,
        "event_ids": pl.String,
        "booked_meetings": pl.Int64,
        "touches": pl.Int64,
        "appointments": pl.Int64,
        "meetings": pl.Int64,
        "planned_minutes": pl.Int64,
        "left_touches": pl.Int64,
        "left_appointments": pl.Int64,
        "left_meetings": pl.Int64,
    }
)
DAY_BLOCK_KEY = ("plan_date", "rep_id", "block")


def day_blocks(
    day: DayInputs, units: pl.DataFrame, numbers: pl.DataFrame, minutes: pl.DataFrame, pattern: DayPattern
) -> pl.DataFrame:
    """One row per rep of ``units`` and block of the pattern, in that order, as ``DAY_BLOCK_SCHEMA``.

    ``minutes = busy_minutes + review_minutes + free_minutes``. A rep who does not work that day has blocks of no
    minutes and no times. Per measure, the numbers of the rep's blocks and the ``left_`` number (on the last block, what
    fits nowhere) sum to the day's target; of first meetings, those booked for the day are taken off first.

    Args:
        units: rep_id, units (hundredths of a working day), absent_part (morning or afternoon off; null: neither).
        numbers: rep_id, measure (of ``MEASURES``; others are left out), target of the day.
        minutes: from ``capacity.minutes_per_rep``.
    """
    zones = rep_zones(day, units["rep_id"])
    events = local_events(day, zones)
    blocks = _clock(day.plan_date, units.join(zones, on="rep_id"), pattern)
    blocks = blocks.join(busy_in_blocks(events, blocks), on=PLACE, how="left", maintain_order="left")
    blocks = blocks.join(
        _booked_meetings(events, blocks, day.plan_date), on=PLACE, how="left", maintain_order="left"
    ).with_columns(
        pl.min_horizontal(pl.col("busy_minutes").fill_null(0), "minutes").alias("busy_minutes"),
        pl.col("event_ids").fill_null(""),
        pl.col("booked_meetings").fill_null(0),
    )
    placed = _with_numbers(_with_review(blocks, pattern.review_minutes), numbers, minutes, pattern)
    return placed.select(pl.col(name).cast(kind) for name, kind in DAY_BLOCK_SCHEMA.items())


def _clock(plan_date: date, reps: pl.DataFrame, pattern: DayPattern) -> pl.DataFrame:
    """One row per rep and block: its minutes, local times, and instants."""
    units = pl.col("units").cast(pl.Int64).clip(0, FULL_DAY_UNITS)
    starts = _starts(plan_date, reps["time_zone"].unique().sort().to_list(), pattern)
    ends_local = pl.col("starts_local") + pl.duration(minutes="minutes")
    return (
        reps.with_columns(pl.col("absent_part").fill_null(""), units=units)
        .join(_lengths(pattern), on=["units", "absent_part"])
        .join(starts, on=["time_zone", "place"])
        .sort("rep_id", "place")
        .with_columns(
            plan_date=pl.lit(plan_date),
            ends_at=pl.col("starts_at") + pl.duration(minutes="minutes"),
            start_time=pl.when(pl.col("minutes") > 0).then(pl.col("starts_local").dt.strftime("%H:%M")),
            end_time=pl.when(pl.col("minutes") > 0).then(ends_local.dt.strftime("%H:%M")),
        )
    )


def _lengths(pattern: DayPattern) -> pl.DataFrame:
    """One row per possible day and block: the minutes it keeps."""
    rows = [
        (units, part, place, minutes)
        for part in ("", "morning", "afternoon")
        for units in range(FULL_DAY_UNITS + 1)
        for place, minutes in enumerate(pattern.block_minutes(units, part or None))
    ]
    schema = {"units": pl.Int64, "absent_part": pl.String, "place": pl.Int64, "minutes": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _starts(plan_date: date, zones: list[str], pattern: DayPattern) -> pl.DataFrame:
    """One row per zone and block: when it starts by the clock there, and as an instant."""
    rows = []
    for zone in zones:
        for place, block in enumerate(pattern.blocks):
            local = datetime.combine(plan_date, block.starts)
            instant = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            rows.append((zone, place, block.name, local, instant))
    return pl.DataFrame(
        rows,
        schema={
            "time_zone": pl.String,
            "place": pl.Int64,
            "block": pl.String,
            "starts_local": pl.Datetime("us"),
            "starts_at": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )


def _with_review(blocks: pl.DataFrame, review_minutes: int) -> pl.DataFrame:
    """Rows with `review_minutes` at the end of the day, as far as the calendar leaves them, and `free_minutes`."""
    open_minutes = pl.col("minutes") - pl.col("busy_minutes")
    is_last = pl.col("place") == pl.col("place").filter(pl.col("minutes") > 0).max().over("rep_id")
    review = pl.when(is_last).then(pl.min_horizontal(open_minutes, pl.lit(review_minutes))).otherwise(0)
    return blocks.with_columns(review_minutes=review.fill_null(0)).with_columns(
        free_minutes=open_minutes - pl.col("review_minutes")
    )


def _booked_meetings(events: pl.DataFrame, blocks: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    """One row per rep and block with a first meeting booked that day; each counts in the last block begun by then.

    One before the day's first block counts in that, one after hours in the last.
    """
    meetings = events.filter(
        pl.col("is_first_meeting") & ~pl.col("is_all_day"), pl.col("starts_local").dt.date() == plan_date
    )
    kept = blocks.filter(pl.col("minutes") > 0).select("rep_id", "place", block_from="starts_at")
    begun = pl.col("block_from") <= pl.col("starts_at")
    return (
        meetings.join(kept, on="rep_id")
        .group_by("rep_id", "activity_id")
        .agg(place=pl.coalesce(pl.col("place").filter(begun).max(), pl.col("place").min()))
        .group_by("rep_id", "place")
        .agg(booked_meetings=pl.len().cast(pl.Int64))
    )


def _with_numbers(
    blocks: pl.DataFrame, numbers: pl.DataFrame, minutes: pl.DataFrame, pattern: DayPattern
) -> pl.DataFrame:
    """Rows with the day's numbers placed, as far as the free minutes go, and what fits nowhere on the last block."""
    shape = (-1, len(pattern.blocks))
    reps = blocks.select("rep_id").unique(maintain_order=True)
    targets = _per_rep(reps, numbers)
    each = reps.join(minutes, on="rep_id", how="left", maintain_order="left")
    free = blocks["free_minutes"].to_numpy().astype(np.float64).reshape(shape)
    left = {measure: targets[measure].to_numpy().copy() for measure in MEASURES}
    booked = blocks["booked_meetings"].to_numpy().reshape(shape).sum(axis=1)
    left["meetings"] = np.maximum(left["meetings"] - booked, 0)
    placed = {measure: np.zeros_like(free, dtype=np.int64) for measure in MEASURES}
    for measure, place in _order([block.name for block in pattern.blocks]):
        size = each[SIZES[measure]].fill_null(0.0).to_numpy()
        room = np.floor(free[:, place] / np.maximum(size, SMALLEST_MINUTES)).astype(np.int64)
        fits = np.minimum(left[measure], room)
        placed[measure][:, place] += fits
        left[measure] -= fits
        free[:, place] -= fits * size
    last = np.arange(free.shape[1]) == free.shape[1] - 1
    spent = blocks["free_minutes"].to_numpy() - free.ravel()
    return blocks.with_columns(
        **{measure: pl.Series(placed[measure].ravel()) for measure in MEASURES},
        **{f"left_{measure}": pl.Series((left[measure][:, None] * last).ravel()) for measure in MEASURES},
        planned_minutes=pl.Series(np.ceil(spent - SMALLEST_MINUTES)),
    )


def _order(names: list[str]) -> list[tuple[str, int]]:
    """Measure and place of each attempt: everything where it belongs first, then on to the next block, round the day."""
    home = {
        measure: names.index(HOME_BLOCKS[measure]) if HOME_BLOCKS[measure] in names else 0
        for measure in MEASURES
    }
    return [
        (measure, (home[measure] + step) % len(names))
        for step in range(len(names))
        for measure in FIRST_PLACED
    ]


def _per_rep(reps: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """One row per rep, in the order given, and one column per measure; 0 without a target."""
    wanted = (
        numbers.filter(pl.col("measure").is_in(MEASURES))
        .group_by("rep_id")
        .agg(
            pl.col("target").filter(pl.col("measure") == measure).sum().cast(pl.Int64).alias(measure)
            for measure in MEASURES
        )
    )
    return reps.join(wanted, on="rep_id", how="left", maintain_order="left").with_columns(
        pl.col(MEASURES).fill_null(0)
    )
