"""How much Revenue Velocity changes between two windows by chance, from resampled weeks (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.draws import uniforms
from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.velocity import quantile_of_counts
from dagster_project.estimate.velocity_sums import (
    AMOUNT,
    CLOSED,
    PRICED,
    WON,
    WON_DAYS,
    ZOMBIE_QUANTILE,
    ClosedByDay,
    ScopedDeals,
    open_by_age,
)

DRAWS = 400
# A quarter: wins cluster at its end, and a week drawn from anywhere must be able to be one of those.
_POOLED_WEEKS = 13
_FEWEST_WEEKS = 8
_SALT = "velocity change/weeks"


@dataclass(frozen=True)
class _Resampled:
    """How often each pooled week stands in each draw (draws × weeks) in the window before, after, and between their ends.

    `days_between` (in weeks) is how long the ends lie apart; `widening` undoes what few weeks spread too little.
    """

    before: FloatArray
    after: FloatArray
    between: FloatArray
    weeks_between: float
    widening: float


def change_interval(
    deals: ScopedDeals, closed: ClosedByDay, pair: Windows, change: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """95 % bounds of each scope's change of RV between the two windows of `pair` (before, after), in money a day.

    The weeks of both windows, at least a quarter's, are drawn anew with replacement; windows that overlap share the weeks
    they share. What RV changes then, it changes by chance; its quantiles around zero give the bounds around `change`.
    Weeks end on the weekday of the last day. NaN with fewer than eight weeks, or where most draws close no deal.
    """
    pool = _pooled_weeks(deals, pair)
    if len(pool) < _FEWEST_WEEKS:
        nothing = np.full(change.shape, np.nan)
        return nothing, nothing
    noise = _chance_changes(deals, closed, pair, pool, _resampled(pair, len(pool)))
    rarely = np.isnan(noise).mean(axis=0) > 0.5
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(np.where(rarely, 0.0, noise), (0.025, 0.975), axis=0)
    return np.where(rarely, np.nan, change - high), np.where(rarely, np.nan, change - low)


def _pooled_weeks(deals: ScopedDeals, pair: Windows) -> Windows:
    """Whole weeks since the first deal, latest first."""
    last_day, first_day = int(pair.to_day[1]), deals.first_day
    wanted = max(last_day - int(pair.from_day.min()), 7 * _POOLED_WEEKS)
    weeks = min(-(-wanted // 7), (last_day - first_day + 1) // 7)
    ends = last_day - 7 * np.arange(max(weeks, 0))
    return Windows(ends - 7, ends)


def _resampled(pair: Windows, pooled: int) -> _Resampled:
    last_day = int(pair.to_day[1])
    weeks = -(-(last_day - int(pair.from_day.min())) // 7)
    weeks = min(weeks, pooled + 1)
    drawn = (uniforms(_SALT, [str(week) for week in range(weeks)], DRAWS) * pooled).astype(np.int64)
    between = (int(pair.to_day[0]), last_day)
    spans = [*zip(pair.from_day.tolist(), pair.to_day.tolist(), strict=True), between]
    before, after, moved = (
        _times_drawn(drawn, _parts_of_weeks(span, last_day, weeks), pooled) for span in spans
    )
    return _Resampled(
        before, after, moved, (last_day - between[0]) / 7, float(np.sqrt(pooled / (pooled - 1)))
    )


def _parts_of_weeks(span: tuple[int, int], last_day: int, weeks: int) -> FloatArray:
    """The part of each week, latest first, that lies in the span (from, to]."""
    end = last_day - 7 * np.arange(weeks)
    shared = np.minimum(end, span[1]) - np.maximum(end - 7, span[0])
    return np.asarray(np.clip(shared, 0, 7) / 7, dtype=np.float64)


def _times_drawn(drawn: IntArray, part: FloatArray, pooled: int) -> FloatArray:
    """Sum of the parts of the weeks for which each pooled week was drawn, draws × pooled."""
    draws = drawn.shape[1]
    cell = np.arange(draws) * pooled + drawn
    weight = np.broadcast_to(part[:, None], drawn.shape)
    times = np.bincount(cell.ravel(), weight.ravel(), minlength=draws * pooled)
    return times.astype(np.float64, copy=False).reshape(draws, pooled)


def _chance_changes(
    deals: ScopedDeals, closed: ClosedByDay, pair: Windows, pool: Windows, resampled: _Resampled
) -> FloatArray:
    """RV after less RV before in each draw, draws × scopes; NaN where a draw closes no deal."""
    sums = closed.within(pool).sum(axis=-1)
    drift = _open_drift(deals, pool, resampled)
    levels = _open_levels(deals, pair, pool, (resampled.before, resampled.after))
    before = _velocity(np.maximum(levels[0] - drift / 2, 0), sums, resampled.before)
    after = _velocity(np.maximum(levels[1] + drift / 2, 0), sums, resampled.after)
    return (after - before) * resampled.widening


def _velocity(open_deals: FloatArray, sums: FloatArray, times: FloatArray) -> FloatArray:
    drawn = np.einsum("dw,fws->fds", times, sums, optimize=True)
    rate = divide(drawn[WON], drawn[CLOSED], otherwise=np.nan)
    price = divide(drawn[AMOUNT], drawn[PRICED])
    per_day = divide(drawn[WON], drawn[WON_DAYS])
    return np.asarray(open_deals * price * rate * per_day, dtype=np.float64)


def _open_drift(deals: ScopedDeals, pool: Windows, resampled: _Resampled) -> FloatArray:
    """By how many more or fewer deals than on average the pipeline grew between the two ends, draws × scopes."""
    begun, left = (_by_week(deals, day, pool) for day in (deals.start_day, deals.gone_day))
    grown = begun - left
    usual = grown.mean(axis=1) * resampled.weeks_between
    return np.asarray(resampled.between @ grown.T - usual, dtype=np.float64)


def _by_week(deals: ScopedDeals, day: IntArray, pool: Windows) -> FloatArray:
    """Deals of which `day` falls into each pooled week, scopes × weeks, latest first."""
    week = (int(pool.to_day[0]) - day) // 7
    inside = (week >= 0) & (week < len(pool))
    cell = deals.scope[inside] * len(pool) + week[inside]
    counted = np.bincount(cell, deals.count[inside], minlength=deals.scopes.height * len(pool))
    return counted.astype(np.float64, copy=False).reshape(-1, len(pool))


def _open_levels(
    deals: ScopedDeals, pair: Windows, pool: Windows, times: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Open deals (mean of both ends) that are no zombies by the won cycles of each draw, draws × scopes."""
    won, longest = deals.organization, deals.organization.longest
    week = (int(pool.to_day[0]) - won.closed_day) // 7
    inside = (week >= 0) & (week < len(pool))
    cell = week[inside] * (longest + 1) + won.cycle[inside]
    counts = np.bincount(cell, won.count[inside], minlength=len(pool) * (longest + 1))
    by_age = counts.reshape(len(pool), longest + 1)
    open_deals = np.mean([open_by_age(deals, int(day), longest) for day in pair.to_day], axis=0)
    ages = np.arange(longest + 1)
    limits = [quantile_of_counts(each @ by_age, ages, ZOMBIE_QUANTILE) for each in times]
    before, after = (open_deals[:, np.nan_to_num(limit).astype(np.int64)].T for limit in limits)
    return before, after
