"""At-risk and exit counts by age for many observation windows at once.

A unit (a deal, a stay in a stage, a touch) begun on day s has age t on day s + t. In the window (from, to] it is at risk
at age t exactly when s + t lies in the window and it has not left before, because delayed entry at age from - s and the
last age to - s say just that (method §2). At-risk counts are therefore sums over start days in (from - t, to - t]:
differences of one cumulative table per group, whatever the number of windows or units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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

    def rows(self, chosen: IntArray) -> Units:
        """Some of the units, by their number."""
        return Units(
            self.group[chosen],
            self.start_day[chosen],
            self.last_day[chosen],
            self.exit[chosen],
            self.count[chosen],
        )


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
    """0, the age days at which any unit left, up to `limit`, and those of `also`.

    Incidences change at these ages only, so that counting at them is enough.
    """
    left = units.age[units.exit != STILL_OPEN]
    left = left if limit is None else left[left <= limit]
    return np.unique(np.concatenate([left, [0, *also]])).astype(np.int64)


def window_counts(units: Units, windows: Windows, groups: int, ages: IntArray) -> WindowCounts:
    """Counts per group, window and age day (ascending from 0) of `ages` (method §2); exits at other ages do not count.

    Units that are open for longer than an age count in it.
    """
    shape = (groups, len(windows), ages.size)
    at_risk, target, competing = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    seen = np.zeros(shape[:2])
    if units.start_day.size and len(windows):
        grid = lexis_grid(units, windows, ages)
        for group, mine in units_by_group(units, units.group, groups):
            at_risk[group] = grid.at_risk(mine)
            target[group], competing[group] = (grid.exits(mine, kind) for kind in (TARGET, COMPETING))
            seen[group] = _units_seen(mine, windows)
    return WindowCounts(ages, at_risk, target, competing, seen)


def units_by_group(units: Units, group: IntArray, groups: int) -> Iterator[tuple[int, Units]]:
    """Each group that has units, with its units; those of group -1 are nobody's."""
    # Numbers of 16 bits are sorted several times as fast.
    order = np.argsort(group.astype(np.int16) if groups < 2**15 else group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(groups + 1))
    for number in np.flatnonzero(np.diff(bounds)).tolist():
        yield number, units.rows(order[bounds[number] : bounds[number + 1]])


@dataclass(frozen=True)
class LexisGrid:
    """Windows × ages over which units are counted, all at once through tables of days × ages, or window by window.

    `origin` is the first day of the tables and `days` their length. Counts are whole numbers, which doubles hold exactly.
    """

    windows: Windows
    ages: IntArray
    origin: int
    days: int

    def at_risk(self, units: Units) -> FloatArray:
        """Units at risk, windows × ages."""
        if self._are_tables_dearer(units):
            return self._at_risk_by_window(units)
        position = self._ages_up_to[units.age] - 1
        table = self._table(units.start_day, position, units.count)
        alive = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]
        flat = _summed_before(alive).ravel()
        begin, end = self._diagonals
        return np.asarray(flat[end] - flat[begin], dtype=np.float64)

    def exits(self, units: Units, kind: int) -> FloatArray:
        """Exits of one kind at the age days of `ages`, windows × ages."""
        chosen = units.rows(np.flatnonzero(units.exit == kind))
        position = self._ages_up_to[chosen.age] - 1
        counted = chosen.count * (self.ages[position] == chosen.age)
        if self._are_tables_dearer(units):
            window, unit = self._pairs(chosen.last_day > self._from_day, chosen.last_day <= self._to_day)
            return self._by_window(window, position[unit], counted[unit])
        summed = _summed_before(self._table(chosen.last_day, position, counted))
        begin, end = (self._rows_before(days + 1)[:, 0] for days in (self._from_day, self._to_day))
        return np.asarray(summed[end] - summed[begin], dtype=np.float64)

    def _are_tables_dearer(self, units: Units) -> bool:
        return len(self.windows) * units.start_day.size < self.days * self.ages.size

    @property
    def _from_day(self) -> IntArray:
        return self.windows.from_day[:, None]

    @property
    def _to_day(self) -> IntArray:
        return self.windows.to_day[:, None]

    @cached_property
    def _diagonals(self) -> tuple[IntArray, IntArray]:
        """Places in the flattened table by day of start where the sum of each window and age begins and ends."""
        position = np.arange(self.ages.size)
        first, last = (
            self._rows_before(days + 1 - self.ages) * self.ages.size + position
            for days in (self._from_day, self._to_day)
        )
        return first, last

    @cached_property
    def _ages_up_to(self) -> IntArray:
        """How many of the ages are at most each age day: a lookup is faster than a search for every unit."""
        return np.searchsorted(self.ages, np.arange(self.days + 1), side="right")

    def _rows_before(self, day: IntArray) -> IntArray:
        return np.clip(day - self.origin, 0, self.days)

    def _table(self, day: IntArray, position: IntArray, count: IntArray) -> FloatArray:
        cell = (day - self.origin) * self.ages.size + position
        counted = np.bincount(cell, count, minlength=self.days * self.ages.size)
        return counted.astype(np.float64, copy=False).reshape(self.days, self.ages.size)

    def _at_risk_by_window(self, units: Units) -> FloatArray:
        """Each unit is at risk from the age it enters the window at to the one it leaves it at."""
        window, unit = self._pairs(units.last_day > self._from_day, units.start_day <= self._to_day)
        start = units.start_day[unit]
        first = np.maximum(self.windows.from_day[window] + 1 - start, 0)
        last = np.minimum(self.windows.to_day[window], units.last_day[unit]) - start
        left = self._ages_up_to[last]
        entered = self._ages_up_to[first] - (self.ages[self._ages_up_to[first] - 1] == first)
        count = units.count[unit]
        ever = entered < left
        begun = self._by_window(window[ever], entered[ever], count[ever])
        is_gone = ever & (left < self.ages.size)
        gone = self._by_window(window[is_gone], left[is_gone], count[is_gone])
        return np.cumsum(begun - gone, axis=1)

    def _by_window(self, window: IntArray, position: IntArray, count: IntArray) -> FloatArray:
        shape = len(self.windows), self.ages.size
        counted = np.bincount(window * shape[1] + position, count, minlength=shape[0] * shape[1])
        return counted.astype(np.float64, copy=False).reshape(shape)

    @staticmethod
    def _pairs(first: BoolArray, second: BoolArray) -> tuple[IntArray, IntArray]:
        window, unit = np.nonzero(first & second)
        return window, unit


def lexis_grid(units: Units, windows: Windows, ages: IntArray) -> LexisGrid:
    """Grid that holds these units (at least one) and any part of them."""
    origin = int(units.start_day.min())
    days = max(int(windows.to_day.max()), int(units.last_day.max())) - origin + 1
    return LexisGrid(windows, ages, origin, days)


def _summed_before(table: FloatArray) -> FloatArray:
    summed = np.zeros((table.shape[0] + 1, table.shape[1]))
    np.cumsum(table, axis=0, out=summed[1:])
    return summed


def _units_seen(units: Units, windows: Windows) -> FloatArray:
    begun = _count_up_to(units.start_day, units.count, windows.to_day)
    gone = _count_up_to(units.last_day, units.count, windows.from_day)
    return begun - gone


def _count_up_to(days: IntArray, count: IntArray, until: IntArray) -> FloatArray:
    first, last = int(days.min()), int(days.max())
    summed = np.concatenate([[0.0], np.cumsum(np.bincount(days - first, count))])
    return np.asarray(summed[np.clip(until, first - 1, last) - first + 1], dtype=np.float64)
