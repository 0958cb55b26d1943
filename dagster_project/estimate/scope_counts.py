"""What the units of each scope come to in every window: counts, exits expected, its own curve at a few ages.

One scope is counted after the other and only what is shown of it is kept: tables of scopes × windows × ages would take
gigabytes where reps are many.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray, divide
from dagster_project.estimate.incidence import target_incidence
from dagster_project.estimate.lexis import (
    COMPETING,
    TARGET,
    LexisGrid,
    Units,
    Windows,
    lexis_grid,
    units_by_group,
)
from dagster_project.estimate.scopes import Scopes
from dagster_project.estimate.series import Series, longest_age
from dagster_project.estimate.unit_counts import sums_in_windows

COUNTED_EXITS = ("won", "lost", "advanced", "moved_back")


@dataclass(frozen=True)
class HorizonCounts:
    """Up to each horizon: fewest at risk, exits to the target and elsewhere, Aalen–Johansen incidence of the target."""

    at_risk: FloatArray
    target: FloatArray
    competing: FloatArray
    rate_raw: FloatArray


@dataclass(frozen=True)
class ScopeCounts:
    """Counts of one kind of scope, scopes × windows; `at_horizon` scopes × windows × horizons.

    `units`: seen in the window at all. `observed`, `expected`: exits to the target and elsewhere on the first axis, expected
    at the organisation's hazards by age. `median_days`: NaN where nobody reaches the target.
    """

    scopes: Scopes
    units: FloatArray
    observed: FloatArray
    expected: FloatArray
    median_days: FloatArray
    at_horizon: HorizonCounts


@dataclass(frozen=True)
class _Everyone:
    """What the organisation gives to the counts of its parts: hazards by exit, ages at which anybody left, horizons.

    `is_whole`: the only horizon is the age beyond which nobody left.
    """

    grid: LexisGrid
    hazards: FloatArray
    anybody_left: BoolArray
    place: IntArray
    is_whole: bool


def count_scopes(series: Series, scopes: Scopes, horizon: IntArray) -> ScopeCounts:
    """Counts of every scope at age days `horizon` (windows × horizons)."""
    shape, ages = (len(scopes), len(series.windows)), series.pooled.ages
    exits = np.stack([series.pooled.target[0], series.pooled.competing[0]])
    everyone = _Everyone(
        grid=lexis_grid(series.units, series.windows, ages),
        hazards=divide(exits, series.pooled.at_risk[0]),
        anybody_left=exits.sum(axis=0) > 0,
        place=age_index(ages, horizon),
        is_whole=horizon.shape[1] == 1
        and bool((horizon[:, 0] >= longest_age(exits.sum(axis=0), ages)).all()),
    )
    counts = ScopeCounts(
        scopes=scopes,
        units=_units_seen(series, scopes),
        observed=np.zeros((2, *shape)),
        expected=np.zeros((2, *shape)),
        median_days=np.full(shape, np.nan),
        at_horizon=HorizonCounts(*(np.zeros((len(scopes), *horizon.shape)) for _ in fields(HorizonCounts))),
    )
    for scope, units in units_by_group(series.units, scopes.number(series.units.group), len(scopes)):
        _count_scope(counts, scope, units, everyone)
    return counts


def exits_by_name(series: Series, scopes: Scopes) -> dict[str, FloatArray]:
    """Units that left in each window by the name of their exit, and `begun_units`; scopes × windows."""
    units, number = series.units, scopes.number(series.units.group)
    count = units.count.astype(np.float64)

    def sums(day: IntArray, chosen: BoolArray) -> FloatArray:
        return sums_in_windows(day[chosen], count[chosen], number[chosen], len(scopes), series.windows)

    left = {
        f"{name}_exits": sums(units.last_day, (series.exit_name == name).to_numpy()) for name in COUNTED_EXITS
    }
    return {"begun_units": sums(units.start_day, np.ones(count.size, dtype=bool)), **left}


def _units_seen(series: Series, scopes: Scopes) -> FloatArray:
    """Begun by the end of each window, less those gone before it; scopes × windows."""
    units, number = series.units, scopes.number(series.units.group)
    count = units.count.astype(np.float64)
    first_day = np.full(len(series.windows), int(units.start_day.min(initial=0)) - 1)
    ends = series.windows.to_day, series.windows.from_day
    begun, gone = (
        sums_in_windows(day, count, number, len(scopes), Windows(first_day, end))
        for day, end in zip((units.start_day, units.last_day), ends, strict=True)
    )
    return begun - gone


def age_index(ages: IntArray, horizon: IntArray) -> IntArray:
    """Places of age days among the ages counted: the last one not beyond, because between them nothing changes."""
    return np.searchsorted(ages, horizon, side="right") - 1


def _count_scope(counts: ScopeCounts, scope: int, units: Units, everyone: _Everyone) -> None:
    grid, place = everyone.grid, everyone.place
    at_risk, target, competing = grid.at_risk(units), grid.exits(units, TARGET), grid.exits(units, COMPETING)
    counts.observed[:, scope] = target.sum(axis=1), competing.sum(axis=1)
    counts.expected[:, scope] = np.einsum("wa,ewa->ew", at_risk, everyone.hazards)
    reached = target_incidence(at_risk, target, competing)
    counts.median_days[scope] = _median_age(reached, grid.ages)
    at_horizon = counts.at_horizon
    at_horizon.at_risk[scope] = _least_at_risk(at_risk, everyone.anybody_left, place)
    at_horizon.rate_raw[scope] = np.take_along_axis(reached, place, axis=1)
    if everyone.is_whole:
        at_horizon.target[scope], at_horizon.competing[scope] = counts.observed[:, scope, :, None]
        return
    at_horizon.target[scope] = np.take_along_axis(np.cumsum(target, axis=1), place, axis=1)
    at_horizon.competing[scope] = np.take_along_axis(np.cumsum(competing, axis=1), place, axis=1)


def _least_at_risk(at_risk: FloatArray, anybody_left: BoolArray, place: IntArray) -> FloatArray:
    """Smallest risk set so far, over days on which anybody in the organisation left; the day's own before the first."""
    least = np.minimum.accumulate(np.where(anybody_left, at_risk, np.inf), axis=1)
    found, own = (np.take_along_axis(values, place, axis=1) for values in (least, at_risk))
    return np.where(np.isfinite(found), found, own)


def _median_age(reached: FloatArray, ages: IntArray) -> FloatArray:
    """First age by which half of those who ever get there have; NaN where nobody does."""
    half = reached[:, -1:] / 2
    age = ages[(reached >= half).argmax(axis=1)].astype(np.float64)
    return np.where(half[:, 0] > 0, age, np.nan)
