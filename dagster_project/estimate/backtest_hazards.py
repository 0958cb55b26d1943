"""Our own chances as of a month's start: hazards by stage and age in it, or by age of the deal alone (method §2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, divide
from dagster_project.estimate.backtest_past import deals_known
from dagster_project.estimate.backtest_scores import OWN_METHOD, Guess
from dagster_project.estimate.calendar_factor import calendar_factor_table, month_of_quarter
from dagster_project.estimate.incidence import aalen_johansen
from dagster_project.estimate.lexis import Windows, every_age, window_counts
from dagster_project.estimate.month_hazards import month_exits, month_intensities
from dagster_project.estimate.stage_hazards import stage_exits_by_window, stage_intensities
from dagster_project.estimate.unit_counts import DEAL, day_numbers, units_of
from dagster_project.estimate.win_ahead import calendar_draws, pooling_windows, positions, win_probabilities

# Shorter ones give nonsense (method §2): they hold no whole month of each kind.
WINDOW_DAYS = {"90d": 90, "180d": 180, "365d": 365, "all": 1_000_000}
_DRAWS = 16
_SALT = "backtest"


def hazard_guesses(known: pl.DataFrame, deals: pl.DataFrame, as_of: date, end: date) -> Iterator[Guess]:
    """P(won by `end`) of each open deal by window × calendar: none, one factor per month of quarter, or age × month.

    Hazards by stage and age in it, as `win_ahead_table` has them.
    """
    today, last = _day(as_of), np.array([_day(end)])
    kind = int(month_of_quarter(last)[0])
    table = calendar_factor_table(known)
    factors, drawn_factors = calendar_draws(table, 0), calendar_draws(table, _DRAWS)
    windows = _windows(known, today)
    every_month = stage_exits_by_window(known, windows)
    stages = every_month[0].stages
    this_month = month_exits(known, stages, Windows(windows.from_day[:-1], windows.to_day[:-1]), kind)

    def chances(intensity: FloatArray, factor: FloatArray) -> FloatArray:
        stage, age = positions(deals, stages, intensity.shape[2])
        return win_probabilities(intensity, factor, today, last)[:, stage, age, 0]

    for window_name, counts, of_kind in zip(WINDOW_DAYS, every_month, this_month, strict=True):
        pooled = stage_intensities(counts)
        own = month_intensities(pooled, of_kind)
        middle, drawn = pooled.mean(), pooled.drawn(_SALT, _DRAWS)
        ways = (
            ("none", middle, drawn, np.ones_like(factors), np.ones_like(drawn_factors)),
            ("factor", middle, drawn, factors, drawn_factors),
            (
                "age_and_month",
                own.mean(),
                own.drawn(_SALT, _DRAWS),
                np.ones_like(factors),
                np.ones_like(drawn_factors),
            ),
        )
        for calendar, hazard, drawn_hazard, factor, drawn_factor in ways:
            (probability,) = chances(hazard, factor)
            yield Guess(OWN_METHOD, probability, window_name, calendar, chances(drawn_hazard, drawn_factor))


def age_only(known: pl.DataFrame, deals: pl.DataFrame, as_of: date, end: date) -> Iterator[Guess]:
    """P(won by `end` | open at this age) from the deals' own Aalen–Johansen curve, one per window; no calendar."""
    table = deals_known(known)
    units = units_of(table, np.zeros(table.height, dtype=np.int64), DEAL)
    age = deals["deal_age_days"].cast(pl.Int64).to_numpy()
    ahead = (end - as_of).days
    ages = every_age(max(int(age.max()), int(units.age.max())) + ahead)
    counts = window_counts(units, _windows(known, _day(as_of)), 1, ages)
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    for window, window_name in enumerate(WINDOW_DAYS):
        won, still_open = curve.target[0, window], curve.still_open[0, window]
        yield Guess("age_only", divide(won[age + ahead] - won[age], still_open[age]), window_name, "none")


def _windows(known: pl.DataFrame, today: int) -> Windows:
    """Those of WINDOW_DAYS in order, then all time since the first close."""
    each = [pooling_windows(known, today, days) for days in WINDOW_DAYS.values()]
    begin = [*(int(window.from_day[0]) for window in each), int(each[0].from_day[1])]
    return Windows(np.array(begin), np.full(len(begin), today))


def _day(value: date) -> int:
    return int(day_numbers(pl.Series([value]))[0])
