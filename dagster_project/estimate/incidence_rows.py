"""From arrays (scope × window × horizon) to rows of the incidence table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from dagster_project.estimate.arrays import FloatArray, IntArray
from dagster_project.estimate.incidence import Incidence, Interval
from dagster_project.estimate.lexis import WindowCounts
from dagster_project.estimate.scopes import Scopes
from dagster_project.estimate.series import Series
from dagster_project.estimate.shrunk_incidence import age_index, pick
from dagster_project.estimate.unit_counts import sums_in_windows

COUNTED_EXITS = ("won", "lost", "advanced", "moved_back")

_SCHEMA: dict[str, type[pl.DataType]] = {
    "window": pl.UInt32,
    "unit_kind": pl.String,
    "series_name": pl.String,
    "scope_kind": pl.String,
    "scope_id": pl.String,
    "horizon_days": pl.Int32,
    "is_longest": pl.Boolean,
    "at_risk": pl.Int64,
    "units": pl.Int64,
    "begun_units": pl.Int64,
    "target_exits": pl.Int64,
    "competing_exits": pl.Int64,
    **{f"{name}_exits": pl.Int64 for name in COUNTED_EXITS},
    "rate_raw": pl.Float64,
    "rate_shrunk": pl.Float64,
    "still_open": pl.Float64,
    "lower_80": pl.Float64,
    "upper_80": pl.Float64,
    "lower_95": pl.Float64,
    "upper_95": pl.Float64,
    "median_days": pl.Int64,
}


@dataclass(frozen=True)
class Figures:
    """What is reported of one kind of scope: counts and raw curves by age; at the age days `horizon` (windows × horizons)
    the rate (shrunk, but for the organisation), P(still open) and 80 and 95 % bounds, scopes × windows × horizons."""

    scopes: Scopes
    counts: WindowCounts
    raw: Incidence
    horizon: IntArray
    rate: FloatArray
    still_open: FloatArray
    bounds: tuple[Interval, Interval]


def empty_rows() -> pl.DataFrame:
    """The incidence table without rows."""
    return pl.DataFrame(schema=_SCHEMA)


def scope_rows(series: Series, figures: Figures) -> pl.DataFrame:
    """Rows of one series and kind of scope; windows in which a scope has no unit are left out."""
    scope, window, _ = np.indices(figures.rate.shape)
    columns: dict[str, ArrayLike] = {
        "window": window,
        "horizon_days": np.broadcast_to(figures.horizon, figures.rate.shape),
        "is_longest": np.broadcast_to(figures.horizon == series.longest[:, None], figures.rate.shape),
        **_count_columns(series, figures),
        **_rate_columns(figures),
    }
    shape = figures.rate.shape
    flat = {name: np.broadcast_to(values, shape).ravel() for name, values in columns.items()}
    frame = pl.DataFrame(flat).with_columns(
        unit_kind=pl.lit(series.unit_kind),
        series_name=pl.lit(series.name),
        scope_kind=pl.lit(figures.scopes.kind),
        scope_id=pl.Series(figures.scopes.ids, dtype=pl.String).gather(scope.ravel()),
        median_days=pl.col("median_days").fill_nan(None),
    )
    seen = np.broadcast_to((figures.counts.units > 0)[..., None], shape).ravel()
    kept = frame.filter(seen).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
    return kept.unique(subset=["window", "scope_id", "horizon_days"], keep="any", maintain_order=True)


def _rate_columns(figures: Figures) -> dict[str, FloatArray]:
    bounds = {
        f"{side}_{level}": getattr(interval, side)
        for level, interval in zip((80, 95), figures.bounds, strict=True)
        for side in ("lower", "upper")
    }
    return {
        "rate_raw": pick(figures.raw.target, age_index(figures.counts.ages, figures.horizon)),
        "rate_shrunk": figures.rate,
        "still_open": figures.still_open,
        **bounds,
    }


def _count_columns(series: Series, figures: Figures) -> dict[str, FloatArray]:
    own, scopes = figures.counts, figures.scopes
    place = age_index(own.ages, figures.horizon)
    exits_by_name = {f"{name}_exits": _named_exits(series, scopes, name)[..., None] for name in COUNTED_EXITS}
    return {
        "at_risk": pick(_least_at_risk(series, own), place),
        "units": own.units[..., None],
        "begun_units": (scopes.membership @ series.begun())[..., None],
        "target_exits": pick(np.cumsum(own.target, axis=-1), place),
        "competing_exits": pick(np.cumsum(own.competing, axis=-1), place),
        **exits_by_name,
        "median_days": _median_age(figures.raw.target, own.ages)[..., None],
    }


def _least_at_risk(series: Series, own: WindowCounts) -> FloatArray:
    """Smallest risk set so far, over days on which anybody in the organisation left; the day's own before the first."""
    anybody_left = (series.pooled.target + series.pooled.competing) > 0
    least = np.minimum.accumulate(np.where(anybody_left, own.at_risk, np.inf), axis=-1)
    return np.where(np.isfinite(least), least, own.at_risk)


def _named_exits(series: Series, scopes: Scopes, name: str) -> FloatArray:
    chosen = (series.exit_name == name).to_numpy()
    units = series.units
    by_group = sums_in_windows(
        units.last_day[chosen],
        units.count[chosen].astype(np.float64),
        units.group[chosen],
        series.index.groups,
        series.windows,
    )
    return scopes.membership @ by_group


def _median_age(reached: FloatArray, ages: IntArray) -> FloatArray:
    """First age by which half of those who ever get there have; NaN where nobody does."""
    half = reached[..., -1:] / 2
    age = ages[(reached >= half).argmax(axis=-1)].astype(np.float64)
    return np.where(half[..., 0] > 0, age, np.nan)
