"""Month → week → day: each rep's whole numbers laid over the business days that are left (method §5, Calendar)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.calendars import week_start
from dagster_project.plan.whole_numbers import largest_remainder

IntArray = NDArray[np.int64]

MEASURES = ("won_deals", "meetings", "appointments", "touches")
STEP_SCHEMA = pl.Schema(
    {
        "rep_id": pl.String,
        "level": pl.String,
        "period_start": pl.Date,
        "period_end": pl.Date,
        "measure": pl.String,
        "target": pl.Int64,
    }
)


@dataclass(frozen=True)
class RemainingDays:
    """What is left of a month.

    Attributes:
        plan_date: first day still to be planned.
        month_end: last day of the month.
        days: business days between the two, in order.
        weights: whole numbers, one row per rep and one column per day; 0 where the rep is absent.
    """

    plan_date: date
    month_end: date
    days: Sequence[date]
    weights: IntArray


def plan_steps(
    rep_ids: Sequence[str], totals: Mapping[str, IntArray], remaining: RemainingDays
) -> pl.DataFrame:
    """One row per rep, level, period and measure, as ``STEP_SCHEMA``.

    Every period is clipped to [plan_date, month end], so a target is what is still to be done in it. Days sum to
    their week and weeks to the month, measure by measure. Days on which a rep is absent have no row.

    Args:
        totals: per measure, one whole number per rep; zero where a rep has no day left.
    """
    tables = [
        _measure_steps(rep_ids, measure, np.asarray(totals[measure], dtype=np.int64), remaining)
        for measure in MEASURES
    ]
    order = pl.Enum(["month", "week", "day"])
    return pl.concat(tables).sort(
        "rep_id", pl.col("level").cast(order), "period_start", pl.col("measure").cast(pl.Enum(MEASURES))
    )


def _measure_steps(
    rep_ids: Sequence[str], measure: str, totals: IntArray, remaining: RemainingDays
) -> pl.DataFrame:
    week_of_day, week_starts, week_ends = _weeks(remaining)
    month = totals[:, None]
    week_weights = np.zeros((len(totals), len(week_starts)), dtype=np.int64)
    np.add.at(week_weights.T, week_of_day, remaining.weights.T)
    weeks = largest_remainder(totals, week_weights) if len(week_starts) else week_weights
    days = np.zeros_like(remaining.weights)
    for week in range(len(week_starts)):
        inside = week_of_day == week
        days[:, inside] = largest_remainder(weeks[:, week], remaining.weights[:, inside])
    spans = {
        "month": (month, np.ones_like(month), [remaining.plan_date], [remaining.month_end]),
        "week": (weeks, week_weights, week_starts, week_ends),
        "day": (days, remaining.weights, list(remaining.days), list(remaining.days)),
    }
    return pl.concat(
        _level(rep_ids, measure, level, targets, shown, starts, ends)
        for level, (targets, shown, starts, ends) in spans.items()
    )


def _weeks(remaining: RemainingDays) -> tuple[IntArray, list[date], list[date]]:
    """Week index of each day; first and last day of each week, clipped to what is left of the month."""
    mondays = sorted({week_start(day) for day in remaining.days})
    index = {monday: place for place, monday in enumerate(mondays)}
    week_of_day = np.array([index[week_start(day)] for day in remaining.days], dtype=np.int64)
    starts = [max(monday, remaining.plan_date) for monday in mondays]
    ends = [min(monday.fromordinal(monday.toordinal() + 6), remaining.month_end) for monday in mondays]
    return week_of_day, starts, ends


def _level(
    rep_ids: Sequence[str],
    measure: str,
    level: str,
    targets: IntArray,
    shown: IntArray,
    starts: Sequence[date],
    ends: Sequence[date],
) -> pl.DataFrame:
    reps, periods = np.nonzero(shown)
    return pl.DataFrame(
        {
            "rep_id": pl.Series(rep_ids, dtype=pl.String).gather(reps),
            "level": pl.repeat(level, len(reps), dtype=pl.String, eager=True),
            "period_start": pl.Series(starts, dtype=pl.Date).gather(periods),
            "period_end": pl.Series(ends, dtype=pl.Date).gather(periods),
            "measure": pl.repeat(measure, len(reps), dtype=pl.String, eager=True),
            "target": targets[reps, periods],
        },
        schema=STEP_SCHEMA,
    )
