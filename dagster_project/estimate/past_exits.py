"""Exits by stage and age as they stood on each of many days, by window and month of the quarter, from one pass.

Stays need not be cut at each day: what a window that ends on a day holds is the same whatever came after (`lexis`). At-risk
days of a window are those of its calendar months, whole or cut at its ends, so that windows share months.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray, divide
from dagster_project.estimate.calendar_factor import (
    MONTHS_OF_QUARTER,
    CalendarFactor,
    calendar_months,
    factor_of_months,
    month_of_quarter,
)
from dagster_project.estimate.lexis import Units, Windows, every_age, window_counts
from dagster_project.estimate.stage_hazards import LOST, WON, StageExits, destinations, with_pooled_stage
from dagster_project.estimate.unit_counts import STAGE, day_numbers, units_of

# Narrowest first, each part of the next. Shorter ones give nonsense (method §2): they hold no month of each kind.
WINDOW_DAYS = {"90d": 90, "180d": 180, "365d": 365, "all": 1_000_000}
_KEY = ["series_name", "started_date", "last_date", "exit_name", "next_stage_name"]
_LEAST_EXITS_OF_STAGE = 10.0


@dataclass(frozen=True)
class ExitsAsOf:
    """Counts as of the end of a day: at_risk (windows × months of quarter × stages × ages), exits (… × destinations).

    Windows are those of WINDOW_DAYS, destinations those of `StageExits`. `win_factor` and `loss_factor` rest on all time.
    """

    stages: list[str]
    at_risk: FloatArray
    exits: FloatArray
    win_factor: CalendarFactor
    loss_factor: CalendarFactor

    def every_month(self, window_name: str) -> StageExits:
        """The counts of a window; stages with fewer than ten exits in it are counted over all time."""
        window = list(WINDOW_DAYS).index(window_name)
        at_risk, exits = self.at_risk.sum(axis=1), self.exits.sum(axis=1)
        thin = exits[window].sum(axis=(-2, -1)) < _LEAST_EXITS_OF_STAGE
        return with_pooled_stage(
            self.stages,
            np.where(thin[:, None], at_risk[-1], at_risk[window]),
            np.where(thin[:, None, None], exits[-1], exits[window]),
        )

    def of_month(self, window_name: str, month: int) -> StageExits:
        """The counts of those days of a window that lie in one month of the quarter (0, 1, 2)."""
        window = list(WINDOW_DAYS).index(window_name)
        return with_pooled_stage(self.stages, self.at_risk[window, month], self.exits[window, month])

    def rows_of(self, stage_names: pl.Series) -> IntArray:
        """Position of each stage in the counts; the pooled one for a stage that nobody had been seen in."""
        seen = self.at_risk[-1].sum(axis=(0, -1)) > 0
        known = {name: row for row, name in enumerate(self.stages) if seen[row]}
        return stage_names.replace_strict(known, default=len(self.stages), return_dtype=pl.Int64).to_numpy()


@dataclass(frozen=True)
class _Stays:
    """Stays in order of their last day, with the number of their destination (-1 for none)."""

    stages: list[str]
    units: Units
    destination: IntArray
    first_day: int
    first_close_day: int | None


def exits_as_of(spells: pl.DataFrame, as_of_days: Sequence[int]) -> Iterator[ExitsAsOf]:
    """Counts as of each day (days since 1970-01-01), in the order of the days.

    `spells`: series_name (the stage), started_date, last_date, exit_name, next_stage_name, units, as known now. Windows begin
    no earlier than the first close, once there is one.
    """
    stays = _stays(spells)
    ages = every_age(int(stays.units.age.max()))
    months: dict[tuple[int, int], int] = {}
    parts = [[_months_of(months, begin, day) for begin in _begins(stays, day).tolist()] for day in as_of_days]
    spans = np.array(list(months), dtype=np.int64).reshape(-1, 2)
    counts = window_counts(stays.units, Windows(spans[:, 0], spans[:, 1]), len(stays.stages), ages)
    for day, windows in zip(as_of_days, parts, strict=True):
        at_risk = np.stack([_by_month_of_quarter(counts.at_risk, spans, each) for each in windows])
        exits = _exits(stays, day, ages.size)
        last = windows[-1]
        factors = [
            _factor(stays, day, spans[last], counts.at_risk[:, last], at_risk[-1], exits[-1], kind)
            for kind in (WON, LOST)
        ]
        # Ages nobody had reached by then are no ages of theirs.
        seen = int(np.flatnonzero(at_risk[-1].any(axis=(0, 1))).max(initial=0)) + 1
        yield ExitsAsOf(stays.stages, at_risk[..., :seen], exits[..., :seen, :], *factors)


def _stays(spells: pl.DataFrame) -> _Stays:
    grouped = spells.group_by(_KEY).agg(pl.col("units").sum()).sort("last_date", *_KEY)
    stages = grouped["series_name"].unique().sort().to_list()
    group = grouped["series_name"].cast(pl.Enum(stages)).to_physical().cast(pl.Int64).to_numpy()
    units = units_of(grouped, group, STAGE)
    closes = grouped.filter(pl.col("exit_name").is_in(("won", "lost")))["last_date"]
    first_close = int(day_numbers(closes).min()) if closes.len() else None
    return _Stays(stages, units, destinations(grouped, stages), int(units.start_day.min()), first_close)


def _begins(stays: _Stays, day: int) -> IntArray:
    """Last day before each window that ends on `day`."""
    days = np.array(list(WINDOW_DAYS.values()))
    closed = stays.first_close_day
    first = stays.first_day if closed is None or closed > day else closed
    return np.asarray(np.minimum(np.maximum(day - days, first - 1), day))


def _months_of(known: dict[tuple[int, int], int], begin: int, end: int) -> IntArray:
    """Numbers of the calendar months of (begin, end], the first and last cut; new ones are added to the known."""
    if begin >= end:
        return np.array([], dtype=np.int64)
    windows, _ = calendar_months(begin + 1, end)
    spans = zip(windows.from_day.tolist(), windows.to_day.tolist(), strict=True)
    return np.array([known.setdefault(span, len(known)) for span in spans], dtype=np.int64)


def _by_month_of_quarter(at_risk: FloatArray, spans: IntArray, chosen: IntArray) -> FloatArray:
    """Sums (3 × stages × ages) over the chosen months (second axis of `at_risk`)."""
    kinds = month_of_quarter(spans[chosen, 1])
    return np.stack([at_risk[:, chosen[kinds == kind]].sum(axis=1) for kind in range(MONTHS_OF_QUARTER)])


def _exits(stays: _Stays, day: int, ages: int) -> FloatArray:
    """Exits by the end of a day, windows × months of quarter × stages × ages × destinations."""
    begins, units, stages = _begins(stays, day), stays.units, len(stays.stages)
    rows = np.flatnonzero(_has_left(stays, day) & (units.last_day > begins[-1]))
    last = units.last_day[rows]
    # Windows lie within one another: the narrowest that holds an exit tells all that do.
    narrowest = (last[:, None] <= begins).sum(axis=1)
    shape = (len(begins), MONTHS_OF_QUARTER, stages, ages, stages + 2)
    cell = np.ravel_multi_index(
        (narrowest, month_of_quarter(last), units.group[rows], units.age[rows], stays.destination[rows]),
        shape,
    )
    counted = np.bincount(cell, units.count[rows], int(np.prod(shape))).reshape(shape)
    return np.asarray(counted.cumsum(axis=0), dtype=np.float64)


def _has_left(stays: _Stays, day: int) -> BoolArray:
    return np.asarray((stays.units.last_day <= day) & (stays.destination >= 0))


def _factor(
    stays: _Stays,
    day: int,
    spans: IntArray,
    at_risk: FloatArray,
    all_at_risk: FloatArray,
    all_exits: FloatArray,
    kind: int,
) -> CalendarFactor:
    """Factor of one exit as of a day, from its months (`spans`, `at_risk`: stages × months × ages) and all time's counts."""
    hazard = divide(all_exits[..., kind].sum(axis=0), all_at_risk.sum(axis=0))
    expected = np.einsum("kma,ka->m", at_risk, hazard)
    chosen = _has_left(stays, day) & (stays.destination == kind)
    month = np.searchsorted(spans[:, 1], stays.units.last_day[chosen])
    observed = np.bincount(month, stays.units.count[chosen], len(spans)).astype(np.float64)
    return factor_of_months(observed, expected, month_of_quarter(spans[:, 1]))
