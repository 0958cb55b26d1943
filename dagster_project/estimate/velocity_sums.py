"""What Revenue Velocity is made of by scope and segment in many windows, and the part of a change that is mix (method §3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray, divide
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.scopes import ORGANIZATION, REP, TEAM
from dagster_project.estimate.unit_counts import OPEN, day_numbers
from dagster_project.estimate.velocity import quantile_of_counts

ZOMBIE_QUANTILE = 0.99
_NEVER = np.iinfo(np.int64).max
WON, CLOSED, PRICED, AMOUNT, WON_DAYS = range(5)
# Average price, win rate, average cycle: what is summed over what.
RATIOS = ((AMOUNT, PRICED), (WON, CLOSED), (WON_DAYS, WON))


@dataclass(frozen=True)
class WonCycles:
    """The organisation's won deals in the order they closed: day, cycle in days, number."""

    closed_day: IntArray
    cycle: IntArray
    count: IntArray

    @property
    def longest(self) -> int:
        """Longest cycle; 0 without any."""
        return int(self.cycle.max(initial=0))


@dataclass(frozen=True)
class ScopedDeals:
    """Deals repeated once for each scope they belong to (organisation, team, rep), starts in order; days since 1970-01-01.

    `scope` numbers the scopes, `cell` scope × segment (segment fastest); `gone_day` is far ahead while a deal is open. `values` has the five
    sums of a closed deal (won, closed, priced, amount, days of the won) by row; they count on `closed_day` where
    `is_closed`. `scopes`: scope_kind, scope_id in the order of the numbers; the organisation is the first. `organization`
    and `first_day` stay the same in a part.
    """

    scopes: pl.DataFrame
    segments: int
    first_day: int
    organization: WonCycles
    scope: IntArray
    cell: IntArray
    count: IntArray
    start_day: IntArray
    gone_day: IntArray
    closed_day: IntArray
    is_closed: BoolArray
    values: FloatArray

    @property
    def cells(self) -> int:
        """Scopes × segments."""
        return self.scopes.height * self.segments

    def parts(self, scopes: int) -> Iterator[ScopedDeals]:
        """So many scopes at a time; each scope's figures follow from its own deals and the organisation's won cycles."""
        for first in range(0, self.scopes.height, scopes):
            rows = np.flatnonzero((self.scope >= first) & (self.scope < first + scopes))
            yield replace(
                self,
                scopes=self.scopes.slice(first, scopes),
                scope=self.scope[rows] - first,
                cell=self.cell[rows] - first * self.segments,
                count=self.count[rows],
                start_day=self.start_day[rows],
                gone_day=self.gone_day[rows],
                closed_day=self.closed_day[rows],
                is_closed=self.is_closed[rows],
                values=self.values[:, rows],
            )


@dataclass(frozen=True)
class ClosedByDay:
    """The five sums of deals closed before each day from `first_day` on: sums × days and one × scopes × segments."""

    first_day: int
    summed: FloatArray

    def within(self, windows: Windows) -> FloatArray:
        """Sums in each window, sums × windows × scopes × segments."""
        last = self.summed.shape[1] - 1
        begin = np.clip(windows.from_day + 1 - self.first_day, 0, last)
        end = np.clip(windows.to_day + 1 - self.first_day, 0, last)
        return np.subtract(self.summed[:, end], self.summed[:, begin])


@dataclass(frozen=True)
class VelocitySums:
    """`open_deals` (windows × scopes) without zombies, `closed` (five sums × windows × scopes × segments)."""

    open_deals: FloatArray
    closed: FloatArray

    def at(self, windows: IntArray) -> VelocitySums:
        """The sums of the windows of these numbers."""
        return VelocitySums(self.open_deals[windows], self.closed[:, windows])


def scoped_deals(deals: pl.DataFrame) -> ScopedDeals:
    """Repeat `deals` (team_id, rep_id, deal_type, lead_source, started_date, last_date, exit_name, units, priced_units, amount).

    Raises ValueError on missing dates.
    """
    segment = pl.struct(pl.col("deal_type", "lead_source").fill_null("")).rank("dense").cast(pl.Int64) - 1
    rows = pl.concat(
        deals.with_columns(
            segment=segment, scope_order=pl.lit(order), scope_kind=pl.lit(kind), scope_id=scope_id
        )
        for order, (kind, scope_id) in enumerate(
            [(ORGANIZATION, pl.lit("")), (TEAM, pl.col("team_id")), (REP, pl.col("rep_id"))]
        )
    ).filter(pl.col("scope_id").is_not_null())
    scopes = rows.select("scope_order", "scope_kind", "scope_id").unique().sort("scope_order", "scope_id")
    rows = rows.join(
        scopes.with_row_index("scope").select("scope", "scope_kind", "scope_id"),
        on=["scope_kind", "scope_id"],
    ).sort("started_date", "scope", "segment", "last_date", "exit_name")
    return _as_arrays(rows, scopes.drop("scope_order"))


