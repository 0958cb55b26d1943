"""Several months at once: against exact sums, brute force with numpy's own generator, and cases by name."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.plan.chances.months_ahead import MonthsAhead, fewest_meetings_by_month
from dagster_project.plan.chances.next_months import months_planned_together
from dagster_project.plan.chances.probability import (
    KnownRate,
    binomial,
    chance_of_at_least,
    fewest_meetings,
    poisson_binomial,
)
from dagster_project.plan.chances.won_later import OpenWins, circle_for, meetings_product, open_products

IN_FLIGHT = [0.6] * 3 + [0.35] * 5 + [0.15] * 8


def ahead(
    needed: Any, won_in_month: Any, limits: Any, chance: float = 0.8, deals: OpenWins | None = None
) -> MonthsAhead:
    """One rep."""
    months = len(needed)
    none = OpenWins(np.zeros(0, dtype=np.int64), np.zeros((0, months)), np.zeros(0))
    return MonthsAhead(
        np.array([needed]),
        np.array([won_in_month], dtype=float),
        np.repeat(np.array([limits])[:, :, None], months, axis=2),
        np.full((1, months), chance),
        none if deals is None else deals,
    )


@given(
    st.lists(st.floats(0, 1), max_size=12),
    st.integers(0, 40),
    st.floats(0, 1),
    st.integers(0, 30),
)
def test_generating_functions_equal_exact_sums(
    open_chances: list[float], meetings: int, rate: float, needed: int
) -> None:
    circle = circle_for(30)
    deals = OpenWins(
        np.zeros(len(open_chances), dtype=np.int64),
        np.array(open_chances)[:, None],
        np.ones(len(open_chances)),
    )
    product = open_products(deals, 1, circle)[:, 0] * meetings_product(
        np.array([meetings]), np.array([rate]), circle
    )
    exact = chance_of_at_least(needed, poisson_binomial(open_chances), binomial(meetings, rate))
    assert circle.chance_of_at_least(np.array([needed]), product)[0] == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(("chance", "fewest"), [(0.5, (49, 25)), (0.8, (61, 37)), (0.9, (69, 44))])
def test_one_month_is_the_table_of_method_section_5(chance: float, fewest: tuple[int, int]) -> None:
    """Two reps at once: without open deals and with the sixteen of the table."""
    deals = OpenWins(np.ones(16, dtype=np.int64), np.array(IN_FLIGHT)[:, None], np.ones(16))
    two = MonthsAhead(
        np.full((2, 1), 10), np.full((2, 1, 1), 0.2), np.full((2, 1, 1), 500), np.full((2, 1), chance), deals
    )
    assert fewest_meetings_by_month(two).meetings[:, 0].tolist() == list(fewest)


# Won in the month they are held, the next one and the one after: a cycle of more than a month.
SLOW = [[0.03, 0.10, 0.07], [0.0, 0.03, 0.10], [0.0, 0.0, 0.03]]


def test_meetings_of_this_month_make_the_next_months() -> None:
    found = fewest_meetings_by_month(ahead([0, 10, 10], SLOW, [200, 60, 60]))
    first, second, third = found.meetings[0].tolist()
    # The second month's own sixty bring two; the rest must come from the first month's.
    assert first > 80
    assert (found.chance[0] >= 0.8).all()
    for month in range(3):
        fewer = found.meetings.copy()
        fewer[0, month] -= 1
        fewer[0, month + 1 :] = [200, 60, 60][month + 1 :]
        assert found.meetings[0, month] == 0 or min(_exact_chances(fewer[0])[month:]) < 0.8, month
    assert (second, third) == tuple(np.minimum((second, third), 60))


def _exact_chances(meetings: np.ndarray) -> list[float]:
    chances = []
    for month, needed in enumerate((0, 10, 10)):
        won = np.ones(1)
        for t, held in enumerate(meetings.tolist()):
            won = np.convolve(won, binomial(held, SLOW[t][month]))
        chances.append(float(won[needed:].sum()))
    return chances


def test_chances_of_every_month_agree_with_brute_force() -> None:
    generator = np.random.default_rng(11)
    deals = 30
    by_month = generator.dirichlet([1, 1, 1, 5], deals)[:, :3]
    sizes = generator.choice([0.5, 1.0, 1.7, 3.0], deals)
    found = fewest_meetings_by_month(
        ahead([6, 9, 8], SLOW, [300, 40, 40], 0.7, OpenWins(np.zeros(deals, dtype=np.int64), by_month, sizes))
    )
    draws = 60_000
    won = np.zeros((draws, 3))
    for chances, size in zip(by_month, sizes, strict=True):
        # Each deal is won in one month at most; a size of 1.7 is 1 or 2, 1.7 in the mean.
        month = (generator.random(draws)[:, None] > np.cumsum(chances)).sum(axis=1)
        whole = np.floor(size) + (generator.random(draws) < size - np.floor(size))
        for j in range(3):
            won[:, j] += (month == j) * whole
    for t, held in enumerate(found.meetings[0].tolist()):
        months = (generator.random((draws, held, 1)) > np.cumsum(SLOW[t])).sum(axis=2)
        for j in range(3):
            won[:, j] += (months == j).sum(axis=1)
    for j, needed in enumerate((6, 9, 8)):
        brute = np.mean(won[:, j] >= needed)
        error = 4 * np.sqrt(brute * (1 - brute) / draws)
        assert found.chance[0, j] == pytest.approx(brute, abs=error)


def test_out_of_reach_holds_all_that_may_be_held() -> None:
    found = fewest_meetings_by_month(ahead([0, 50], [[0.1, 0.1], [0.0, 0.1]], [20, 30]))
    assert found.meetings.tolist() == [[20, 30]]
    assert found.chance[0, 1] < 0.01


def test_a_month_that_this_one_cannot_help_asks_no_more_than_its_own_limit() -> None:
    given = ahead([0, 10, 10], [[0.0, 0.0, 0.2], [0, 0, 0], [0, 0, 0]], [90, 0, 0], 0.5)
    given.limits[0, 0] = [90, 20, 90]
    assert fewest_meetings_by_month(given).meetings[0, 0] == 49


def test_nothing_needed_asks_for_nothing() -> None:
    found = fewest_meetings_by_month(ahead([0, 0], [[0.1, 0.1], [0.0, 0.1]], [20, 30]))
    assert found.meetings.tolist() == [[0, 0]]


@pytest.mark.parametrize(("chance", "error"), [(0.5, 0.005), (0.8, 0.05)])
def test_a_need_of_thousands_is_counted_in_larger_units(chance: float, error: float) -> None:
    found = fewest_meetings_by_month(ahead([5_000], [[0.2]], [100_000], chance))
    exact = fewest_meetings(5_000, chance, KnownRate(0.2))
    assert exact is not None
    assert found.meetings[0, 0] == pytest.approx(exact, rel=error)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 60), st.floats(0.3, 0.9))
def test_a_richer_pipeline_never_asks_for_more(first: int, second: int, limit: int, chance: float) -> None:
    deals = OpenWins(np.zeros(5, dtype=np.int64), np.full((5, 2), 0.2), np.ones(5))
    rates = [[0.1, 0.1], [0.0, 0.1]]
    without = fewest_meetings_by_month(ahead([first, second], rates, [limit, limit], chance))
    beside = fewest_meetings_by_month(ahead([first, second], rates, [limit, limit], chance, deals))
    assert beside.meetings[0, 0] <= without.meetings[0, 0]


def test_months_are_as_many_as_the_cycle_needs() -> None:
    at_once, a_month, slow = np.ones(250), np.minimum(np.arange(250) / 40, 1), np.arange(250) / 2_000
    february = date(2027, 2, 28)
    assert months_planned_together(february, at_once) == [february]
    assert months_planned_together(february, a_month) == [february, date(2027, 3, 31), date(2027, 4, 30)]
    assert len(months_planned_together(february, slow)) == 6
