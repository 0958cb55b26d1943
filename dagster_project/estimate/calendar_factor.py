"""How much more is won and lost in each month of the quarter than the age of the open deals explains (method §2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.lexis import STILL_OPEN, Windows, exit_ages, window_counts
from dagster_project.estimate.shrinkage import RatioPosterior, shrink_ratios
from dagster_project.estimate.unit_counts import STAGE, day_numbers, units_of

MONTHS_OF_QUARTER = 3
# December on Maven is 2.8 times what age explains, July .27: a prior of this width leaves such factors alone.
_FACTOR_SPREAD = 1.0
# One quarter's months cannot be told from chance; with two of each, factors begin to be believed.
_FEWEST_MONTHS_OF_EACH = 2


@dataclass(frozen=True)
class CalendarFactor:
    """Factor of one exit by month of quarter (three elements), with the exits it rests on."""

    factor: FloatArray
    variance: FloatArray
    observed: FloatArray
    expected: FloatArray


def calendar_factor_table(stages: pl.DataFrame) -> pl.DataFrame:
    """One row per month_of_quarter 1..3 (calendar quarters): win_factor, loss_factor, observed and expected exits.

    `stages`: rows of unit_kind 'stage' as for `incidence_table`. Expected exits follow the hazards by stage and age in
    stage over the whole time since the first close.
    """
    won, lost = (calendar_factor(stages, name) for name in ("won", "lost"))
    return pl.DataFrame(
        {
            "month_of_quarter": np.arange(1, MONTHS_OF_QUARTER + 1),
            "win_factor": won.factor,
            "loss_factor": lost.factor,
            "win_factor_variance": won.variance,
            "loss_factor_variance": lost.variance,
            "n_won": won.observed,
            "n_lost": lost.observed,
            "expected_won": won.expected,
            "expected_lost": lost.expected,
        }
    )


def calendar_factor(stages: pl.DataFrame, exit_name: str) -> CalendarFactor:
    """Factor of one exit: observed over expected, shrunk to one, with the scatter of months of one kind allowed for.

    Without at least two months of each kind the factor is one.
    """
    closed = stages.filter(pl.col("exit_name").is_in(("won", "lost")))
    ones = np.ones(MONTHS_OF_QUARTER)
    if closed.is_empty():
        return CalendarFactor(ones, 0 * ones, 0 * ones, 0 * ones)
    first, last = int(day_numbers(closed["last_date"]).min()), int(day_numbers(stages["last_date"]).max())
    windows, month = calendar_months(first, last)
    return factor_of_months(*_month_exits(stages, exit_name, windows), month)


def factor_of_months(observed: FloatArray, expected: FloatArray, month: IntArray) -> CalendarFactor:
    """Factor by month of quarter from the exits of single months, observed and expected; `month` is 0, 1 or 2 of each."""
    by_kind = np.array([month == kind for kind in range(MONTHS_OF_QUARTER)], dtype=np.float64)
    total, due = by_kind @ observed, by_kind @ expected
    if by_kind.sum(axis=1).min() < _FEWEST_MONTHS_OF_EACH or not total.sum():
        return CalendarFactor(np.ones(MONTHS_OF_QUARTER), np.zeros(MONTHS_OF_QUARTER), total, due)
    posterior = _shrunk(observed, expected, total, due, month)
    return CalendarFactor(posterior.mean, posterior.variance, total, due)


def month_of_quarter(days: IntArray) -> IntArray:
    """0, 1 or 2: place of each day's month in its calendar quarter (days since 1970-01-01).

    Fiscal quarters of whole months, whichever month they begin in, have the same three kinds in another order.
    """
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months % MONTHS_OF_QUARTER


def calendar_months(first_day: int, last_day: int) -> tuple[Windows, IntArray]:
    """Calendar months between two days, both included (cut at them), and each one's month of quarter."""
    months = np.arange(
        np.datetime64(first_day, "D").astype("datetime64[M]"),
        np.datetime64(last_day, "D").astype("datetime64[M]") + 1,
    )
    start = months.astype("datetime64[D]").astype(np.int64)
    end = (months + 1).astype("datetime64[D]").astype(np.int64) - 1
    windows = Windows(np.maximum(start, first_day) - 1, np.minimum(end, last_day))
    return windows, month_of_quarter(start)


def _month_exits(stages: pl.DataFrame, exit_name: str, windows: Windows) -> tuple[FloatArray, FloatArray]:
    """Exits and expected exits per month, over all stages."""
    # The target of these counts is the named exit alone, every other one competes.
    renamed = stages.with_columns(
        exit_name=pl.when(pl.col("exit_name") == exit_name)
        .then(pl.lit("won"))
        .when(pl.col("exit_name").is_in(("won", "advanced")))
        .then(pl.lit("other"))
        .otherwise("exit_name")
    )
    group = renamed["series_name"].rank("dense").cast(pl.Int64).to_numpy() - 1
    units = units_of(renamed, group, STAGE)
    if not (units.exit != STILL_OPEN).any():
        return np.zeros(len(windows)), np.zeros(len(windows))
    counts = window_counts(units, windows, int(group.max()) + 1, exit_ages(units))
    hazard = divide(counts.target.sum(axis=1, keepdims=True), counts.at_risk.sum(axis=1, keepdims=True))
    return counts.target.sum(axis=(0, 2)), (counts.at_risk * hazard).sum(axis=(0, 2))


def _shrunk(
    observed: FloatArray, expected: FloatArray, total: FloatArray, due: FloatArray, month: IntArray
) -> RatioPosterior:
    fitted = expected * divide(total, due, otherwise=1.0)[month]
    freedom = max(observed.size - MONTHS_OF_QUARTER, 1)
    scatter = max(float((divide((observed - fitted) ** 2, fitted)).sum()) / freedom, 1.0)
    return shrink_ratios(total / scatter, due / scatter, _FACTOR_SPREAD)
