"""Exact chances: every cell of the table in method §5, and brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.plan.chances.probability import (
    KnownRate,
    RateByDaysLeft,
    UncertainRate,
    WonFromNew,
    beta_binomial,
    binomial,
    chance_of_at_least,
    fewest_meetings,
    poisson_binomial,
    spread_over_days,
)

IN_FLIGHT = [0.6] * 3 + [0.35] * 5 + [0.15] * 8
TABLE: list[tuple[WonFromNew, list[float], tuple[int, int, int]]] = [
    (KnownRate(0.20), [], (49, 61, 69)),
    (UncertainRate(10, 40), [], (49, 70, 85)),
    (KnownRate(0.20), IN_FLIGHT, (25, 37, 44)),
    (UncertainRate(10, 40), IN_FLIGHT, (25, 40, 51)),
    (KnownRate(1 / 30), [], (290, 374, 424)),
]
CELLS = [
    pytest.param(new, open_deals, chance, fewest, id=f"{new}-{len(open_deals)}-in-flight-{chance}")
    for new, open_deals, row in TABLE
    for chance, fewest in zip((0.5, 0.8, 0.9), row, strict=True)
]


@pytest.mark.parametrize(("new", "open_deals", "chance", "fewest"), CELLS)
def test_table_of_method_section_5(
    new: WonFromNew, open_deals: list[float], chance: float, fewest: int
) -> None:
    assert fewest_meetings(10, chance, new, poisson_binomial(open_deals)) == fewest


def test_the_plain_tree_is_a_coin_flip() -> None:
    assert chance_of_at_least(10, np.ones(1), binomial(50, 0.20)) == pytest.approx(0.556, abs=5e-4)


def test_insuring_a_team_of_ten_needs_537_where_insuring_each_needs_610() -> None:
    assert fewest_meetings(100, 0.8, KnownRate(0.20)) == 537
    alone = fewest_meetings(10, 0.8, KnownRate(0.20))
    assert alone is not None
    assert 10 * alone == 610


@given(st.lists(st.floats(0, 1), max_size=9))
def test_poisson_binomial_equals_enumeration(chances: list[float]) -> None:
    enumerated = np.zeros(len(chances) + 1)
    for outcome in product((0, 1), repeat=len(chances)):
        weight = np.prod([p if won else 1 - p for p, won in zip(chances, outcome, strict=True)])
        enumerated[sum(outcome)] += weight
    assert poisson_binomial(chances) == pytest.approx(enumerated, abs=1e-12)


def test_poisson_binomial_of_thousands_of_equal_deals_is_binomial() -> None:
    assert poisson_binomial(np.full(3_000, 0.07)) == pytest.approx(binomial(3_000, 0.07), abs=1e-12)


@pytest.mark.parametrize("chance", [-0.01, 1.01, float("inf")])
def test_a_chance_outside_0_to_1_is_refused(chance: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        poisson_binomial([0.5, chance])


def test_distributions_agree_with_scipy() -> None:
    from scipy.stats import betabinom, binom

    won = np.arange(41)
    assert binomial(40, 0.3) == pytest.approx(binom.pmf(won, 40, 0.3), abs=1e-13)
    assert beta_binomial(40, 2.5, 7) == pytest.approx(betabinom.pmf(won, 40, 2.5, 7), abs=1e-13)
    assert binomial(3, 0.0, 5).tolist() == [1, 0, 0, 0, 0]


def test_brute_force_agrees_with_the_exact_chance() -> None:
    draws = 200_000
    rates = [0.30, 0.22, 0.15, 0.08, 0.02]
    meetings = np.asarray(rates)[spread_over_days(23, len(rates))]
    chances = np.concatenate([IN_FLIGHT, meetings])
    generator = np.random.default_rng(8)
    won = sum((generator.random(draws) < chance).astype(int) for chance in chances)
    exact = chance_of_at_least(8, poisson_binomial(IN_FLIGHT), RateByDaysLeft(tuple(rates))(23, 8))
    assert np.mean(won >= 8) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / draws))


@given(st.integers(0, 12), st.floats(0.05, 0.95), st.floats(0.05, 0.6), st.lists(st.floats(0, 1), max_size=6))
def test_fewest_meetings_is_enough_and_one_fewer_is_not(
    needed: int, chance: float, rate: float, open_deals: list[float]
) -> None:
    in_flight = poisson_binomial(open_deals)
    fewest = fewest_meetings(needed, chance, KnownRate(rate), in_flight)
    assert fewest is not None
    assert chance_of_at_least(needed, in_flight, binomial(fewest, rate)) >= chance
    if fewest > 0:
        assert chance_of_at_least(needed, in_flight, binomial(fewest - 1, rate)) < chance


def test_out_of_reach_is_none_and_never_an_endless_search() -> None:
    assert fewest_meetings(5, 0.8, KnownRate(0.0), most=1_000) is None
    assert fewest_meetings(200, 0.8, KnownRate(0.5), most=100) is None


def test_nothing_needed_is_certain() -> None:
    assert chance_of_at_least(0, np.ones(1), np.zeros(0)) == 1.0
    assert fewest_meetings(0, 0.9, KnownRate(0.2)) == 0


@given(st.integers(1, 400), st.integers(1, 23))
def test_any_first_meetings_are_spread_evenly_over_the_days(meetings: int, days: int) -> None:
    counts = np.bincount(spread_over_days(meetings, days), minlength=days)
    assert counts.max() - counts.min() <= 1
