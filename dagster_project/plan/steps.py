"""Month → week → day: each rep's whole numbers laid over the business days that are left (method §5, Calendar)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import week_start
from dagster_project.plan.whole_numbers import largest_remainder

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MEASURES = ("won_deals", "meetings", "appointments", "touches")
REP_STEP_SCHEMA = pl.Schema(
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
        weights: working units, one row per rep and one column per day; 0 where the rep is absent.
    """

    plan_date: date
    month_end: date
    days: Sequence[date]
    weights: IntArray

    @cached_property
    def mondays(self) -> list[date]:
        """Monday of each week that has a business day left, in order."""
        return sorted({week_start(day) for day in self.days})

    @cached_property
    def week_of_day(self) -> IntArray:
        """Place in ``mondays`` of each day."""
        index = {monday: place for place, monday in enumerate(self.mondays)}
        return np.array([index[week_start(day)] for day in self.days], dtype=np.int64)

    @cached_property
    def week_weights(self) -> IntArray:
        """Working units, reps × weeks."""
        units = np.zeros((len(self.weights), len(self.mondays)), dtype=np.int64)
        np.add.at(units.T, self.week_of_day, self.weights.T)
        return units

    @cached_property
    def units_left(self) -> IntArray:
        """Working units of each rep."""
        return np.asarray(self.weights.sum(axis=1), dtype=np.int64)

    @cached_property
    def days_left(self) -> IntArray:
        """Days of each rep on which any unit is worked."""
        return np.asarray((self.weights > 0).sum(axis=1), dtype=np.int64)


def by_rep_and_measure(rep_ids: Sequence[str], **columns: Mapping[str, IntArray]) -> pl.DataFrame:
    """One row per measure and rep from arrays with one place per rep: rep_id, measure and the named columns."""
    names = {"rep_id": list(rep_ids) * len(MEASURES), "measure": np.repeat(MEASURES, len(rep_ids)).tolist()}
    numbers = {name: np.concatenate([by[measure] for measure in MEASURES]) for name, by in columns.items()}
    schema = {"rep_id": pl.String, "measure": pl.String, **dict.fromkeys(columns, pl.Int64)}
    return pl.DataFrame({**names, **numbers}, schema=schema)


def weeks_of_totals(totals: IntArray, remaining: RemainingDays) -> IntArray:
    """Whole numbers of the rest of the month laid over its weeks by working units; reps × weeks.

    A rep without a day left gets nothing.
    """
    if not remaining.mondays:
        return np.zeros((len(totals), 0), dtype=np.int64)
    return largest_remainder(np.where(remaining.units_left > 0, totals, 0), remaining.week_weights)


def days_of_weeks(weeks: IntArray, remaining: RemainingDays) -> IntArray:
    """Each week's whole numbers laid over its days by working units; reps × days."""
    days = np.zeros_like(remaining.weights)
    for week in range(len(remaining.mondays)):
        inside = remaining.week_of_day == week
        days[:, inside] = largest_remainder(weeks[:, week], remaining.weights[:, inside])
    return days


def rep_steps(
    rep_ids: Sequence[str],
    weeks: Mapping[str, IntArray],
    own: Mapping[str, BoolArray],
    remaining: RemainingDays,
) -> pl.DataFrame:
    """One row per rep, level, period and measure, as ``REP_STEP_SCHEMA``.

    Every period is clipped to [plan_date, month end], so a target is what is still to be done in it. Days sum to
    their week and weeks to the month, measure by measure. Days on which a rep is absent have no row.

    Args:
        weeks: per measure, whole numbers of reps × weeks left.
        own: per measure, which reps have it in their part of the tree; the others get no row of it.
    """
    tables = [
        _measure_steps(rep_ids, measure, weeks[measure], own[measure], remaining) for measure in MEASURES
    ]
    order = pl.Enum(["month", "week", "day"])
    return pl.concat(tables).sort(
        "rep_id", pl.col("level").cast(order), "period_start", pl.col("measure").cast(pl.Enum(MEASURES))
    )


def _measure_steps(
    rep_ids: Sequence[str], measure: str, weeks: IntArray, own: BoolArray, remaining: RemainingDays
) -> pl.DataFrame:
    month = weeks.sum(axis=1, keepdims=True)
    starts = [max(monday, remaining.plan_date) for monday in remaining.mondays]
    ends = [min(monday + timedelta(days=6), remaining.month_end) for monday in remaining.mondays]
    spans = {
        "month": (month, np.ones_like(month), [remaining.plan_date], [remaining.month_end]),
        "week": (weeks, remaining.week_weights, starts, ends),
        "day": (days_of_weeks(weeks, remaining), remaining.weights, remaining.days, remaining.days),
    }
    return pl.concat(
        _level(rep_ids, measure, level, targets, shown * own[:, None], begins, finishes)
        for level, (targets, shown, begins, finishes) in spans.items()
    )


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
        schema=REP_STEP_SCHEMA,
    )
