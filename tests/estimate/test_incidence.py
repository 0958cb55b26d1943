"""Aalen–Johansen with delayed entry: against the definition, other programs, and known hazards."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.estimate.incidence import (
    aalen_johansen,
    aalen_variance,
    cloglog_interval,
    incidence_of,
    intensities,
)
from dagster_project.estimate.lexis import (
    COMPETING,
    STILL_OPEN,
    TARGET,
    Units,
    Windows,
    every_age,
    exit_ages,
    window_counts,
)
from dagster_project.estimate.scope_counts import age_index
from tests.estimate.histories import (
    Deal,
    naive_counts,
    naive_incidence,
    one_window,
    simulated_deals,
    units_of_deals,
)

histories = st.lists(
    st.builds(
        lambda start, age, kind: Deal(start, start + age, kind),
        st.integers(0, 40),
        st.integers(0, 30),
        st.sampled_from([STILL_OPEN, TARGET, COMPETING]),
    ),
    min_size=1,
    max_size=40,
)
windows = st.tuples(st.integers(-5, 60), st.integers(1, 40)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=200, deadline=None)
@given(histories, windows)
def test_counts_equal_the_definition(deals: list[Deal], window: tuple[int, int]) -> None:
    counts = window_counts(units_of_deals(deals), one_window(*window), 1, every_age(31))
    found = np.stack([counts.at_risk[0, 0], counts.target[0, 0], counts.competing[0, 0]])
    np.testing.assert_array_equal(found, naive_counts(deals, *window, 32))


@settings(max_examples=100, deadline=None)
@given(histories, windows, st.integers(0, 30))
def test_counting_at_ages_with_an_exit_is_enough(
    deals: list[Deal], window: tuple[int, int], limit: int
) -> None:
    units = units_of_deals(deals)
    ages = exit_ages(units, limit, also=[age for age in (7, 14) if age <= limit])
    dense, sparse = (window_counts(units, one_window(*window), 1, each) for each in (every_age(limit), ages))
    for name in ("at_risk", "target", "competing"):
        np.testing.assert_array_equal(getattr(dense, name)[..., ages], getattr(sparse, name))
    curves = [aalen_johansen(each.at_risk, each.target, each.competing) for each in (dense, sparse)]
    place = age_index(ages, np.arange(limit + 1))
    np.testing.assert_allclose(curves[0].target, curves[1].target[..., place], atol=1e-15)
    assert dense.target.sum() == sparse.target.sum()


@settings(max_examples=100, deadline=None)
@given(histories, windows)
def test_incidences_and_survival_add_up(deals: list[Deal], window: tuple[int, int]) -> None:
    counts = window_counts(units_of_deals(deals), one_window(*window), 1, every_age(31))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    np.testing.assert_allclose(curve.target + curve.competing + curve.still_open, 1, atol=1e-12)
    assert (np.diff(curve.target) >= -1e-15).all()
    assert (curve.target >= 0).all()
    assert (curve.target <= 1 + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(histories, windows)
def test_incidences_equal_a_naive_program(deals: list[Deal], window: tuple[int, int]) -> None:
    counts = window_counts(units_of_deals(deals), one_window(*window), 1, every_age(31))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    expected = naive_incidence(naive_counts(deals, *window, 32))
    for found, naive in zip((curve.target, curve.competing, curve.still_open), expected, strict=True):
        np.testing.assert_allclose(found[0, 0], naive, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(histories, st.integers(1, 50), st.integers(1, 30))
def test_a_window_splits_into_two(deals: list[Deal], middle: int, length: int) -> None:
    units = units_of_deals(deals)
    whole, first, second = (
        window_counts(units, one_window(begin, end), 1, every_age(79))
        for begin, end in (
            (middle - length, middle + length),
            (middle - length, middle),
            (middle, middle + length),
        )
    )
    for name in ("at_risk", "target", "competing"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(first, name) + getattr(second, name))


def test_a_deal_won_on_its_first_day_counts() -> None:
    deals = [Deal(10, 10, TARGET), Deal(10, 20, STILL_OPEN)]
    counts = window_counts(units_of_deals(deals), one_window(5, 20), 1, every_age(4))
    assert aalen_johansen(counts.at_risk, counts.target, counts.competing).target[0, 0, 0] == 0.5


def test_an_exit_on_the_excluded_first_day_does_not_count() -> None:
    counts = window_counts(units_of_deals([Deal(1, 5, TARGET)]), one_window(5, 20), 1, every_age(5))
    assert (counts.target.sum(), counts.units.sum()) == (0, 0)


def test_nobody_at_risk_changes_nothing() -> None:
    zero = np.zeros((1, 4))
    curve = aalen_johansen(zero, zero, zero)
    assert (curve.target.sum(), curve.still_open.min()) == (0, 1)


def test_a_unit_that_ends_before_it_starts_is_refused() -> None:
    one = np.array([1])
    with pytest.raises(ValueError, match="ends before it starts"):
        Units(one * 0, one * 5, one * 4, one, one)


def test_units_without_rows_give_zeros() -> None:
    none = np.array([], dtype=np.int64)
    counts = window_counts(Units(none, none, none, none, none), one_window(0, 9), 2, every_age(2))
    assert counts.at_risk.shape == (2, 1, 3)
    assert counts.units.sum() == 0


@pytest.mark.parametrize("seed", range(3))
def test_lifelines_agrees_with_delayed_entry(seed: int) -> None:
    from lifelines import AalenJohansenFitter

    deals = simulated_deals(seed, 400, 0.01, 0.008, 120)
    begin, end = 60, 119
    counts = window_counts(units_of_deals(deals), one_window(begin, end), 1, every_age(119))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing).target[0, 0]
    inside = [deal for deal in deals if deal.last > begin]
    entry = np.array([float(begin - deal.start) if deal.start <= begin else -1.0 for deal in inside])
    age = np.array([float(deal.last - deal.start) for deal in inside])
    # Lifelines jitters ties: spread them ourselves within the day, exits first, so that nothing depends on chance.
    kind = np.array([deal.exit for deal in inside])
    order = np.argsort(np.argsort(age * 3 + (kind == STILL_OPEN), kind="stable"))
    spread = age + 1e-6 * order / len(order)
    fitter = AalenJohansenFitter(calculate_variance=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter.fit(spread + 2, kind, event_of_interest=TARGET, entry=entry + 2 + 1e-5)
    reference = fitter.cumulative_density_.iloc[:, 0]
    for horizon in (5, 20, 40, 80):
        assert curve[horizon] == pytest.approx(
            float(reference[reference.index <= horizon + 2.5].iloc[-1]), abs=2e-3
        )


@pytest.mark.parametrize("seed", range(3))
def test_scikit_survival_agrees_on_all_time(seed: int) -> None:
    competing_risks = pytest.importorskip("sksurv.nonparametric").cumulative_incidence_competing_risks
    deals = simulated_deals(seed, 300, 0.01, 0.008, 120)
    counts = window_counts(units_of_deals(deals), one_window(-1, 119), 1, every_age(119))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    age = np.array([deal.last - deal.start for deal in deals])
    times, reference, bounds = competing_risks(
        np.array([deal.exit for deal in deals]), age.astype(float), conf_type="log-log"
    )
    np.testing.assert_allclose(curve.target[0, 0, times.astype(int)], reference[TARGET], atol=1e-12)
    variance = aalen_variance(counts.at_risk, counts.target, counts.competing, curve)
    ours = np.sqrt(variance[0, 0, times.astype(int)])[20:60]
    theirs = (bounds[TARGET][1] - bounds[TARGET][0])[20:60] / (2 * 1.959964)
    np.testing.assert_allclose(ours, theirs, rtol=0.05)


def test_binomial_variance_where_all_leave_on_one_day() -> None:
    at_risk, target = np.array([40.0]), np.array([10.0])
    curve = aalen_johansen(at_risk, target, at_risk - target)
    assert aalen_variance(at_risk, target, at_risk - target, curve)[0] == pytest.approx(0.25 * 0.75 / 40)


def test_intervals_at_the_edges_are_exact_binomial_bounds() -> None:
    bounds = cloglog_interval(np.array([0.0, 1.0]), np.zeros(2), np.array([20.0, 20.0]), 0.95)
    assert (bounds.lower[0], bounds.upper[1]) == (0, 1)
    assert bounds.upper[0] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert bounds.lower[1] == pytest.approx(0.025 ** (1 / 20))


@settings(max_examples=50, deadline=None)
@given(histories)
def test_intensities_reproduce_the_curve(deals: list[Deal]) -> None:
    counts = window_counts(units_of_deals(deals), one_window(-1, 70), 1, every_age(31))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    again, still_open = incidence_of(*intensities(counts.at_risk, counts.target, counts.competing))
    np.testing.assert_allclose(again, curve.target, atol=1e-9)
    np.testing.assert_allclose(still_open, curve.still_open, atol=1e-9)


def coverage(seeds: range, deals: int) -> float:
    """Share of seeds in which the 95 % interval of a half-year window holds the true win by day 60."""
    win, loss = 0.012, 0.010
    truth = win / (win + loss) * (1 - np.exp(-(win + loss) * 61))
    held = []
    for seed in seeds:
        units = units_of_deals(simulated_deals(seed, deals, win, loss, 300))
        counts = window_counts(units, one_window(119, 299), 1, every_age(60))
        curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
        variance = aalen_variance(counts.at_risk, counts.target, counts.competing, curve)
        bounds = cloglog_interval(curve.target[0, :, 60], variance[0, :, 60], counts.units[0], 0.95)
        held.append(bounds.lower[0] <= truth <= bounds.upper[0])
    return float(np.mean(held))


def test_intervals_cover_what_they_say() -> None:
    assert 0.88 <= coverage(range(120), 300) <= 1.0


@pytest.mark.slow
def test_intervals_cover_what_they_say_long() -> None:
    assert 0.935 <= coverage(range(3000), 300) <= 0.965


@given(seed=st.integers(0, 2**32 - 1))
def test_a_stage_that_every_deal_leaves_forward_is_never_passed_by_more_than_all(seed: int) -> None:
    to_target = np.random.default_rng(seed).uniform(0, 0.4, (8, 400))
    reached, _ = incidence_of(to_target, np.zeros_like(to_target))
    assert reached.max() <= 1.0


@settings(max_examples=100, deadline=None)
@given(histories, st.lists(windows, min_size=1, max_size=4))
def test_tables_and_counting_window_by_window_agree(deals: list[Deal], spans: list[tuple[int, int]]) -> None:
    """Few windows are counted one by one, many through tables: each span repeated often must count as it does alone."""
    units = units_of_deals(deals)
    begin, end = (np.array(side) for side in zip(*spans, strict=True))
    ages = exit_ages(units, None, also=(7, 14))
    alone = [window_counts(units, one_window(*span), 1, ages) for span in spans]
    together = window_counts(units, Windows(np.tile(begin, 2000), np.tile(end, 2000)), 1, ages)
    for name in ("at_risk", "target", "competing", "units"):
        expected = np.concatenate([getattr(each, name) for each in alone], axis=1)
        np.testing.assert_array_equal(getattr(together, name)[:, : len(spans)], expected)
