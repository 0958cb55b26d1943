"""The target trial behind an expected gain (method §6), as sums over cells: no row is ever copied per day.

For each day k ≤ h after a trigger's onset, the deals that act on day k are set against the deals still open and not
yet acted on day k, both clocks starting at k; outcome: won in the 90 days after k. Both arms must still be in the
episode at the end of day k, so that a signature on the day of the call is no effect of the call.

*Left alone* means: for the life of the card (`left_alone_days` from k); what a rep does months later is no part of the
decision to show a card today. A deal that acts within that time is censored, and the wins of those that do not are
weighted by 1 / P(not yet acted), the product-limit estimate in the same cell (inverse probability of censoring; in
one cell this equals Aalen–Johansen with acting as censoring). Days whose 90 days are not over are left out whole.

Arms are compared within (day k, cell) and pooled as a Mantel–Haenszel risk difference. Its variance is a
delete-a-group jackknife over opportunities, so it is clustered by opportunity and holds for sparse cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEVER: Final = 1_000_000
HORIZON_DAYS: Final = 90
GROUPS: Final = 40
LARGEST_WEIGHT: Final = 20.0


@dataclass(frozen=True)
class RiskDifference:
    """P(won in 90 days | acted on day k) − P(… | left alone), pooled; `acted` and `left_alone` count trial entries.

    `difference` and `standard_error` are shares (.02 is two points), null-like NaN where no cell holds both arms.
    """

    difference: float
    standard_error: float
    acted: int
    left_alone: int


@dataclass(frozen=True)
class _Episodes:
    """Days after onset, as whole numbers; NEVER where it did not happen."""

    cell: Ints
    group: Ints
    acted: Ints
    ended: Ints
    won: Ints
    followed: Ints
    cells: int


@dataclass(frozen=True)
class _Sums:
    """One day's trial: Mantel–Haenszel sums without each jackknife group and (last) with all, and its entries."""

    top: Floats
    bottom: Floats
    acted: int
    left_alone: int


