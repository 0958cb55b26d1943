"""Why Revenue Velocity changed from a week or a month before: exact contributions, mix apart, interval (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, divide
from dagster_project.estimate.change_noise import change_interval
from dagster_project.estimate.decomposition import slopes
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.unit_counts import day_numbers, windows_of
from dagster_project.estimate.velocity_sums import (
    CLOSED,
    RATIOS,
    WON,
    ClosedByDay,
    ScopedDeals,
    VelocitySums,
    closed_by_day,
    mix_changes,
    scoped_deals,
    velocity_sums,
)

WEEK_OVER_WEEK, MONTH_OVER_MONTH = "week_over_week", "month_over_month"
CONTRIBUTIONS = ("mix", "deals", "average_price", "win_rate", "average_cycle")
_FACTORS = ("deals", "average_price", "win_rate", "average_cycle_days")
_KEYS = ("as_of_date", "before_date", "comparison", "window_name")
# Contributions are rounded to this, together, so that they still add up.
_UNIT = 1e-4
# Scopes × segments at a time: every one has its sums by day.
_MOST_CELLS = 1500
_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("as_of_date", "before_date"), pl.Date),
    **dict.fromkeys(("comparison", "window_name", "scope_kind", "scope_id"), pl.String),
    **{f"{name}_{side}": pl.Float64 for name in (*_FACTORS, "rv") for side in ("before", "after")},
    "rv_change": pl.Float64,
    **{f"contribution_of_{name}": pl.Float64 for name in CONTRIBUTIONS},
    "rv_change_lower_95": pl.Float64,
    "rv_change_upper_95": pl.Float64,
}


@dataclass(frozen=True)
class Factors:
    """Deals, average price, win rate, average cycle days (first axis) as known; NaN where nothing shows them."""

    values: FloatArray

    @property
    def multipliers(self) -> FloatArray:
        """The four factors whose product is RV."""
        inverse = divide(1.0, self.values[3], otherwise=np.nan)
        return np.concatenate([self.values[:3], inverse[None]])


def velocity_change_table(deals: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """One row per as_of_date × comparison × rolling window × scope with deals before and after; money a day.

    `deals`: as for `scoped_deals`. `windows`: as int_as_of_windows; from-to windows have no week before and are left out.
    Intervals for last night only. Raises ValueError on missing dates.
    """
    wanted = comparisons(windows)
    if deals.is_empty() or wanted.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    scoped = scoped_deals(deals)
    by_window = wanted.sort(_KEYS).partition_by("window_name", maintain_order=True)
    frames: list[pl.DataFrame] = []
    for some in scoped.parts(max(1, _MOST_CELLS // scoped.segments)):
        closed = closed_by_day(some)
        frames.extend(_window_frame(some, closed, rows) for rows in by_window)
    return pl.concat(frames).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def comparisons(windows: pl.DataFrame) -> pl.DataFrame:
    """Each rolling window beside the same one before: week over week on Mondays, month over month on month ends.

    Last night has both. A month before is the same day of the month before, a month end's the month end before. All time
    begins with the first deal on both sides.
    """
    as_of, is_all_time = pl.col("as_of_date"), pl.col("window_name") == "all"
    month_end = as_of == as_of.dt.month_end()
    month_before = (
        pl.when(month_end)
        .then(as_of.dt.month_start().dt.offset_by("-1d"))
        .otherwise(as_of.dt.offset_by("-1mo"))
    )
    rolling = windows.filter(~pl.col("window_name").str.contains("..", literal=True))
    rows = pl.concat(
        rolling.filter(pl.col("is_last_night") | chosen).with_columns(
            comparison=pl.lit(name), before_date=before
        )
        for name, chosen, before in (
            (WEEK_OVER_WEEK, as_of.dt.weekday() == 1, as_of.dt.offset_by("-7d")),
            (MONTH_OVER_MONTH, month_end, month_before),
        )
    )
    shifted = pl.col("window_from_date") - (as_of - pl.col("before_date"))
    begin = pl.when(is_all_time).then("window_from_date").otherwise(shifted)
    return rows.with_columns(before_from_date=begin).filter(begin < pl.col("before_date"))


def _window_frame(deals: ScopedDeals, closed: ClosedByDay, rows: pl.DataFrame) -> pl.DataFrame:
    spans = pl.concat(
        [
            rows.select("window_from_date", "window_to_date"),
            rows.select(window_from_date="before_from_date", window_to_date="before_date"),
        ]
    )
    distinct = spans.unique().sort("window_to_date", "window_from_date").with_row_index("number")
    number = spans.join(
        distinct, on=["window_from_date", "window_to_date"], how="left", maintain_order="left"
    )["number"].to_numpy()
    sums = velocity_sums(deals, closed, windows_of(distinct))
    after, before = sums.at(number[: rows.height]), sums.at(number[rows.height :])
    columns, has_deals = _change_columns(before, after)
    lower, upper = _intervals(deals, closed, rows, before, after)
    columns["rv_change_lower_95"], columns["rv_change_upper_95"] = lower, upper
    row, scope = np.indices(has_deals.shape)
    frame = pl.DataFrame({name: values.ravel() for name, values in columns.items()}).fill_nan(None)
    keys = rows.select(_KEYS)[row.ravel()]
    return pl.concat([keys, deals.scopes[scope.ravel()], frame], how="horizontal").filter(
        pl.Series(has_deals.ravel())
    )


def _change_columns(before: VelocitySums, after: VelocitySums) -> tuple[dict[str, FloatArray], BoolArray]:
    """Columns by name (rows × scopes), and whether a scope had deals open or closed on both sides."""
    old, new = factors(before), factors(after)
    parts = contributions(old, new, mix_changes(before, after))
    columns: dict[str, FloatArray] = {}
    for side, own in (("before", old), ("after", new)):
        columns |= {f"{name}_{side}": own.values[number] for number, name in enumerate(_FACTORS)}
        columns[f"rv_{side}"] = _rounded(velocity(own))
    change = columns["rv_after"] - columns["rv_before"]
    columns["rv_change"] = _rounded(change)
    exact = _adding_up(parts, columns["rv_change"])
    columns |= {f"contribution_of_{name}": exact[number] for number, name in enumerate(CONTRIBUTIONS)}
    seen = [sums.open_deals + sums.closed[CLOSED].sum(axis=-1) > 0 for sums in (before, after)]
    return columns, seen[0] & seen[1]


def factors(sums: VelocitySums) -> Factors:
    """The four factors of windows × scopes, as fct_revenue_velocity has them."""
    pooled = sums.closed.sum(axis=-1)
    ratios = [divide(pooled[top], pooled[bottom], otherwise=np.nan) for top, bottom in RATIOS]
    price, rate, cycle = ratios
    # Wins none of which has an amount have no price; no wins at all have none to look for.
    return Factors(np.stack([sums.open_deals, price, rate, np.where(pooled[WON] > 0, cycle, np.nan)]))


def velocity(own: Factors) -> FloatArray:
    """RV = deals × price × win rate ÷ cycle; 0 where deals closed and none was won, NaN where a factor is unknown."""
    return np.asarray(np.where(own.values[2] == 0, 0.0, own.multipliers.prod(axis=0)), dtype=np.float64)


def contributions(before: Factors, after: Factors, mix: FloatArray) -> FloatArray:
    """Contributions to the change (CONTRIBUTIONS × the other axes), NaN where RV is; `mix` as of `mix_changes`.

    Mix first: each factor's contribution is a slope times its change, and the mix part of the change takes its part. Where
    nothing was won on one side, price and cycle are unknown there and taken to be the other side's: the win rate tells it.
    """
    first, second = _stand_ins(before, after)
    slope = slopes(first, second)
    by_mix = np.concatenate([np.zeros((1, *mix.shape[1:])), mix])
    # 1/c1 - 1/c0 = -(c1 - c0) / (c0·c1): the cycle's mix part as a part of its inverse's change.
    by_mix[3] *= -first[3] * second[3]
    by_mix[np.isnan(before.multipliers) | np.isnan(after.multipliers)] = 0.0
    alone = slope * (second - first - by_mix)
    return np.concatenate([(slope * by_mix).sum(axis=0)[None], alone])


def _stand_ins(before: Factors, after: Factors) -> tuple[FloatArray, FloatArray]:
    """Multipliers of both sides, where nothing was won the other side's price and cycle (any, where neither has wins)."""
    old, new = before.multipliers, after.multipliers
    none_before, none_after = before.values[2] == 0, after.values[2] == 0
    new = np.where(np.isnan(new) & none_before & none_after, 1.0, new)
    first = np.where(np.isnan(old) & none_before, new, old)
    return first, np.where(np.isnan(new) & none_after, old, new)


