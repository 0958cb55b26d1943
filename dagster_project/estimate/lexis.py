"""At-risk and exit counts by age for many observation windows at once.

A unit (a deal, a stay in a stage, a touch) begun on day s has age t on day s + t. In the window (from, to] it is at risk
at age t exactly when s + t lies in the window and it has not left before, because delayed entry at age from - s and the
last age to - s say just that (method §2). At-risk counts are therefore sums over start days in (from - t, to - t]:
differences of one cumulative table per group, whatever the number of windows or units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray

STILL_OPEN, TARGET, COMPETING = 0, 1, 2


@dataclass(frozen=True)
class Units:
    """Counted units, one element per distinct (group, start day, last day, exit); days since 1970-01-01.

    `last_day` is the day of the exit, or the last day a unit without exit was seen. Raises ValueError when a unit ends
    before it starts.
    """

    group: IntArray
    start_day: IntArray
    last_day: IntArray
    exit: IntArray
    count: IntArray

    def __post_init__(self) -> None:
        if np.any(self.last_day < self.start_day):
            raise ValueError("a unit ends before it starts: clamp or set aside such rows before counting")

    @property
    def age(self) -> IntArray:
        """Age in days at the last day seen."""
        return self.last_day - self.start_day


@dataclass(frozen=True)
class Windows:
    """Observation windows (from_day, to_day], in days since 1970-01-01."""

    from_day: IntArray
    to_day: IntArray

    def __len__(self) -> int:
        return int(self.from_day.size)


@dataclass(frozen=True)
class WindowCounts:
    """Counts by group × window × age (axes in this order): at risk, leaving to the target, leaving elsewhere.

    `ages` are the age days of the last axis, ascending from 0. `units` (group × window) counts the units seen in the
    window at all.
    """

    ages: IntArray
    at_risk: FloatArray
    target: FloatArray
    competing: FloatArray
    units: FloatArray

    def pooled(self, membership: FloatArray) -> WindowCounts:
        """Sums over groups; `membership` is scopes × groups, 1 where a group belongs to a scope."""
        members = [np.flatnonzero(row) for row in membership]
        parts = (self.at_risk, self.target, self.competing, self.units)
        return WindowCounts(self.ages, *(_sums(part, members) for part in parts))


def _sums(part: FloatArray, members: list[IntArray]) -> FloatArray:
    sums = np.empty((len(members), *part.shape[1:]))
    for scope, groups in enumerate(members):
        np.sum(part[groups], axis=0, out=sums[scope])
    return sums


def every_age(longest: int) -> IntArray:
    """All age days from 0 to the longest."""
    return np.arange(longest + 1)


def exit_ages(units: Units, limit: int | None = None, also: Sequence[int] = ()) -> IntArray:
    """0 and the age days at which any unit left, up to `limit`; those of `also` that are not beyond the last of them.

    Incidences change at these ages only, so that counting at them is enough.
    """
    left = units.age[units.exit != STILL_OPEN]
    left = left if limit is None else left[left <= limit]
    longest = int(left.max()) if left.size else 0
    return np.unique(np.concatenate([left, [0, *(age for age in also if age <= longest)]])).astype(np.int64)


def window_counts(units: Units, windows: Windows, groups: int, ages: IntArray) -> WindowCounts:
    """Counts per group, window and age day (ascending from 0) of `ages` (method §2); exits at other ages do not count.

    Units that are open for longer than an age count in it.
    """
    shape = (groups, len(windows), ages.size)
    at_risk, target, competing = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    seen = np.zeros(shape[:2])
    if units.start_day.size and len(windows):
        origin = int(units.start_day.min())
        days = max(int(windows.to_day.max()), int(units.last_day.max())) - origin + 1
        take = _window_slices(windows, origin, days, ages)
        for group in range(groups):
            mine = units.group == group
            if mine.any():
                tables = _start_by_age(units, mine, origin, days, ages)
                at_risk[group], target[group], competing[group] = (_between(t, *take) for t in tables)
                seen[group] = _units_seen(units, mine, windows)
    return WindowCounts(ages, at_risk, target, competing, seen)


def _start_by_age(
    units: Units, mine: BoolArray, origin: int, days: int, ages: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    start, age = units.start_day[mine] - origin, units.age[mine]
    position = np.searchsorted(ages, age, side="right") - 1
    cell = start * ages.size + position
    inside = ages[position] == age

    def table(chosen: BoolArray) -> FloatArray:
        weights = units.count[mine] * chosen
        counted = np.bincount(cell, weights, minlength=days * ages.size)
        return counted.astype(np.float64, copy=False).reshape(days, ages.size)

    ended = table(np.ones(age.size, dtype=bool))
    alive = np.ascontiguousarray(ended[:, ::-1].cumsum(axis=1)[:, ::-1])
    exit_kind = units.exit[mine]
    return alive, table(inside & (exit_kind == TARGET)), table(inside & (exit_kind == COMPETING))


def _window_slices(windows: Windows, origin: int, days: int, ages: IntArray) -> tuple[IntArray, IntArray]:
    position = np.arange(ages.size)
    first = np.clip(windows.from_day[:, None] - ages - origin + 1, 0, days)
    last = np.clip(windows.to_day[:, None] - ages - origin + 1, 0, days)
    return first * ages.size + position, last * ages.size + position


def _between(table: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    # Counts are whole numbers, which doubles hold exactly.
    summed = np.zeros((table.shape[0] + 1, table.shape[1]))
    np.cumsum(table, axis=0, out=summed[1:])
    flat = summed.ravel()
    return np.asarray(flat[last] - flat[first], dtype=np.float64)


def _units_seen(units: Units, mine: BoolArray, windows: Windows) -> FloatArray:
    begun = _count_up_to(units.start_day[mine], units.count[mine], windows.to_day)
    gone = _count_up_to(units.last_day[mine], units.count[mine], windows.from_day)
    return begun - gone


def _count_up_to(days: IntArray, count: IntArray, until: IntArray) -> FloatArray:
    order = np.argsort(days, kind="stable")
    summed = np.concatenate([[0], np.cumsum(count[order])])
    return np.asarray(summed[np.searchsorted(days[order], until, side="right")], dtype=np.float64)