def _as_arrays(rows: pl.DataFrame, scopes: pl.DataFrame) -> ScopedDeals:
    segments = int(rows.select(pl.col("segment").max()).item()) + 1
    start_day, last_day = day_numbers(rows["started_date"]), day_numbers(rows["last_date"])
    count = rows["units"].cast(pl.Int64).to_numpy()
    is_won = (rows["exit_name"] == "won").to_numpy()
    is_closed = rows["exit_name"].is_in(["won", "lost"]).to_numpy()
    own = is_won & (rows["scope"] == 0).to_numpy()
    priced = rows["priced_units"].cast(pl.Float64).to_numpy()
    amount = rows["amount"].cast(pl.Float64).fill_null(0).to_numpy()
    values = [count * is_won, count * is_closed, priced * is_won, amount * is_won]
    return ScopedDeals(
        scopes=scopes,
        segments=segments,
        first_day=int(start_day[0]),
        organization=_won_cycles(start_day[own], last_day[own], count[own]),
        scope=rows["scope"].cast(pl.Int64).to_numpy(),
        cell=(rows["scope"].cast(pl.Int64) * segments + rows["segment"]).to_numpy(),
        count=count,
        start_day=start_day,
        gone_day=np.where((rows["exit_name"] == OPEN).to_numpy(), _NEVER, last_day),
        closed_day=last_day,
        is_closed=is_closed,
        values=np.stack([*values, values[WON] * (last_day - start_day)]).astype(np.float64),
    )


def _won_cycles(start_day: IntArray, closed_day: IntArray, count: IntArray) -> WonCycles:
    order = np.argsort(closed_day, kind="stable")
    return WonCycles(closed_day[order], (closed_day - start_day)[order], count[order])


def closed_by_day(deals: ScopedDeals) -> ClosedByDay:
    """The five sums of every cell up to every day, once for all windows."""
    day, cell = deals.closed_day[deals.is_closed], deals.cell[deals.is_closed]
    first_day = int(day.min()) if day.size else 0
    days = int(day.max()) - first_day + 1 if day.size else 1
    place = (day - first_day) * deals.cells + cell
    summed = np.zeros((len(deals.values), days + 1, deals.cells))
    for values, target in zip(deals.values, summed, strict=True):
        daily = np.bincount(place, values[deals.is_closed], minlength=days * deals.cells)
        np.cumsum(daily.reshape(days, deals.cells), axis=0, out=target[1:])
    return ClosedByDay(first_day, summed.reshape(*summed.shape[:2], -1, deals.segments))


def velocity_sums(deals: ScopedDeals, closed: ClosedByDay, windows: Windows) -> VelocitySums:
    """Sums in each window; zombies are open longer than the q99 of the organisation's won cycles in it (method §3)."""
    present = [
        _open_on(deals, int(day), age)
        for day, age in zip(windows.to_day, zombie_ages(deals, windows), strict=True)
    ]
    return VelocitySums(np.stack(present), closed.within(windows))


def zombie_ages(deals: ScopedDeals, windows: Windows) -> FloatArray:
    """Age in days beyond which an open deal is a zombie, by window; NaN where nothing was won."""
    won, ages = deals.organization, np.arange(deals.organization.longest + 1)
    first, last = (
        np.searchsorted(won.closed_day, windows.from_day, "right"),
        np.searchsorted(won.closed_day, windows.to_day, "right"),
    )
    counts = [
        np.bincount(won.cycle[begin:end], won.count[begin:end], minlength=ages.size)
        for begin, end in zip(first, np.maximum(first, last), strict=True)
    ]
    return quantile_of_counts(np.stack(counts), ages, ZOMBIE_QUANTILE)


def _open_on(deals: ScopedDeals, day: int, oldest: float) -> FloatArray:
    """Deals open at the end of `day`, by scope."""
    rows = _rows_open_on(deals, day, oldest)
    counted = np.bincount(deals.scope[rows], deals.count[rows], minlength=deals.scopes.height)
    return counted.astype(np.float64, copy=False)


def _rows_open_on(deals: ScopedDeals, day: int, oldest: float) -> IntArray:
    """Numbers of the rows open at the end of `day`, not begun more than `oldest` days before (NaN: no limit)."""
    since = -np.inf if np.isnan(oldest) else day - oldest
    begin, end = (
        np.searchsorted(deals.start_day, since, "left"),
        np.searchsorted(deals.start_day, day, "right"),
    )
    return begin + np.flatnonzero(deals.gone_day[begin:end] > day)


def open_by_age(deals: ScopedDeals, day: int, oldest: int) -> FloatArray:
    """Deals open at the end of `day` up to each age 0 … `oldest`, scopes × ages."""
    rows, width = _rows_open_on(deals, day, oldest), oldest + 1
    place = deals.scope[rows] * width + day - deals.start_day[rows]
    counted = np.bincount(place, deals.count[rows], minlength=deals.scopes.height * width)
    return counted.reshape(-1, width).cumsum(axis=1)


def mix_changes(before: VelocitySums, after: VelocitySums) -> FloatArray:
    """The part of each ratio's change (RATIOS × windows × scopes) that shifted shares of segments account for.

    A ratio is Σ share·value over segments; Shapley of the two: Σ Δshare·(mean of both values), exact with Σ mean
    share·Δvalue as the rest. A segment without a value on one side has no share there: the other side's value stands in.
    """
    return np.stack([_mix_change(before.closed, after.closed, *ratio) for ratio in RATIOS])


def _mix_change(before: FloatArray, after: FloatArray, top: int, bottom: int) -> FloatArray:
    share0, share1 = (
        divide(side[bottom], side[bottom].sum(axis=-1, keepdims=True)) for side in (before, after)
    )
    value0, value1 = (divide(side[top], side[bottom], otherwise=np.nan) for side in (before, after))
    known0, known1 = np.where(np.isnan(value0), value1, value0), np.where(np.isnan(value1), value0, value1)
    return np.asarray(np.nansum((share1 - share0) * (known0 + known1) / 2, axis=-1), dtype=np.float64)
