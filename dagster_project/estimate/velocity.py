"""Revenue Velocity: three figures side by side on one window (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.lexis import COMPETING, TARGET
from dagster_project.estimate.scope_counts import ScopeCounts, exits_by_name
from dagster_project.estimate.scoped_incidence import shrunk_scopes
from dagster_project.estimate.scopes import ORGANIZATION, Scopes
from dagster_project.estimate.series import Series, longest_age, pool_series
from dagster_project.estimate.shrinkage import beta_shares, shrink_shares
from dagster_project.estimate.unit_counts import DEAL, OPEN, sums_in_windows, windows_of
from dagster_project.estimate.week_resampling import realised_interval

_ZOMBIE_QUANTILE = 0.99
_COUNTS = (
    "open_deals",
    "zombie_deals",
    "created",
    "won",
    "lost",
    "priced_won",
    "longest_won_cycle_days",
    "calendar_days",
)
_FIGURES = (
    "average_cycle_days",
    "average_lost_cycle_days",
    "win_rate",
    "win_rate_shrunk",
    "win_rate_lower_80",
    "win_rate_upper_80",
    "win_rate_lower_95",
    "win_rate_upper_95",
    "win_by_longest_cycle",
    "won_amount",
    "rv_realised_lower_95",
    "rv_realised_upper_95",
)
_SCHEMA: dict[str, type[pl.DataType]] = {
    "as_of_date": pl.Date,
    "window_name": pl.String,
    "window_from_date": pl.Date,
    "window_to_date": pl.Date,
    "scope_kind": pl.String,
    "scope_id": pl.String,
    **dict.fromkeys(_COUNTS, pl.Int64),
    **dict.fromkeys(_FIGURES, pl.Float64),
}


@dataclass(frozen=True)
class _Organization:
    """What holds for everyone in a window: zombie age, longest won cycle (days) and days with data."""

    zombie_age: FloatArray
    longest_won: FloatArray
    calendar_days: FloatArray


def velocity_table(deals: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """One row per window × scope, money a day and the figures it is made of.

    `deals`: rows of unit_kind 'deal' as for `incidence_table`, with amount (sum, money) and priced_units (deals with an
    amount). Days before the first deal do not count as calendar days. Zombies are older than the q99 of the organisation's
    won cycles in the window; F_w is taken at its longest won cycle. Raises ValueError on missing dates.
    """
    if deals.is_empty() or windows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    series = pool_series(DEAL, DEAL, deals, windows_of(windows))
    shared = _organization(series)
    frames = [
        _scope_frame(series, shared, counts, np.concatenate([each.rate[..., 0] for each in figures]), deals)
        for counts, figures in shrunk_scopes(series, series.longest[:, None])
    ]
    keyed = windows.select("as_of_date", "window_name", "window_from_date", "window_to_date").with_row_index(
        "window"
    )
    rows = pl.concat(frames).join(keyed, on="window", maintain_order="left")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def quantile_of_counts(counts: FloatArray, ages: IntArray, probability: float) -> FloatArray:
    """Linearly interpolated quantile of `ages` (last axis) that occur `counts` times; NaN without any."""
    reached = np.cumsum(counts, axis=-1)
    total = reached[..., -1]
    place = np.maximum(total - 1, 0) * probability
    below, above = np.floor(place), np.ceil(place)
    lower = ages[(reached > below[..., None]).argmax(axis=-1)]
    upper = ages[(reached > above[..., None]).argmax(axis=-1)]
    return np.where(total > 0, lower + (upper - lower) * (place - below), np.nan)


def _organization(series: Series) -> _Organization:
    won = series.pooled.target[0]
    first_day = series.units.start_day.min() - 1
    return _Organization(
        zombie_age=quantile_of_counts(won, series.pooled.ages, _ZOMBIE_QUANTILE),
        longest_won=np.where(won.sum(axis=-1) > 0, longest_age(won, series.pooled.ages), np.nan),
        calendar_days=np.asarray(
            series.windows.to_day - np.maximum(series.windows.from_day, first_day), dtype=np.float64
        ),
    )


def _scope_frame(
    series: Series, shared: _Organization, counts: ScopeCounts, win_incidence: FloatArray, deals: pl.DataFrame
) -> pl.DataFrame:
    scopes, shape = counts.scopes, counts.units.shape
    columns = {
        **_open_columns(series, shared, scopes),
        **_cycle_columns(series, counts),
        **_win_rate_columns(counts.observed[0], counts.observed[1], scopes),
        **_money(series, scopes, deals),
        "created": exits_by_name(series, scopes)["begun_units"],
        "win_by_longest_cycle": win_incidence,
        "longest_won_cycle_days": np.broadcast_to(shared.longest_won, shape),
        "calendar_days": np.broadcast_to(shared.calendar_days, shape),
    }
    scope, window = np.nonzero(counts.units > 0)
    return pl.DataFrame({name: values[scope, window] for name, values in columns.items()}).with_columns(
        pl.col(pl.Float64).fill_nan(None),
        window=pl.Series(window, dtype=pl.UInt32),
        scope_kind=pl.lit(scopes.kind),
        scope_id=pl.Series(scopes.ids, dtype=pl.String).gather(scope),
    )


def _open_columns(series: Series, shared: _Organization, scopes: Scopes) -> dict[str, FloatArray]:
    """Deals open at the end of each window, those past the zombie age apart."""
    units, number = series.units, scopes.number(series.units.group)
    is_open = (series.exit_name == OPEN).to_numpy()
    gone_day = np.where(is_open, np.iinfo(np.int64).max, units.last_day)
    counted = np.zeros((2, len(scopes), len(series.windows)))
    for to_day in np.unique(series.windows.to_day):
        present = np.flatnonzero((number >= 0) & (units.start_day <= to_day) & (gone_day > to_day))
        age, own, count = to_day - units.start_day[present], number[present], units.count[present]
        for window in np.flatnonzero(series.windows.to_day == to_day):
            is_zombie = age > shared.zombie_age[window]
            for kind, chosen in enumerate((~is_zombie, is_zombie)):
                counted[kind, :, window] = np.bincount(own[chosen], count[chosen], minlength=len(scopes))
    return {"open_deals": counted[0], "zombie_deals": counted[1]}


def _cycle_columns(series: Series, counts: ScopeCounts) -> dict[str, FloatArray]:
    units, number = series.units, counts.scopes.number(series.units.group)

    def mean_cycle(kind: int, total: FloatArray) -> FloatArray:
        days = units.age * units.count * (units.exit == kind)
        summed = sums_in_windows(
            units.last_day, days.astype(np.float64), number, len(counts.scopes), series.windows
        )
        return divide(summed, total, otherwise=np.nan)

    won, lost = counts.observed
    return {
        "won": won,
        "lost": lost,
        "average_cycle_days": mean_cycle(TARGET, won),
        "average_lost_cycle_days": mean_cycle(COMPETING, lost),
    }


def _win_rate_columns(won: FloatArray, lost: FloatArray, scopes: Scopes) -> dict[str, FloatArray]:
    raw = divide(won, won + lost, otherwise=np.nan)
    if scopes.kind == ORGANIZATION:
        posterior, shrunk = beta_shares(won.T, (won + lost).T), raw
    else:
        posterior = shrink_shares(won.T, (won + lost).T)
        shrunk = posterior.mean.T
    sides = {
        f"win_rate_{side}_{level}": getattr(posterior.interval(level / 100), side).T
        for level in (80, 95)
        for side in ("lower", "upper")
    }
    return {"win_rate": raw, "win_rate_shrunk": shrunk, **sides}


def _money(series: Series, scopes: Scopes, deals: pl.DataFrame) -> dict[str, FloatArray]:
    """Won money, the number of won deals that have an amount, and the interval of money won a day."""
    won = (series.exit_name == "won").to_numpy()
    day, number = series.units.last_day[won], scopes.number(series.units.group[won])
    amount = deals["amount"].cast(pl.Float64).fill_null(0).to_numpy()[won]
    priced = deals["priced_units"].cast(pl.Float64).to_numpy()[won]
    windows = series.windows
    first_day = int(series.units.start_day.min())
    interval = realised_interval(day, amount, number, len(scopes), windows, first_day)
    return {
        "won_amount": sums_in_windows(day, amount, number, len(scopes), windows),
        "priced_won": sums_in_windows(day, priced, number, len(scopes), windows),
        "rv_realised_lower_95": interval.lower,
        "rv_realised_upper_95": interval.upper,
    }
