"""A series of units (deals, stays in one stage, one step of activity) counted in every window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray
from dagster_project.estimate.incidence import Incidence, aalen_johansen, aalen_variance
from dagster_project.estimate.lexis import Units, WindowCounts, Windows, window_counts
from dagster_project.estimate.scopes import ScopeIndex, scope_index
from dagster_project.estimate.unit_counts import DEAL, sums_in_windows, units_of


@dataclass(frozen=True)
class Series:
    """One series counted in all windows: by (team, rep) group, pooled, and the pooled curve with its variance."""

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
        return longest_age(exits)

    def begun(self) -> FloatArray:
        """Units begun in each window, groups × windows."""
        units = self.units
        return sums_in_windows(
            units.start_day, units.count.astype(np.float64), units.group, self.index.groups, self.windows
        )


def count_series(
    unit_kind: str, name: str, rows: pl.DataFrame, windows: Windows, index: ScopeIndex | None = None
) -> Series:
    """Counts of the units of one series in every window; `index` numbers the rows' groups where series share scopes."""
    index = index or scope_index(rows)
    units = units_of(rows, index.group, unit_kind)
    limit = (
        rows["horizon_limit_days"].cast(pl.Int64).to_numpy().max()
        if rows["horizon_limit_days"].count()
        else None
    )
    ages = 1 + (units.longest_exit() if limit is None else min(units.longest_exit(), int(limit)))
    counts = window_counts(units, windows, index.groups, ages)
    pooled = counts.pooled(index.organization.membership)
    curve = aalen_johansen(pooled.at_risk, pooled.target, pooled.competing)
    variance = aalen_variance(pooled.at_risk, pooled.target, pooled.competing, curve)
    return Series(unit_kind, name, index, windows, units, rows["exit_name"], counts, pooled, curve, variance)


def longest_age(exits: FloatArray) -> IntArray:
    """Last age (last axis) with a positive count; 0 without any."""
    return np.asarray(np.where(exits > 0, np.arange(exits.shape[-1]), 0).max(axis=-1), dtype=np.int64)
