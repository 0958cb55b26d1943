"""At-risk and exit counts by age for many observation windows at once.

A unit (a deal, a stay in a stage, a touch) begun on day s has age t on day s + t. In the window (from, to] it is at risk
at age t exactly when s + t lies in the window and it has not left before, because delayed entry at age from - s and the
last age to - s say just that (method §2). At-risk counts are therefore sums over start days in (from - t, to - t]:
differences of one cumulative table per group, whatever the number of windows or units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import FloatArray, IntArray

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

    def longest_exit(self) -> int:
        """Longest age in days at which any unit left; 0 when none did."""
        left = self.age[self.exit != STILL_OPEN]
        return int(left.max()) if left.size else 0


@dataclass(frozen=True)
class Windows:
    """Observation windows (from_day, to_day], in days since 1970-01-01."""

    from_day: IntArray
    to_day: IntArray

    def __len__(self) -> int:
        return int(self.from_day.size)


@dataclass(frozen=True)
class WindowCounts:
    """Counts by group × window × age day (axes in this order): at risk, leaving to the target, leaving elsewhere.

    `units` (group × window) counts the units seen in the window at all.
    """

    at_risk: FloatArray
    target: FloatArray
    competing: FloatArray
    units: FloatArray

    def pooled(self, membership: FloatArray) -> WindowCounts:
        """Sums over groups; `membership` is scopes × groups, 1 where a group belongs to a scope."""
        members = [np.flatnonzero(row) for row in membership]
        return WindowCounts(*(_sums(part, members) for part in self._parts()))

    def _parts(self) -> tuple[FloatArray, ...]:
        return self.at_risk, self.target, self.competing, self.units


def _sums(part: FloatArray, members: list[IntArray]) -> FloatArray:
    sums = np.empty((len(members), *part.shape[1:]))
    for scope, groups in enumerate(members):
        np.sum(part[groups], axis=0, out=sums[scope])
    return sums


def window_counts(units: Units, windows: Windows, groups: int, ages: int) -> WindowCounts:
    """Counts per group, window and age day 0..ages-1 (method §2); units open for longer count in every age."""
    shape = (groups, len(windows), ages)
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
    return WindowCounts(at_risk, target, competing, seen)


def _start_by_age(
    units: Units, mine: np.ndarray, origin: int, days: int, ages: int
) -> tuple[IntArray, IntArray, IntArray]:
    start, age = units.start_day[mine] - origin, units.age[mine]
    cell = start * ages + np.minimum(age, ages - 1)
    inside = age < ages

    def table(chosen: np.ndarray) -> IntArray:
        weights = units.count[mine] * chosen
        return np.bincount(cell, weights, minlength=days * ages).astype(np.int64).reshape(days, ages)

    ended = table(np.ones(age.size, dtype=bool))
    alive = np.ascontiguousarray(ended[:, ::-1].cumsum(axis=1)[:, ::-1])
    exit_kind = units.exit[mine]
    return alive, table(inside & (exit_kind == TARGET)), table(inside & (exit_kind == COMPETING))


def _window_slices(windows: Windows, origin: int, days: int, ages: int) -> tuple[IntArray, IntArray]:
    age = np.arange(ages)
    first = np.clip(windows.from_day[:, None] - age - origin + 1, 0, days)
    last = np.clip(windows.to_day[:, None] - age - origin + 1, 0, days)
    return first * ages + age, last * ages + age


def _between(table: IntArray, first: IntArray, last: IntArray) -> FloatArray:
    summed = np.zeros((table.shape[0] + 1, table.shape[1]), dtype=np.int64)
    np.cumsum(table, axis=0, out=summed[1:])
    flat = summed.ravel()
    return np.asarray(flat[last] - flat[first], dtype=np.float64)


def _units_seen(units: Units, mine: np.ndarray, windows: Windows) -> FloatArray:
    begun = _count_up_to(units.start_day[mine], units.count[mine], windows.to_day)
    gone = _count_up_to(units.last_day[mine], units.count[mine], windows.from_day)
    return begun - gone


def _count_up_to(days: IntArray, count: IntArray, until: IntArray) -> FloatArray:
    order = np.argsort(days, kind="stable")
    summed = np.concatenate([[0], np.cumsum(count[order])])
    return np.asarray(summed[np.searchsorted(days[order], until, side="right")], dtype=np.float64)
