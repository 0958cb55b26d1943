"""From tables to counts: the columns the SQL models hand over, as arrays of units and windows."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray
from dagster_project.estimate.lexis import COMPETING, STILL_OPEN, TARGET, Units, Windows

DEAL, STAGE, ACTIVITY_STEP = "deal", "stage", "activity_step"
TARGET_EXITS = {DEAL: ("won",), STAGE: ("won", "advanced"), ACTIVITY_STEP: ("converted",)}
OPEN, DELETED = "open", "deleted"


def day_numbers(column: pl.Series) -> IntArray:
    """Dates as days since 1970-01-01; raises ValueError on a missing date."""
    if column.null_count():
        raise ValueError(f"{column.name} has {column.null_count()} missing dates")
    return column.cast(pl.Date).cast(pl.Int32).cast(pl.Int64).to_numpy()


def windows_of(table: pl.DataFrame) -> Windows:
    """Windows of rows with window_from_date (excluded) and window_to_date (included)."""
    return Windows(day_numbers(table["window_from_date"]), day_numbers(table["window_to_date"]))


def units_of(table: pl.DataFrame, group: IntArray, unit_kind: str) -> Units:
    """Units of rows with started_date, last_date, exit_name and units (their number); `group` numbers the rows' groups."""
    return Units(
        group=group,
        start_day=day_numbers(table["started_date"]),
        last_day=day_numbers(table["last_date"]),
        exit=exit_codes(table["exit_name"], unit_kind),
        count=table["units"].cast(pl.Int64).to_numpy(),
    )


def exit_codes(exit_name: pl.Series, unit_kind: str) -> IntArray:
    """What each exit is to this kind of unit: the target, a competing exit, or none (a deleted record is out of sight)."""
    names = pl.DataFrame({"name": exit_name}).select(
        pl.when(pl.col("name").is_in((OPEN, DELETED)))
        .then(STILL_OPEN)
        .when(pl.col("name").is_in(TARGET_EXITS[unit_kind]))
        .then(TARGET)
        .otherwise(COMPETING)
        .cast(pl.Int64)
        .alias("code")
    )
    return names["code"].to_numpy()


def sums_in_windows(
    day: IntArray, value: FloatArray, group: IntArray, groups: int, windows: Windows
) -> FloatArray:
    """Sums of `value` over days in each window, groups × windows; those of group -1 are nobody's."""
    mine = group >= 0
    if not mine.any():
        return np.zeros((groups, len(windows)))
    first, last = int(day[mine].min()), int(day[mine].max())
    days = last - first + 1
    cell = group[mine] * (days + 1) + day[mine] - first + 1
    daily = np.bincount(cell, value[mine], minlength=groups * (days + 1)).reshape(groups, days + 1)
    summed = np.cumsum(daily, axis=1, dtype=np.float64)
    begin = np.clip(windows.from_day - first + 1, 0, days)
    end = np.clip(windows.to_day - first + 1, 0, days)
    return np.asarray(summed[:, end] - summed[:, begin], dtype=np.float64)
