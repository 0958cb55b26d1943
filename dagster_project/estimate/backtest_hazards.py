"""Our own chances as of a month's start: hazards by stage and age in it, or by age of the deal alone (method §2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import divide
from dagster_project.estimate.backtest_past import deals_known
from dagster_project.estimate.backtest_scores import OWN_METHOD, Guess
from dagster_project.estimate.hazard_candidates import CANDIDATES, Hazards
from dagster_project.estimate.incidence import aalen_johansen
from dagster_project.estimate.lexis import Windows, every_age, window_counts
from dagster_project.estimate.past_exits import WINDOW_DAYS, ExitsAsOf
from dagster_project.estimate.unit_counts import DEAL, day_numbers, units_of
from dagster_project.estimate.win_ahead import chances_of, win_probabilities

_DRAWS = 16


def hazard_guesses(exits: ExitsAsOf, deals: pl.DataFrame, as_of: date, end: date) -> Iterator[Guess]:
    """P(won by `end`) of each open deal by each window × calendar among which the nights choose."""
    today, last = day_number(as_of), np.array([day_number(end)])
    hazards, stage_row = Hazards(exits), exits.rows_of(deals["stage_name"])
    age = deals["stage_age_days"].cast(pl.Int64).to_numpy()
    for choice in CANDIDATES:
        (probability,), drawn = (
            chances_of(win_probabilities(hazards.by_month(choice, draws), today, last), stage_row, age)[
                ..., 0
            ]
            for draws in (0, _DRAWS)
        )
        yield Guess(OWN_METHOD, probability, choice.window_name, choice.calendar, drawn)


def age_only(known: pl.DataFrame, deals: pl.DataFrame, as_of: date, end: date) -> Iterator[Guess]:
    """P(won by `end` | open at this age) from the deals' own Aalen–Johansen curve, one per window; no calendar."""
    table = deals_known(known)
    units = units_of(table, np.zeros(table.height, dtype=np.int64), DEAL)
    age = deals["deal_age_days"].cast(pl.Int64).to_numpy()
    ahead = (end - as_of).days
    ages = every_age(max(int(age.max()), int(units.age.max())) + ahead)
    counts = window_counts(units, _windows(known, day_number(as_of)), 1, ages)
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    for window, window_name in enumerate(WINDOW_DAYS):
        won, still_open = curve.target[0, window], curve.still_open[0, window]
        yield Guess("age_only", divide(won[age + ahead] - won[age], still_open[age]), window_name, "none")


def _windows(known: pl.DataFrame, today: int) -> Windows:
    """Those of WINDOW_DAYS, none before the first close."""
    closes = known.filter(pl.col("exit_name").is_in(("won", "lost")))
    first = int(day_numbers(closes["last_date"]).min()) - 1
    begin = [max(today - days, first) for days in WINDOW_DAYS.values()]
    return Windows(np.array(begin), np.full(len(begin), today))


def day_number(value: date) -> int:
    """Days since 1970-01-01."""
    return int(day_numbers(pl.Series([value]))[0])
