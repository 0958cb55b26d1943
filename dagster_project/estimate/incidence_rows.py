"""From arrays (scope × window × horizon) to rows of the incidence table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray
from dagster_project.estimate.incidence import Interval
from dagster_project.estimate.scope_counts import COUNTED_EXITS, ScopeCounts, exits_by_name
from dagster_project.estimate.series import Series

WINDOW_KEYS = ("as_of_date", "window_name", "window_from_date", "window_to_date")
_COUNTS = ("at_risk", "units", "begun_units", "target_exits", "competing_exits")
_SCHEMA: dict[str, type[pl.DataType]] = {
    "unit_kind": pl.String,
    "series_name": pl.String,
    "scope_kind": pl.String,
    "scope_id": pl.String,
    "horizon_days": pl.Int32,
    "is_longest": pl.Boolean,
    **dict.fromkeys(_COUNTS, pl.Int64),
    **{f"{name}_exits": pl.Int64 for name in COUNTED_EXITS},
    "rate_raw": pl.Float64,
    "rate_shrunk": pl.Float64,
    "still_open": pl.Float64,
    "lower_80": pl.Float64,
    "upper_80": pl.Float64,
    "lower_95": pl.Float64,
    "upper_95": pl.Float64,
    "median_days": pl.Int64,
    "as_of_date": pl.Date,
    "window_name": pl.String,
    "window_from_date": pl.Date,
    "window_to_date": pl.Date,
}


@dataclass(frozen=True)
class Shrunk:
    """Of some scopes, scopes × windows × horizons: rate (shrunk, but for the organisation), P(still open), 80, 95 % bounds."""

    rate: FloatArray
    still_open: FloatArray
    bounds: tuple[Interval, Interval]


@dataclass(frozen=True)
class Calendar:
    """Rows of `windows` (WINDOW_KEYS) show the counted window of number `number`, at its horizons where `is_shown`."""

    windows: pl.DataFrame
    number: IntArray
    is_shown: BoolArray

    def part(self, chosen: BoolArray) -> Calendar:
        """Some of the rows."""
        return Calendar(self.windows.filter(pl.Series(chosen)), self.number[chosen], self.is_shown)


def empty_rows() -> pl.DataFrame:
    """The incidence table without rows."""
    return pl.DataFrame(schema=_SCHEMA)


@dataclass(frozen=True)
class RowMaker:
    """Makes rows of one series and kind of scope; windows in which a scope has no unit are left out."""

    series: Series
    counts: ScopeCounts
    horizon: IntArray
    calendar: Calendar
    exits: Mapping[str, FloatArray]

    def rows(self, shrunk: Shrunk, first_scope: int = 0) -> pl.DataFrame:
        """Rows of the scopes from `first_scope` on that `shrunk` is of."""
        number, part = self.calendar.number, slice(first_scope, first_scope + len(shrunk.rate))
        seen = self.counts.units[part][:, number] > 0
        shown = seen[..., None] & self.calendar.is_shown[number]
        scope, row, place = np.nonzero(shown)
        window = scope * len(self.series.windows) + number[row]
        cell = window * self.horizon.shape[1] + place

        def of_window(values: FloatArray) -> FloatArray:
            return np.asarray(values[part].reshape(-1)[window])

        def of_cell(values: FloatArray) -> FloatArray:
            return np.asarray(values[part].reshape(-1)[cell])

        horizon_days = self.horizon[number[row], place]
        at_horizon = self.counts.at_horizon
        columns: dict[str, FloatArray | IntArray | BoolArray] = {
            "horizon_days": horizon_days,
            "is_longest": horizon_days == self.series.longest[number[row]],
            "at_risk": of_cell(at_horizon.at_risk),
            "units": of_window(self.counts.units),
            "target_exits": of_cell(at_horizon.target),
            "competing_exits": of_cell(at_horizon.competing),
            **{name: of_window(values) for name, values in self.exits.items()},
            "rate_raw": of_cell(at_horizon.rate_raw),
            "median_days": of_window(self.counts.median_days),
            **{name: values.reshape(-1)[cell] for name, values in _rate_columns(shrunk).items()},
        }
        return self._framed(columns, scope + first_scope, row)

    def _framed(
        self, columns: Mapping[str, FloatArray | IntArray | BoolArray], scope: IntArray, row: IntArray
    ) -> pl.DataFrame:
        ids = pl.Series(self.counts.scopes.ids, dtype=pl.String)
        frame = pl.DataFrame(columns).with_columns(
            unit_kind=pl.lit(self.series.unit_kind),
            series_name=pl.lit(self.series.name),
            scope_kind=pl.lit(self.counts.scopes.kind),
            scope_id=ids.gather(scope),
            median_days=pl.col("median_days").fill_nan(None),
        )
        keyed = pl.concat([frame, self.calendar.windows.select(WINDOW_KEYS)[row]], how="horizontal")
        return keyed.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def row_maker(series: Series, counts: ScopeCounts, horizon: IntArray, calendar: Calendar) -> RowMaker:
    """The maker of rows of `counts` at age days `horizon` (windows × horizons)."""
    return RowMaker(series, counts, horizon, calendar, exits_by_name(series, counts.scopes))


def _rate_columns(shrunk: Shrunk) -> dict[str, FloatArray]:
    bounds = {
        f"{side}_{level}": getattr(interval, side)
        for level, interval in zip((80, 95), shrunk.bounds, strict=True)
        for side in ("lower", "upper")
    }
    return {"rate_shrunk": shrunk.rate, "still_open": shrunk.still_open, **bounds}
