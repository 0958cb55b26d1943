"""The month shock: a known one is recovered, few months leave it where it was assumed, awkward months do no harm."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dagster_project.log_odds import log_odds_centres
from dagster_project.plan.chances.month_shock import draw_settings, estimated_month_shock
from tests.plan.frames import frame, inputs

ASSUMED = 0.2


def months(shock: float, count: int, deals: int, seed: int = 1, rate: float = 0.2) -> pl.DataFrame:
    """Past months whose shared shock is known, won deal by deal with numpy's own generator."""
    generator = np.random.default_rng(seed)
    chances = generator.beta(20 * rate, 20 * (1 - rate), deals)
    centres = log_odds_centres(chances, np.full(deals, shock))
    rows = []
    for month in range(count):
        log_odds = centres + shock * generator.standard_normal()
        won = int((generator.random(deals) < 1 / (1 + np.exp(-log_odds))).sum())
        rows.append((date(2020, 1, 1) + timedelta(days=31 * month), deals, float(chances.sum()), won))
    return frame("past_months", rows)


@pytest.mark.parametrize("shock", [0.1, 0.2, 0.4, 0.7])
def test_a_known_shock_is_recovered(shock: float) -> None:
    estimates = [estimated_month_shock(months(shock, 60, 2_000, seed), ASSUMED) for seed in range(8)]
    assert np.mean(estimates) == pytest.approx(shock, rel=0.12)


def test_few_months_stay_near_what_was_assumed_and_more_move_away() -> None:
    estimates = [
        np.mean([estimated_month_shock(months(0.6, count, 300, seed), ASSUMED) for seed in range(8)])
        for count in (1, 6, 48)
    ]
    assert ASSUMED < estimates[0] < 0.35
    assert estimates == sorted(estimates)
    assert estimates[-1] > 0.5


def test_months_of_a_few_deals_say_little() -> None:
    assert estimated_month_shock(months(0.0, 12, 8), ASSUMED) == pytest.approx(ASSUMED, abs=0.07)


def test_no_months_is_the_assumption() -> None:
    assert estimated_month_shock(months(0.3, 0, 10), ASSUMED) == ASSUMED


def test_a_shock_set_to_zero_stays_zero() -> None:
    assert estimated_month_shock(months(0.5, 24, 500), 0.0) == 0.0


def test_months_that_say_nothing_are_left_out() -> None:
    day = date(2026, 1, 31)
    silent = frame(
        "past_months", [(day, 0, 0.0, 0), (day, 5, 0.0, 0), (day, 3, 3.0, 3), (day, 40, 12.0, None)]
    )
    assert estimated_month_shock(silent, ASSUMED) == ASSUMED


def test_more_won_than_were_open_counts_as_all_of_them() -> None:
    assert np.isfinite(
        estimated_month_shock(frame("past_months", [(date(2026, 1, 31), 20, 5.0, 25)]), ASSUMED)
    )


def test_the_plan_draws_with_it() -> None:
    wild = draw_settings(inputs(past_months=months(0.8, 48, 1_000)))
    assert wild.month_shock > 0.6
    assert draw_settings(inputs()).month_shock == ASSUMED