def risk_difference(
    episodes: pl.DataFrame, *, as_of_date: date, trial_days: int, left_alone_days: int
) -> RiskDifference:
    """The pooled difference over trials on day 0 … `trial_days` after onset.

    `episodes`: one row per episode with opportunity_id, onset_date, acted_date, ended_date, won_date and `cell` (text:
    what is held constant).
    """
    known = episodes.filter(pl.col("onset_date") <= as_of_date)
    if known.is_empty():
        return RiskDifference(float("nan"), float("nan"), 0, 0)
    rows = _in_days(known, as_of_date)
    free = _not_acted(rows, trial_days + left_alone_days)
    sums = [_sums_of_day(rows, free, day, left_alone_days) for day in range(trial_days + 1)]
    top = np.sum([part.top for part in sums], axis=0)
    bottom = np.sum([part.bottom for part in sums], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimates = top / bottom
    return RiskDifference(
        difference=float(estimates[-1]),
        standard_error=_jackknife_error(estimates[:-1]),
        acted=sum(part.acted for part in sums),
        left_alone=sum(part.left_alone for part in sums),
    )


def _in_days(episodes: pl.DataFrame, as_of_date: date) -> _Episodes:
    def after_onset(column: str) -> Ints:
        days = (pl.col(column) - pl.col("onset_date")).dt.total_days().fill_null(NEVER)
        return episodes.select(days.cast(pl.Int64)).to_series().to_numpy()

    cell = episodes["cell"].rank("dense").cast(pl.Int64).to_numpy() - 1
    # Opportunities dealt out in the order of their ids: whole clusters, the same groups every night.
    group = episodes["opportunity_id"].rank("dense").cast(pl.Int64).to_numpy() % GROUPS
    followed = episodes.select((pl.lit(as_of_date) - pl.col("onset_date")).dt.total_days().cast(pl.Int64))
    return _Episodes(
        cell=cell,
        group=group,
        acted=after_onset("acted_date"),
        ended=after_onset("ended_date"),
        won=after_onset("won_date"),
        followed=followed.to_series().to_numpy(),
        cells=int(cell.max()) + 1,
    )


def _not_acted(rows: _Episodes, days: int) -> Floats:
    """P(not yet acted by the end of day d) by cell (row) and day after onset (column), product-limit."""
    last = np.minimum.reduce([rows.acted, rows.ended - 1, rows.followed])
    on = last >= 0
    here = rows.cell * (days + 2)
    leaving = np.bincount((here + np.minimum(last, days + 1))[on], minlength=rows.cells * (days + 2))
    at_risk = leaving.reshape(rows.cells, days + 2)[:, ::-1].cumsum(axis=1)[:, ::-1]
    acting = on & (rows.acted == last) & (rows.acted <= days)
    acts = np.bincount((here + np.minimum(rows.acted, days + 1))[acting], minlength=rows.cells * (days + 2))
    hazard = acts.reshape(rows.cells, days + 2) / np.maximum(at_risk, 1)
    free: Floats = np.cumprod(1.0 - hazard, axis=1)
    return free


def _sums_of_day(rows: _Episodes, free: Floats, day: int, left_alone_days: int) -> _Sums:
    """Mantel–Haenszel numerator and denominator of one day's trial: without each jackknife group, and (last) with all."""
    entered = (rows.ended > day) & (rows.acted >= day) & (rows.followed >= day + HORIZON_DAYS)
    acts = entered & (rows.acted == day)
    alone = entered & ~acts
    outcome = (rows.won > day) & (rows.won <= day + HORIZON_DAYS)
    strays = (rows.acted <= day + left_alone_days) & (rows.acted < rows.ended)
    weighted = np.where(outcome & ~strays, _weights(rows, free, day, left_alone_days), 0.0)
    acting, acting_won = _by_cell(rows, acts, outcome.astype(np.float64))
    waiting, waiting_won = _by_cell(rows, alone, weighted)
    total = acting + waiting
    safe = np.maximum(total, 1.0)
    top = ((acting_won * waiting - waiting_won * acting) / safe).sum(axis=0)
    bottom = (acting * waiting / safe).sum(axis=0)
    return _Sums(top, bottom, int(acts.sum()), int(alone.sum()))


def _weights(rows: _Episodes, free: Floats, day: int, left_alone_days: int) -> Floats:
    """1 / P(still not acted when the episode or the time left alone is over | not acted by the end of `day`)."""
    until = np.clip(np.minimum(rows.ended - 1, day + left_alone_days), day, free.shape[1] - 1)
    now, then = free[rows.cell, day], free[rows.cell, until]
    ratio = np.divide(now, then, out=np.ones_like(now), where=then > 0)
    capped: Floats = np.minimum(ratio, LARGEST_WEIGHT)
    return capped


def _by_cell(rows: _Episodes, mask: NDArray[np.bool_], values: Floats) -> tuple[Floats, Floats]:
    """Count and sum by cell (row), leaving out each jackknife group (columns) and nobody (last column)."""
    place = (rows.cell * GROUPS + rows.group)[mask]
    size = rows.cells * GROUPS
    count = np.bincount(place, minlength=size).reshape(rows.cells, GROUPS).astype(np.float64)
    total = (
        np.bincount(place, weights=values[mask], minlength=size)
        .reshape(rows.cells, GROUPS)
        .astype(np.float64)
    )
    return _left_out(count), _left_out(total)


def _left_out(by_group: Floats) -> Floats:
    everything = by_group.sum(axis=1, keepdims=True)
    return np.concatenate([everything - by_group, everything], axis=1)


def _jackknife_error(estimates: Floats) -> float:
    usable = estimates[np.isfinite(estimates)]
    if len(usable) < GROUPS:
        return float("nan")
    spread = ((usable - usable.mean()) ** 2).sum()
    return float(np.sqrt(spread * (GROUPS - 1) / GROUPS))
