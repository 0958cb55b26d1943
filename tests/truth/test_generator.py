"""The generator of organisations against its own expectation, and that against formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.truth.expectation import expected_counts, rolling_spans, scopes, true_curves
from tests.truth.lifts import money_a_day, true_lifts
from tests.truth.measured import HORIZONS
from tests.truth.organization import BACK, DAYS, FORWARD, LOST, OLDEST_AGE, Organization, simulate
from tests.truth.worlds import deals_organization, funnel_organization, with_stage_changed

SPANS = rolling_spans(90, 365)


def constant(win: float, loss: float) -> Organization:
    """One rep, hazards that never change."""
    hazards = np.zeros((3, 1, OLDEST_AGE))
    hazards[FORWARD], hazards[LOST] = win, loss
    one = np.zeros(1, dtype=np.int64)
    return Organization(
        hazards=hazards,
        calendar=np.ones((3, 3)),
        factor=np.ones((3, 1, 1)),
        intake=np.ones(1),
        growth=0.0,
        team=one,
        rep=one,
        price=np.ones(1),
    )


@pytest.mark.parametrize("growth", [0.0, 0.1])
def test_constant_hazards_have_the_formula_s_incidence(growth: float) -> None:
    win, loss = 0.012, 0.010
    expected = expected_counts(replace(constant(win, loss), growth=growth), SPANS)
    curve = true_curves(expected, np.ones((1, 1), dtype=np.int64))[:, 0]
    age = np.arange(OLDEST_AGE)
    formula = win / (win + loss) * -np.expm1(-(win + loss) * (age + 1))
    np.testing.assert_allclose(curve, np.broadcast_to(formula, curve.shape), atol=1e-9)


def test_exits_of_a_large_history_are_the_expected_ones() -> None:
    random = np.random.default_rng(5)
    organization = funnel_organization(random, np.array([0.1, 0.5, 0.2]), lost_spread=0.2)
    times = 10.0
    spells, expected = simulate(organization, random, times), expected_counts(organization, SPANS)
    inside = spells.last > SPANS[1][1]
    for stage in range(organization.stages):
        for cause in (FORWARD, LOST, BACK):
            seen = (inside & (spells.stage == stage) & (spells.exit == cause)).sum()
            due = expected.exits[cause, 1, :, stage].sum() * times
            assert abs(seen - due) < 4 * np.sqrt(due + 1)


def test_curves_of_a_large_history_are_the_expected_ones() -> None:
    random = np.random.default_rng(6)
    organization = deals_organization(random, teams=2, reps_per_team=3, spread=0.4)
    spells = simulate(organization, random, times=20.0)
    expected = expected_counts(organization, SPANS)
    named = scopes(organization)
    curves = true_curves(expected, np.stack([members for _, _, members in named]))
    # Deals of the first half are watched to the end: their share won by an age needs no estimator.
    ripe = spells.start < DAYS - OLDEST_AGE
    age = spells.last - spells.start
    won = (spells.exit == FORWARD) & ripe
    steady = expected_counts(replace(organization, calendar=np.ones((3, 3))), SPANS)
    flat = true_curves(steady, named[0][2][None])[1, 0]
    for horizon in HORIZONS:
        share = (won & (age <= horizon)).sum() / ripe.sum()
        assert curves[1, 0, horizon] == pytest.approx(share, abs=0.02)
        assert curves[1, 0, horizon] == pytest.approx(flat[horizon], abs=0.02)


def test_the_true_lift_is_what_a_rerun_of_the_generator_brings() -> None:
    """The long run's lift against two literal reruns with fifteen times the intake, one with the stage changed."""
    random = np.random.default_rng(7)
    organization = funnel_organization(random, np.array([0.05, 0.5, 0.05]), growth=0.0)
    quartile = float(np.quantile(organization.factor[FORWARD, :, 1], 0.75))
    changed = with_stage_changed(organization, 1, quartile)
    times, days = 15.0, 250
    money = []
    for each in (organization, changed):
        spells = simulate(each, np.random.default_rng(8), times)
        wins = (spells.exit == FORWARD) & (spells.stage == 2) & (spells.last >= DAYS - days)
        money.append(wins.sum() * 1000.0 / days / times)
    assert money[0] == pytest.approx(money_a_day(organization), rel=0.02)
    assert money[1] - money[0] == pytest.approx(true_lifts(organization)[1], rel=0.25)
