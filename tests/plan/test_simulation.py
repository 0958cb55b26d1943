"""Months drawn by hash: repeatable, unbiased, and in agreement with exact chances and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.draws import hashed_key, stratified_normals, uniform_block
from dagster_project.log_odds import DrawSettings, log_odds_centres
from dagster_project.plan.chances.probability import (
    RateByDaysLeft,
    chance_of_at_least,
    poisson_binomial,
    spread_over_days,
)
from dagster_project.plan.chances.simulation import (
    NewMeetings,
    OpenDeals,
    Outcomes,
    chance_of_amount,
    draw_outcomes,
    insured_meetings,
    month_draws,
)

CERTAIN_COEFFICIENTS = DrawSettings(draws=20_000, month_shock=0.0)
CHANCES = np.array([0.6] * 3 + [0.35] * 5 + [0.15] * 8)
IN_FLIGHT = CHANCES.tolist()
DAY_RATES = (0.30, 0.25, 0.20, 0.12, 0.05)


def _drawn(
    settings: DrawSettings,
    *,
    spread: float = 0.0,
    shared_spread: float = 0.0,
    own_spread_of_open: float = 0.0,
    amounts: np.ndarray | None = None,
    sizes: tuple[float, ...] = (1.0,),
    meetings: int = 40,
    rep: str = "rep",
) -> Outcomes:
    deals = OpenDeals(
        CHANCES,
        np.full(len(CHANCES), 1.0) if amounts is None else amounts,
        np.full(len(CHANCES), shared_spread),
        own_spread_of_open,
    )
    new = NewMeetings(np.asarray(DAY_RATES), spread, 1.0, np.asarray(sizes), shared_spread)
    return draw_outcomes((rep,), deals, new, meetings, month_draws(settings, "2026-11"), settings)


def test_uniforms_are_uniform_and_the_same_every_time() -> None:
    drawn = uniform_block(hashed_key("salt", "key"), (1_000, 100))
    assert drawn.min() > 0.0
    assert drawn.max() < 1.0
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert ((counts - 5_000) ** 2 / 5_000).sum() < 43.8  # χ² on 19, p = .001
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.015
    assert uniform_block(hashed_key("salt", "key"), (1,))[0] == drawn[0, 0]


def test_draws_of_another_salt_or_key_differ() -> None:
    keys = {hashed_key("a", "bc"), hashed_key("ab", "c"), hashed_key("a", "b", "c"), hashed_key("b", "bc")}
    assert len(keys) == 4


def test_stratified_normals_have_mean_zero_and_variance_one() -> None:
    drawn = stratified_normals(7, 1_024)
    assert drawn.mean() == pytest.approx(0.0, abs=1e-12)
    assert drawn.std() == pytest.approx(1.0, abs=0.01)


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0, 1.5)), min_size=1, max_size=20))
def test_uncertain_log_odds_keep_each_chance_its_mean(pairs: list[tuple[float, float]]) -> None:
    chances, spreads = (np.array(column) for column in zip(*pairs, strict=True))
    centres = log_odds_centres(chances, spreads)
    normals = stratified_normals(1, 4_001)
    means = (1 / (1 + np.exp(-(centres[:, None] + spreads[:, None] * normals)))).mean(axis=1)
    assert means == pytest.approx(chances, abs=2e-3)


def test_certain_and_impossible_deals_stay_so() -> None:
    deals = OpenDeals(np.array([0.0, 1.0]), np.array([100.0, 7.0]), np.array([0.5, 0.5]))
    settings = DrawSettings(draws=2_000)
    new = NewMeetings(np.zeros(0), 0.5, 1.0, np.ones(1))
    drawn = draw_outcomes(("r",), deals, new, 10, month_draws(settings, "m"), settings)
    assert set(drawn.amounts(10)) == {7.0}


@pytest.mark.parametrize("needed", [5, 8, 11, 14])
def test_equal_amounts_agree_with_the_exact_chance(needed: int) -> None:
    drawn = _drawn(CERTAIN_COEFFICIENTS)
    for meetings in (0, 17, 40):
        exact = chance_of_at_least(
            needed, poisson_binomial(CHANCES), RateByDaysLeft(DAY_RATES)(meetings, needed)
        )
        error = 4 * np.sqrt(max(exact * (1 - exact), 1e-4) / CERTAIN_COEFFICIENTS.draws)
        assert chance_of_amount(drawn.amounts(meetings), needed) == pytest.approx(exact, abs=error)


def test_the_general_case_agrees_with_brute_force() -> None:
    """Unequal amounts, rates by days left, open deals, errors shared and own, a month shock."""
    settings, sizes = DrawSettings(draws=20_000, month_shock=0.3), (0.2, 0.5, 2.3)
    shared, all_in_all, own_of_open = 0.25, 0.4, 0.2
    amounts = np.linspace(0.2, 3.0, len(CHANCES))
    drawn = _drawn(
        settings,
        spread=all_in_all,
        shared_spread=shared,
        own_spread_of_open=own_of_open,
        amounts=amounts,
        sizes=sizes,
        meetings=30,
    )
    # Written out deal by deal with numpy's own generator, as little like the module as can be.
    generator = np.random.default_rng(5)
    draws = 200_000
    shock, error, own = (generator.normal(0, 1, draws) for _ in range(3))
    own_of_new = (all_in_all**2 - shared**2) ** 0.5
    money = np.zeros(draws)
    new_rates = np.asarray(DAY_RATES)[spread_over_days(30, len(DAY_RATES))]
    for place, chance in enumerate([*CHANCES, *new_rates]):
        is_open = place < len(CHANCES)
        moved = 0.3 * shock + shared * error + (own_of_open if is_open else own_of_new) * own
        won = generator.random(draws) < 1 / (1 + np.exp(-(_centre_by_bisection(chance, moved) + moved)))
        money += won * (amounts[place] if is_open else generator.choice(sizes, draws))
    for target in (5.0, 9.0, 13.0, 18.0):
        brute = np.mean(money >= target)
        error_of_both = 4 * np.sqrt(brute * (1 - brute) * (1 / draws + 1 / settings.draws))
        assert chance_of_amount(drawn.amounts(30), target) == pytest.approx(brute, abs=error_of_both)


def _centre_by_bisection(chance: float, moved: np.ndarray) -> float:
    """The centre that keeps the chance its mean, found on the brute force's own draws."""
    low, high, some = -12.0, 12.0, moved[:20_000]
    for _ in range(40):
        middle = (low + high) / 2
        is_low = (1 / (1 + np.exp(-(middle + some)))).mean() < chance
        low, high = (middle, high) if is_low else (low, middle)
    return (low + high) / 2


