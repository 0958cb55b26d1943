"""Why Revenue Velocity changed: the worked example, exactness, zeros."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from dagster_project.estimate.decomposition import Velocity, decompose_velocity, logarithmic_mean, product

positive = st.floats(0.01, 10_000)
maybe_zero = st.one_of(st.just(0.0), positive)


def test_worked_example() -> None:
    before, after = Velocity(50, 100, 0.20, 60), Velocity(60, 95, 0.23, 50)
    found = decompose_velocity(before, after)
    assert (round(before.per_day, 2), round(after.per_day, 2)) == (16.67, 26.22)
    assert [
        round(value, 3)
        for value in (found.deals, found.average_price, found.win_rate, found.average_cycle_days)
    ] == [
        3.844,
        -1.081,
        2.947,
        3.844,
    ]


@given(
    st.tuples(maybe_zero, maybe_zero, maybe_zero, positive),
    st.tuples(maybe_zero, maybe_zero, maybe_zero, positive),
)
def test_contributions_add_up_to_the_change(
    old: tuple[float, float, float, float], new: tuple[float, float, float, float]
) -> None:
    before, after = Velocity(*old), Velocity(*new)
    change = after.per_day - before.per_day
    # Rounding follows the largest product on the way, not the two ends.
    scale = product(tuple(max(pair) for pair in zip(before.multipliers, after.multipliers, strict=True))) + 1
    assert decompose_velocity(before, after).total == pytest.approx(change, abs=1e-9 * scale)


@given(st.tuples(positive, positive, positive, positive))
def test_no_change_contributes_nothing(factors: tuple[float, float, float, float]) -> None:
    found = decompose_velocity(Velocity(*factors), Velocity(*factors))
    assert found.total == pytest.approx(0, abs=1e-9)


def test_a_factor_that_was_zero_takes_the_whole_change() -> None:
    found = decompose_velocity(Velocity(10, 100, 0.0, 10), Velocity(10, 100, 0.5, 10))
    assert (found.deals, found.average_price, found.win_rate, found.average_cycle_days) == (0, 0, 50, 0)


def test_shapley_shares_between_two_that_grew_from_zero() -> None:
    found = decompose_velocity(Velocity(0, 0, 1, 1), Velocity(4, 5, 1, 1))
    assert (found.deals, found.average_price) == (10, 10)


def test_a_cycle_of_zero_days_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Velocity(1, 1, 1, 0)


def test_logarithmic_mean_of_equals() -> None:
    assert logarithmic_mean(3.0, 3.0) == 3.0


def shapley(before: Velocity, after: Velocity) -> list[float]:
    """Each factor's mean marginal change over all orders in which the four could have changed, order by order."""
    old, new = before.multipliers, after.multipliers
    found = [0.0] * 4
    orders = list(permutations(range(4)))
    for order in orders:
        state = list(old)
        for factor in order:
            was = product((*state,))
            state[factor] = new[factor]
            found[factor] += (product((*state,)) - was) / len(orders)
    return found


def path_integral(before: Velocity, after: Velocity) -> list[float]:
    """∫ (∂RV/∂x) dx while every factor changes at its own steady rate, which is what Divisia's contribution means."""
    old, new = np.array(before.multipliers), np.array(after.multipliers)
    growth = np.log(new / old)
    start = product((*old.tolist(),))
    return [
        quad(lambda t, each=each: start * np.exp(growth.sum() * t) * each, 0, 1)[0]
        for each in growth.tolist()
    ]


def contributions(before: Velocity, after: Velocity) -> list[float]:
    found = decompose_velocity(before, after)
    return [found.deals, found.average_price, found.win_rate, found.average_cycle_days]


level = st.one_of(st.just(0.0), st.floats(0.01, 100))
levels = st.tuples(level, level, st.floats(0.01, 1), st.floats(1, 100))


@given(levels, levels, st.integers(0, 2), st.booleans())
def test_with_a_zero_it_is_shapley_over_every_order(
    old: tuple[float, ...], new: tuple[float, ...], zero: int, is_before: bool
) -> None:
    emptied = [0.0 if place == zero else value for place, value in enumerate(old if is_before else new)]
    before, after = (
        (Velocity(*emptied), Velocity(*new)) if is_before else (Velocity(*old), Velocity(*emptied))
    )
    assert contributions(before, after) == pytest.approx(shapley(before, after), rel=1e-9, abs=1e-6)


above_zero = st.tuples(st.floats(1, 100), st.floats(1, 100), st.floats(0.05, 1), st.floats(1, 100))


@given(above_zero, above_zero)
def test_without_zeros_it_is_the_integral_along_steady_growth(
    old: tuple[float, ...], new: tuple[float, ...]
) -> None:
    before, after = Velocity(*old), Velocity(*new)
    found, expected = contributions(before, after), path_integral(before, after)
    scale = max(before.per_day, after.per_day, 1.0)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8 * scale)


def test_shapley_and_divisia_agree_on_small_changes() -> None:
    before, after = Velocity(50, 100, 0.20, 60), Velocity(51, 99, 0.205, 59)
    assert contributions(before, after) == pytest.approx(shapley(before, after), rel=2e-3)
