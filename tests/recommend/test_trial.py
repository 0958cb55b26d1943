"""The target trial against known truth: a null stays null where the naive comparison does not, an effect comes back."""

from __future__ import annotations

from datetime import date, timedelta
from math import isnan

import numpy as np
import polars as pl
import pytest

from dagster_project.recommend.trial import RiskDifference, risk_difference
from tests.recommend.histories import AS_OF, CELLS, acted_against_not, history, truth

LEFT_ALONE = 7
SEEDS = range(30)


def estimate(rows: pl.DataFrame) -> RiskDifference:
    return risk_difference(rows, as_of_date=AS_OF, trial_days=14, left_alone_days=LEFT_ALONE)


def test_a_planted_null_is_centred_on_zero_where_the_naive_comparison_is_not() -> None:
    histories = [history(2_000, 1.0, seed) for seed in SEEDS]
    found = [estimate(rows) for rows in histories]
    differences = np.array([one.difference for one in found])
    errors = np.array([one.standard_error for one in found])
    naive = np.array([acted_against_not(rows) for rows in histories])
    standard_error_of_mean = differences.std(ddof=1) / np.sqrt(len(differences))
    assert abs(differences.mean()) < 2.5 * standard_error_of_mean
    assert abs(differences.mean()) < 0.01
    assert naive.mean() > 0.05
    covered = (np.abs(differences) < 1.96 * errors).mean()
    assert covered >= 0.86  # nominal .95; 30 draws fall below .86 once in fifty
    assert errors.mean() == pytest.approx(differences.std(ddof=1), rel=0.35)


def test_immortal_time_alone_fools_the_naive_comparison_but_not_the_trial() -> None:
    one_cell = [history(2_000, 1.0, seed).filter(pl.col("cell") == "cell0") for seed in SEEDS]
    naive = np.array([acted_against_not(rows) for rows in one_cell])
    differences = np.array([estimate(rows).difference for rows in one_cell])
    assert abs(naive.mean()) > 3 * naive.std(ddof=1) / np.sqrt(len(naive))
    assert abs(differences.mean()) < 2.5 * differences.std(ddof=1) / np.sqrt(len(differences))


def test_a_planted_effect_is_recovered() -> None:
    effect, random = 2.0, np.random.default_rng(1)
    truths = [truth(cell, effect, LEFT_ALONE, random) for cell in CELLS]
    found = []
    expected = []
    for seed in range(12):
        rows = history(4_000, effect, seed)
        found.append(estimate(rows).difference)
        # Few act on any one day, so a cell weighs about as much as it has acted entries.
        acted = rows.filter(pl.col("acted_date") - pl.col("onset_date") <= pl.duration(days=14))
        counts = acted.group_by("cell").len().sort("cell")["len"].to_numpy()
        expected.append(np.average(truths, weights=counts))
    gaps = np.array(found) - np.array(expected)
    assert np.mean(expected) > 0.04
    assert abs(gaps.mean()) < 2.5 * gaps.std(ddof=1) / np.sqrt(len(gaps)) + 0.005


def test_deals_that_act_later_are_weighted_not_just_dropped() -> None:
    """Ten left alone at k = 0; five act on day 1 and are censored; of the other five two win: 2·2/10 = .4."""
    day = date(2026, 1, 1)
    acted = [0, *[1] * 5, *[None] * 5]
    won = [None, *[None] * 5, 5, 6, *[None] * 3]
    rows = pl.DataFrame(
        {
            "opportunity_id": [f"deal{number}" for number in range(11)],
            "cell": ["one"] * 11,
            "onset_date": [day] * 11,
            "acted_date": [None if days is None else day + timedelta(days) for days in acted],
            "ended_date": [None if days is None else day + timedelta(days) for days in won],
            "won_date": [None if days is None else day + timedelta(days) for days in won],
        }
    )
    found = risk_difference(rows, as_of_date=AS_OF, trial_days=0, left_alone_days=3)
    assert (found.acted, found.left_alone) == (1, 10)
    assert found.difference == pytest.approx(0.0 - 0.4)


def test_days_whose_ninety_days_are_not_over_are_left_out() -> None:
    rows = history(200, 1.0, 1).with_columns(onset_date=pl.lit(AS_OF - timedelta(days=60)))
    found = estimate(rows)
    assert found.acted == found.left_alone == 0
    assert isnan(found.difference)


def test_no_episodes_at_all() -> None:
    assert estimate(history(200, 1.0, 1).clear()).acted == 0


def test_the_result_does_not_depend_on_the_order_of_rows() -> None:
    rows = history(400, 1.5, 3)
    shuffled = estimate(rows.sample(fraction=1.0, shuffle=True, seed=4))
    assert shuffled.difference == pytest.approx(estimate(rows).difference, abs=1e-12)
    assert shuffled.standard_error == pytest.approx(estimate(rows).standard_error, abs=1e-12)
