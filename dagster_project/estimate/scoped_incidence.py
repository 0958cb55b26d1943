"""Cumulative incidence of every series (deals, each stage, each step of activity) by window, scope and horizon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import IntArray
from dagster_project.estimate.incidence import cloglog_interval
from dagster_project.estimate.incidence_rows import WINDOW_KEYS, Calendar, Shrunk, empty_rows, row_maker
from dagster_project.estimate.scope_counts import ScopeCounts, age_index, count_scopes
from dagster_project.estimate.series import (
    HORIZON_DAYS,
    Series,
    everyone_by_age_day,
    longest_age,
    pool_series,
)
from dagster_project.estimate.shrunk_incidence import exit_ratios, pick, shrunk_incidence
from dagster_project.estimate.unit_counts import DEAL, windows_of

# Elements of one array of scopes × windows × horizons at a time.
_BLOCK_ELEMENTS = 2**19


def incidence_table(units: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """`incidence_blocks` as one table."""
    return pl.concat([empty_rows(), *incidence_blocks(units, windows)])


def incidence_of_moved(units: pl.DataFrame, windows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """`incidence_blocks` where each series has `windows` of its own (unit_kind, series_name); the first block is empty."""
    yield empty_rows()
    keys = ["unit_kind", "series_name"]
    for (unit_kind, name), mine in windows.sort(keys).group_by(keys, maintain_order=True):
        yield from incidence_blocks(units.filter(unit_kind=unit_kind, series_name=name), mine)


def incidence_blocks(units: pl.DataFrame, windows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """One row per series × window × scope × horizon, in blocks of bounded size.

    `units`: unit_kind, series_name, team_id, rep_id, started_date, last_date, exit_name, units, horizon_limit_days (null,
    or the age beyond which exits do not count). `windows`: as_of_date, window_name, window_from_date, window_to_date,
    is_last_night. Deals: HORIZON_DAYS and the longest won cycle, in windows of last night the organisation also at every
    age day to its longest exit. Stages and steps: the longest age with an exit. Raises ValueError on missing dates and on
    units that end before they start.
    """
    if units.is_empty() or windows.is_empty():
        return
    keyed = _numbered(windows, units.select(pl.col("started_date").min()).item())
    spans = windows_of(keyed.unique("window").sort("window").with_columns(window_from_date="seen_from_date"))
    for (unit_kind, name), rows in units.group_by("unit_kind", "series_name", maintain_order=True):
        yield from _series_rows(pool_series(str(unit_kind), str(name), rows, spans), keyed)


def _numbered(windows: pl.DataFrame, first_date: date) -> pl.DataFrame:
    """Windows numbered so that those which see the same days, all from before the first unit, share a number."""
    before_first = pl.lit(first_date, dtype=pl.Date) - pl.duration(days=1)
    seen_from = pl.max_horizontal("window_from_date", before_first).cast(pl.Date)
    return windows.select(*WINDOW_KEYS, "is_last_night", seen_from_date=seen_from).with_columns(
        window=pl.struct("seen_from_date", "window_to_date").rank("dense").cast(pl.Int64) - 1
    )


def shrunk_scopes(series: Series, horizon: IntArray) -> Iterator[tuple[ScopeCounts, Iterator[Shrunk]]]:
    """Counts and figures at age days `horizon` (windows × horizons) of the organisation, then teams, then reps.

    The organisation's are its own; teams shrink to it; reps to their team, or to it where teams are few (method §2). Figures
    come in blocks of scopes, in order.
    """
    everyone = count_scopes(series, series.index.organization, horizon)
    yield everyone, iter([_pooled_figures(series, horizon)])
    for scopes in (series.index.teams, series.index.reps):
        if len(scopes):
            counts = count_scopes(series, scopes, horizon)
            yield counts, _shrunk_figures(series, counts, horizon)


def _series_rows(series: Series, keyed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of one series; for deals those of last night's windows hold the organisation at every age day."""
    number, is_last_night = keyed["window"].to_numpy(), keyed["is_last_night"].to_numpy()
    horizon = series.longest[:, None]
    if series.unit_kind == DEAL:
        fixed = np.broadcast_to(np.array(HORIZON_DAYS), (horizon.size, len(HORIZON_DAYS)))
        # The longest cycle may be one of the fixed days.
        is_new = ~np.isin(horizon, HORIZON_DAYS)
        is_shown = np.concatenate([np.ones(fixed.shape, dtype=bool), is_new], axis=1)
        horizon = np.concatenate([fixed, horizon], axis=1)
    else:
        is_shown = np.ones(horizon.shape, dtype=bool)
    calendar = Calendar(keyed, number, is_shown)
    for counts, figures in shrunk_scopes(series, horizon):
        by_day = series.unit_kind == DEAL and counts.scopes is series.index.organization
        shown = calendar.part(~is_last_night) if by_day else calendar
        maker, first = row_maker(series, counts, horizon, shown), 0
        for shrunk in figures:
            yield maker.rows(shrunk, first)
            first += len(shrunk.rate)
        if by_day and is_last_night.any():
            yield _every_day_rows(series, calendar.part(is_last_night))


def _every_day_rows(series: Series, calendar: Calendar) -> pl.DataFrame:
    """The organisation's rows at every age day to the longest exit of each window, and HORIZON_DAYS."""
    chosen, number = np.unique(calendar.number, return_inverse=True)
    everyone = everyone_by_age_day(series, chosen)
    ages, exits = everyone.pooled.ages, everyone.pooled.target[0] + everyone.pooled.competing[0]
    horizon = np.broadcast_to(ages, exits.shape)
    is_shown = (ages <= longest_age(exits, ages)[:, None]) | np.isin(ages, HORIZON_DAYS)
    counts = count_scopes(everyone, everyone.index.organization, horizon)
    shown = Calendar(calendar.windows, number, is_shown)
    return row_maker(everyone, counts, horizon, shown).rows(_pooled_figures(everyone, horizon))


def _pooled_figures(series: Series, horizon: IntArray) -> Shrunk:
    place = age_index(series.pooled.ages, horizon)
    rate, variance = pick(series.curve.target, place), pick(series.variance, place)
    units = np.broadcast_to(series.pooled.units[..., None], rate.shape)
    return Shrunk(
        rate=rate,
        still_open=pick(series.curve.still_open, place),
        bounds=(cloglog_interval(rate, variance, units, 0.80), cloglog_interval(rate, variance, units, 0.95)),
    )


def _shrunk_figures(series: Series, counts: ScopeCounts, horizon: IntArray) -> Iterator[Shrunk]:
    team = series.index.parent_team(counts.scopes)
    ratios = exit_ratios(series.pooled, counts.observed, counts.expected, team)
    step = max(1, _BLOCK_ELEMENTS // horizon.size)
    for begin in range(0, len(counts.scopes), step):
        some = ratios.scopes(slice(begin, begin + step))
        shrunk = shrunk_incidence(series.pooled, series.curve, series.variance, some, horizon)
        yield Shrunk(shrunk.rate, shrunk.still_open, (shrunk.interval(0.80), shrunk.interval(0.95)))
