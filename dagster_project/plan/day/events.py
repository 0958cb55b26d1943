"""A rep's events of one day in the rep's own time, and the minutes of each block they take."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from dagster_project.plan.day.reading import DayInputs

MICROSECONDS_A_MINUTE = 60_000_000


def rep_zones(day: DayInputs, rep_ids: pl.Series) -> pl.DataFrame:
    """One row per rep: `time_zone`, the organisation's where the rep's own is missing or unknown here."""
    reps = pl.DataFrame({"rep_id": rep_ids.unique().sort()}).join(
        day.reps.select("rep_id", "time_zone").unique("rep_id", keep="first"), on="rep_id", how="left"
    )
    known = {name: _known_zone(name, day.time_zone) for name in reps["time_zone"].unique().to_list()}
    zones = [known[name] for name in reps["time_zone"].to_list()]
    return reps.select("rep_id", time_zone=pl.Series(zones, dtype=pl.String)).sort("rep_id")


def _known_zone(name: str | None, otherwise: str) -> str:
    try:
        return ZoneInfo(name).key if name else otherwise
    except (KeyError, ValueError, OSError):
        # A zone this machine has no data for: the organisation's day is the nearest there is.
        return otherwise


def local_events(day: DayInputs, zones: pl.DataFrame) -> pl.DataFrame:
    """Events with `time_zone`, and `starts_local`, `ends_local` by the clock on the rep's wall."""
    events = day.events.join(zones, on="rep_id")
    parts = [_with_local_times(rows, str(zone)) for (zone,), rows in events.group_by("time_zone")]
    local = pl.concat(parts) if parts else _with_local_times(events, "UTC")
    return local.sort("rep_id", "starts_at", "activity_id")


def _with_local_times(events: pl.DataFrame, zone: str) -> pl.DataFrame:
    def on_the_wall(column: str) -> pl.Expr:
        return pl.col(column).dt.convert_time_zone(zone).dt.replace_time_zone(None)

    return events.with_columns(starts_local=on_the_wall("starts_at"), ends_local=on_the_wall("ends_at"))


def busy_in_blocks(events: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """One row per rep and block that an event reaches into: `busy_minutes` and `event_ids`.

    Overlapping events count once; a part of a minute counts as one. An all-day event with a customer takes the whole
    block, one without is a reminder: absences are no working time to begin with.

    Args:
        events: rep_id, activity_id, starts_at, ends_at, is_all_day, has_customer.
        blocks: rep_id, place, starts_at, ends_at (UTC).
    """
    spans = _clipped(events, blocks).sort("rep_id", "place", "from_at", "to_at", "activity_id")
    covered = pl.col("to_at").cum_max().shift(1).over("rep_id", "place").fill_null(pl.col("from_at"))
    uncovered = pl.col("to_at") - pl.max_horizontal("from_at", pl.min_horizontal(covered, "to_at"))
    return (
        spans.with_columns(uncovered=uncovered)
        .group_by("rep_id", "place", maintain_order=True)
        .agg(
            busy_minutes=(pl.col("uncovered").dt.total_microseconds().sum() / MICROSECONDS_A_MINUTE)
            .ceil()
            .cast(pl.Int64),
            event_ids=pl.col("activity_id").str.join(", "),
        )
    )


def _clipped(events: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """One row per event and block it reaches into: the part inside, [from_at, to_at)."""
    takes_all_day = pl.col("is_all_day") & pl.col("has_customer")
    inside = events.filter(~pl.col("is_all_day") | pl.col("has_customer")).join(
        blocks.select("rep_id", "place", block_from="starts_at", block_to="ends_at"), on="rep_id"
    )
    return inside.select(
        "rep_id",
        "place",
        "activity_id",
        from_at=pl.when(takes_all_day)
        .then("block_from")
        .otherwise(pl.max_horizontal("starts_at", "block_from")),
        to_at=pl.when(takes_all_day).then("block_to").otherwise(pl.min_horizontal("ends_at", "block_to")),
    ).filter(pl.col("from_at") < pl.col("to_at"))
