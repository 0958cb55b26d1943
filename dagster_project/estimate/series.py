"""A series of units (deals, stays in one stage, one step of activity) counted in every window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray
from dagster_project.estimate.incidence import Incidence, aalen_johansen, aalen_variance
from dagster_project.estimate.lexis import Units, WindowCounts, Windows, every_age, exit_ages, window_counts
from dagster_project.estimate.scopes import ScopeIndex, scope_index
from dagster_project.estimate.unit_counts import DEAL, sums_in_windows, units_of

HORIZON_DAYS = (7, 14, 30, 60, 90, 120, 180, 365)


@dataclass(frozen=True)
class Series:
    """One series counted in all windows: by group, pooled, and the pooled curve with its variance.

    `index` tells the groups (team and rep) of its units; `counts` has them only where they were asked for, else all as one.
    """

    unit_kind: str
    name: str
    index: ScopeIndex
    windows: Windows
    units: Units
    exit_name: pl.Series
    counts: WindowCounts
    pooled: WindowCounts
    curve: Incidence
    variance: FloatArray

    @property
    def longest(self) -> IntArray:
        """Per window the longest age with an exit of any kind; for deals the longest won cycle."""
        exits = self.pooled.target[0] + (0 if self.unit_kind == DEAL else self.pooled.competing[0])
        return longest_age(exits, self.pooled.ages)

    def begun(self) -> FloatArray:
        """Units begun in each window, groups × windows."""
        units = self.units
        return sums_in_windows(
            units.start_day, units.count.astype(np.float64), units.group, self.index.groups, self.windows
        )


def count_series(
    unit_kind: str, name: str, rows: pl.DataFrame, windows: Windows, index: ScopeIndex | None = None
) -> Series:
    """Counts of the units of one series in every window; `index` numbers the rows' groups where series share scopes.

    Counted at HORIZON_DAYS and at the ages with an exit, between which nothing changes.
    """
    index = index or scope_index(rows)
    series = pool_series(unit_kind, name, rows, windows, index)
    return replace(series, counts=window_counts(series.units, windows, index.groups, series.pooled.ages))


def pool_series(
    unit_kind: str, name: str, rows: pl.DataFrame, windows: Windows, index: ScopeIndex | None = None
) -> Series:
    """`count_series` without counts by group, which take memory for groups × windows × ages."""
    index = index or scope_index(rows)
    units = units_of(rows, index.group, unit_kind)
    limits = rows["horizon_limit_days"].drop_nulls().cast(pl.Int64).to_numpy()
    ages = exit_ages(
        units, int(limits.max()) if limits.size else None, HORIZON_DAYS if unit_kind == DEAL else ()
    )
    return _pooled(unit_kind, name, index, windows, units, rows["exit_name"], ages)


def everyone_by_age_day(series: Series, chosen: IntArray) -> Series:
    """The same series in chosen windows, pooled at every age day instead."""
    windows = Windows(series.windows.from_day[chosen], series.windows.to_day[chosen])
    ages = every_age(int(series.pooled.ages[-1]))
    return _pooled(series.unit_kind, series.name, series.index, windows, series.units, series.exit_name, ages)


def _pooled(
    unit_kind: str,
    name: str,
    index: ScopeIndex,
    windows: Windows,
    units: Units,
    exit_name: pl.Series,
    ages: IntArray,
) -> Series:
    pooled = window_counts(replace(units, group=np.zeros_like(units.group)), windows, 1, ages)
    curve = aalen_johansen(pooled.at_risk, pooled.target, pooled.competing)
    variance = aalen_variance(pooled.at_risk, pooled.target, pooled.competing, curve)
    return Series(unit_kind, name, index, windows, units, exit_name, pooled, pooled, curve, variance)


def longest_age(exits: FloatArray, ages: IntArray) -> IntArray:
    """Last of `ages` (last axis) with a positive count; 0 without any."""
    return np.asarray(np.where(exits > 0, ages, 0).max(axis=-1), dtype=np.int64)