def test_shared_uncertainty_widens_what_a_month_brings() -> None:
    narrow, wide = (
        _drawn(CERTAIN_COEFFICIENTS),
        _drawn(DrawSettings(draws=20_000, month_shock=0.5), spread=0.5, own_spread_of_open=0.5),
    )
    assert wide.amounts(40).mean() == pytest.approx(narrow.amounts(40).mean(), rel=0.02)
    assert wide.amounts(40).std() > 1.3 * narrow.amounts(40).std()


def test_what_is_shared_moves_reps_together_and_what_is_own_does_not() -> None:
    def together(settings: DrawSettings, **spreads: float) -> float:
        one, other = (_drawn(settings, rep=rep, **spreads) for rep in ("one", "other"))  # type: ignore[arg-type]
        return float(np.corrcoef(one.amounts(40), other.amounts(40))[0, 1])

    assert together(DrawSettings(draws=20_000, month_shock=1.0)) > 0.3
    assert together(CERTAIN_COEFFICIENTS, spread=1.0, shared_spread=1.0) > 0.3
    assert abs(together(CERTAIN_COEFFICIENTS, spread=1.0, own_spread_of_open=1.0)) < 0.03


def test_the_same_key_draws_the_same_month() -> None:
    first, again = (_drawn(DrawSettings(draws=512), spread=0.3) for _ in range(2))
    assert np.array_equal(first.from_new, again.from_new)
    assert np.array_equal(first.from_open, again.from_open)


def test_a_team_of_ten_is_insured_with_about_537_meetings() -> None:
    settings = DrawSettings(draws=4_096, month_shock=0.0)
    shared = month_draws(settings, "m")
    none = OpenDeals(np.zeros(0), np.zeros(0), np.zeros(0))
    new = NewMeetings(np.array([0.2]), 0.0, 100_000.0, np.ones(1))
    team = [draw_outcomes((f"r{n}",), none, new, 120, shared, settings) for n in range(10)]
    most, shares = np.full(10, 120), np.full(10, 50)
    allocated = insured_meetings(team, shares, most, 10_000_000.0, 0.8)
    assert allocated is not None
    assert allocated.sum() == pytest.approx(537, abs=8)
    assert allocated.max() - allocated.min() <= 1


@pytest.mark.parametrize(
    ("spread", "open_deals", "fewest"),
    [(0.0, [], (61, 69)), (0.354, [], (70, 85)), (0.0, IN_FLIGHT, (37, 44)), (0.354, IN_FLIGHT, (40, 51))],
    ids=["known", "Beta(10, 40)", "known, 16 in flight", "Beta(10, 40), 16 in flight"],
)
def test_drawn_insurance_agrees_with_the_exact_table_of_method_section_5(
    spread: float, open_deals: list[float], fewest: tuple[int, int]
) -> None:
    settings = DrawSettings(draws=16_384, month_shock=0.0)
    none = np.zeros(len(open_deals))
    deals = OpenDeals(np.array(open_deals), none + 1.0, none)
    new = NewMeetings(np.array([0.2]), spread, 1.0, np.ones(1))
    drawn = draw_outcomes(("r",), deals, new, 120, month_draws(settings, "m"), settings)
    for chance, exact in zip((0.8, 0.9), fewest, strict=True):
        allocated = insured_meetings([drawn], np.array([1]), np.array([120]), 10.0, chance)
        assert allocated is not None
        # A beta and a normal on the log-odds of the same mean and spread differ in their tails.
        assert allocated[0] == pytest.approx(exact, abs=1 if spread == 0 else 4)


def test_insurance_out_of_reach_is_none() -> None:
    drawn = _drawn(CERTAIN_COEFFICIENTS, meetings=5)
    assert insured_meetings([drawn], np.array([1]), np.array([5]), 1_000.0, 0.8) is None


def test_insurance_of_a_team_already_sure_asks_for_nothing() -> None:
    drawn = _drawn(CERTAIN_COEFFICIENTS, meetings=5)
    allocated = insured_meetings([drawn], np.array([1]), np.array([5]), -10.0, 0.8)
    assert allocated is not None
    assert allocated.tolist() == [0]