def _adding_up(parts: FloatArray, change: FloatArray) -> FloatArray:
    """Parts rounded to the unit; the largest takes what rounding left, so that they sum to the rounded change."""
    rounded = _rounded(parts)
    left = _rounded(change - rounded.sum(axis=0))
    largest = np.where(np.isnan(parts), -1.0, np.abs(parts)).argmax(axis=0)
    takes = np.arange(len(parts)).reshape(-1, *[1] * (parts.ndim - 1)) == largest
    return _rounded(rounded + np.where(takes, left, 0.0))


def _rounded(money: FloatArray) -> FloatArray:
    return np.asarray(np.rint(money / _UNIT) * _UNIT, dtype=np.float64)


def _intervals(
    deals: ScopedDeals, closed: ClosedByDay, rows: pl.DataFrame, before: VelocitySums, after: VelocitySums
) -> tuple[FloatArray, FloatArray]:
    lower = np.full((rows.height, deals.scopes.height), np.nan)
    upper = lower.copy()
    to_day, before_day = day_numbers(rows["as_of_date"]), day_numbers(rows["before_date"])
    spans = windows_of(rows.select("window_from_date", "window_to_date"))
    earlier = windows_of(rows.select(window_from_date="before_from_date", window_to_date="before_date"))
    change = velocity(factors(after)) - velocity(factors(before))
    for row in np.flatnonzero(rows["is_last_night"].to_numpy()):
        pair = Windows(
            np.array([earlier.from_day[row], spans.from_day[row]]), np.array([before_day[row], to_day[row]])
        )
        lower[row], upper[row] = change_interval(deals, closed, pair, change[row])
    return lower, upper
