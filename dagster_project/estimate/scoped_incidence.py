"""Cumulative incidence of every series (deals, each stage, each step of activity) by window, scope and horizon."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import IntArray
from dagster_project.estimate.incidence import aalen_johansen, cloglog_interval
from dagster_project.estimate.incidence_rows import Figures, empty_rows, scope_rows
from dagster_project.estimate.series import (
    HORIZON_DAYS,
    Series,
    count_series,
    everyone_by_age_day,
    longest_age,
)
from dagster_project.estimate.shrunk_incidence import (
    ScopedCounts,
    age_index,
    pick,
    scoped_counts,
    shrunk_incidence,
)
from dagster_project.estimate.unit_counts import DEAL, windows_of

_OWN_KEYS = ("seen_from_date", "is_last_night")


def incidence_table(units: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """One row per series × window × scope × horizon.

    `units`: unit_kind, series_name, team_id, rep_id, started_date, last_date, exit_name, units, horizon_limit_days (null,
    or the age beyond which exits do not count). `windows`: as_of_date, window_name, window_from_date, window_to_date,
    is_last_night. Deals: HORIZON_DAYS and the longest won cycle, in windows of last night the organisation also at every
    age day to its longest exit. Stages and steps: the longest age with an exit. Raises ValueError on missing dates and on
    units that end before they start.
    """
    if units.is_empty() or windows.is_empty():
        return empty_rows().join(_keyed(windows, None), on="window").drop("window", *_OWN_KEYS)
    keyed = _keyed(windows, units.select(pl.col("started_date").min()).item())
    distinct = keyed.unique("window").sort("window")
    spans = windows_of(distinct.with_columns(window_from_date="seen_from_date"))
    daily = np.flatnonzero(distinct["is_last_night"].to_numpy())
    frames = [empty_rows()]
    for (unit_kind, name), rows in units.sort("unit_kind", "series_name").group_by(
        "unit_kind", "series_name", maintain_order=True
    ):
        series = count_series(str(unit_kind), str(name), rows, spans)
        frames.extend(_series_rows(series, daily))
    return pl.concat(frames).join(keyed.drop(_OWN_KEYS), on="window", maintain_order="left").drop("window")


def _keyed(windows: pl.DataFrame, first_date: date | None) -> pl.DataFrame:
    """Windows numbered so that those which see the same days, all from before the first unit, share a number.

    Windows of last night, which show more, have numbers of their own.
    """
    before_first = pl.lit(first_date, dtype=pl.Date) - pl.duration(days=1)
    return windows.select(
        "as_of_date",
        "window_name",
        "window_from_date",
        "window_to_date",
        "is_last_night",
        seen_from_date=pl.max_horizontal("window_from_date", before_first).cast(pl.Date),
    ).with_columns(
        window=pl.struct("is_last_night", "seen_from_date", "window_to_date").rank("dense").cast(pl.UInt32)
        - 1
    )


def scope_figures(series: Series, horizon: IntArray) -> list[Figures]:
    """Figures at age days `horizon` (windows × horizons) of the organisation, then teams, then reps.

    The organisation's are its own; teams shrink to it; reps to their team, or to it where teams are few (method §2).
    """
    _, *few = scoped_counts(series.counts, series.pooled, series.index)
    figures = [_pooled_figures(series, horizon)]
    figures.extend(_shrunk_figures(series, scoped, horizon) for scoped in few if len(scoped.scopes))
    return figures


def _series_rows(series: Series, daily: IntArray) -> list[pl.DataFrame]:
    """Rows of one series; for deals those of windows `daily` (their numbers) hold the organisation at every age day."""
    horizon = series.longest[:, None]
    if series.unit_kind != DEAL:
        return [scope_rows(series, figures) for figures in scope_figures(series, horizon)]
    fixed = np.broadcast_to(np.array(HORIZON_DAYS), (horizon.size, len(HORIZON_DAYS)))
    everyone, *few = (
        scope_rows(series, figures)
        for figures in scope_figures(series, np.concatenate([fixed, horizon], axis=1))
    )
    return [everyone.filter(~pl.col("window").is_in(daily)), _every_day_rows(series, daily), *few]


def _every_day_rows(series: Series, daily: IntArray) -> pl.DataFrame:
    """The organisation's rows at every age day to the longest exit of each window, and HORIZON_DAYS."""
    everyone = everyone_by_age_day(series, daily)
    ages, exits = everyone.pooled.ages, everyone.pooled.target[0] + everyone.pooled.competing[0]
    horizon = np.broadcast_to(ages, exits.shape)
    rows = scope_rows(everyone, _pooled_figures(everyone, horizon))
    numbered = rows.with_columns(
        longest_exit=pl.Series(longest_age(exits, ages)).gather(rows["window"]),
        window=pl.Series(daily, dtype=pl.UInt32).gather(rows["window"]),
    )
    shown = (pl.col("horizon_days") <= pl.col("longest_exit")) | pl.col("horizon_days").is_in(HORIZON_DAYS)
    return numbered.filter(shown).drop("longest_exit")


def _pooled_figures(series: Series, horizon: IntArray) -> Figures:
    place = age_index(series.pooled.ages, horizon)
    rate, variance = pick(series.curve.target, place), pick(series.variance, place)
    units = np.broadcast_to(series.pooled.units[..., None], rate.shape)
    return Figures(
        scopes=series.index.organization,
        counts=series.pooled,
        raw=series.curve,
        horizon=horizon,
        rate=rate,
        still_open=pick(series.curve.still_open, place),
        bounds=(cloglog_interval(rate, variance, units, 0.80), cloglog_interval(rate, variance, units, 0.95)),
    )


def _shrunk_figures(series: Series, scoped: ScopedCounts, horizon: IntArray) -> Figures:
    shrunk = shrunk_incidence(series.pooled, series.curve, series.variance, scoped.ratios, horizon)
    own = scoped.counts
    return Figures(
        scopes=scoped.scopes,
        counts=own,
        raw=aalen_johansen(own.at_risk, own.target, own.competing),
        horizon=horizon,
        rate=shrunk.rate,
        still_open=shrunk.still_open,
        bounds=(shrunk.interval(0.80), shrunk.interval(0.95)),
    )
