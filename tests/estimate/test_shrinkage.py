"""Posteriors of few-deal figures against brute force, and their coverage with twelve reps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from dagster_project.estimate.shrinkage import (
    beta_shares,
    half_normal_points,
    shrink_ratios,
    shrink_shares,
)


def brute_force_shares(
    converted: np.ndarray, entered: np.ndarray, scale: float = 0.10
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and standard deviation on a fine grid of mean and spread."""
    means, spreads = np.linspace(0.002, 0.998, 400), np.linspace(0.001, 0.5, 240)
    mean, spread = np.meshgrid(means, spreads, indexing="ij")
    strength = np.maximum(mean * (1 - mean) / spread**2 - 1, 0.05)
    weight = stats.halfnorm.logpdf(spread, scale=scale)
    for hits, total in zip(converted, entered, strict=True):
        weight = weight + stats.betabinom.logpmf(hits, total, mean * strength, (1 - mean) * strength)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    given = (mean * strength + converted[:, None, None]) / (strength + entered[:, None, None])
    second = (
        given * (mean * strength + converted[:, None, None] + 1) / (strength + entered[:, None, None] + 1)
    )
    middle = (weight * given).sum(axis=(1, 2))
    return middle, np.sqrt((weight * second).sum(axis=(1, 2)) - middle**2)


@pytest.mark.parametrize(
    ("converted", "entered"),
    [
        ([5, 30, 12, 0], [40, 100, 60, 10]),
        ([60, 55, 70, 20], [100, 100, 100, 40]),
        ([1, 0, 0, 2], [30, 25, 40, 50]),
        ([200, 90, 150, 20], [400, 300, 320, 60]),
    ],
)
def test_shares_agree_with_brute_force(converted: list[int], entered: list[int]) -> None:
    hits, total = np.array(converted, dtype=float), np.array(entered, dtype=float)
    middle, deviation = brute_force_shares(hits, total)
    found = shrink_shares(hits, total)
    assert found.mean == pytest.approx(middle, abs=0.006)
    assert found.deviation == pytest.approx(deviation, rel=0.12)


def test_ratios_agree_with_brute_force() -> None:
    observed, expected = np.array([12.0, 30.0, 8.0, 22.0]), np.array([18.0, 24.0, 10.0, 20.0])
    spread = np.linspace(0.002, 1.6, 3000)
    weight = stats.halfnorm.logpdf(spread, scale=0.4)
    for count, due in zip(observed, expected, strict=True):
        weight = weight + stats.nbinom.logpmf(count, 1 / spread**2, 1 / (1 + due * spread**2))
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    found = shrink_ratios(observed, expected, 0.4)
    strength = 1 / spread**2
    for unit, (count, due) in enumerate(zip(observed, expected, strict=True)):
        given = (strength + count) / (strength + due)
        assert found.mean[unit] == pytest.approx((weight * given).sum(), abs=0.01)
        variance = (weight * (given**2 + given / (strength + due))).sum() - (weight * given).sum() ** 2
        assert found.variance[unit] == pytest.approx(variance, rel=0.1)


def share_below(
    bound: np.ndarray, converted: np.ndarray, entered: np.ndarray, scale: float = 0.10
) -> np.ndarray:
    """P(share < bound) of each unit under the exact posterior: mean and spread integrated over by Gauss–Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    means, spreads = 0.5 + 0.499 * nodes, 0.25 + 0.2495 * nodes
    mean, spread = np.meshgrid(means, spreads, indexing="ij")
    strength = np.maximum(mean * (1 - mean) / spread**2 - 1, 0.05)
    weight = stats.halfnorm.logpdf(spread, scale=scale)
    for hits, total in zip(converted, entered, strict=True):
        weight = weight + stats.betabinom.logpmf(hits, total, mean * strength, (1 - mean) * strength)
    weight = np.exp(weight - weight.max()) * np.outer(weights, weights)
    alpha, beta = mean * strength, (1 - mean) * strength
    below = [
        (weight * special.betainc(alpha + hits, beta + total - hits, limit)).sum() / weight.sum()
        for limit, hits, total in zip(bound, converted, entered, strict=True)
    ]
    return np.array(below)


@pytest.mark.parametrize("level", [0.80, 0.95])
@pytest.mark.parametrize(
    ("converted", "entered"),
    [
        ([12, 30, 22, 8, 41], [40, 80, 60, 30, 90]),
        ([60, 55, 70, 20], [100, 100, 100, 40]),
        ([30, 9, 14, 25, 2, 11], [120, 60, 45, 150, 20, 30]),
    ],
)
def test_bounds_of_shares_leave_out_what_they_say_by_numerical_integration(
    converted: list[int], entered: list[int], level: float
) -> None:
    hits, total = np.array(converted, dtype=float), np.array(entered, dtype=float)
    bounds = shrink_shares(hits, total).interval(level)
    tail = (1 - level) / 2
    # Sixteen points of the spread and four moments are an approximation: within a fifth of the tail, or one in a hundred.
    within = max(0.2 * tail, 0.01)
    assert share_below(bounds.lower, hits, total) == pytest.approx(tail, abs=within)
    assert 1 - share_below(bounds.upper, hits, total) == pytest.approx(tail, abs=within)


def test_log_moments_of_ratios_by_numerical_integration() -> None:
    """E log and Var log of a hazard ratio, from which its interval is made: spread and ratio integrated over by scipy."""
    observed, expected = np.array([12.0, 30.0, 8.0, 22.0]), np.array([18.0, 24.0, 10.0, 20.0])

    def likelihood(spread: float) -> float:
        counts = stats.nbinom.pmf(observed, 1 / spread**2, 1 / (1 + expected * spread**2))
        return float(stats.halfnorm.pdf(spread, scale=0.4) * counts.prod())

    def moment(unit: int, power: int, spread: float) -> float:
        strength = 1 / spread**2
        posterior = stats.gamma(strength + observed[unit], scale=1 / (strength + expected[unit]))
        low, high = posterior.ppf((1e-9, 1 - 1e-9))
        return float(
            integrate.quad(
                lambda ratio: posterior.pdf(ratio) * np.log(ratio) ** power, low, high, epsrel=1e-6
            )[0]
        )

    spreads = np.linspace(0.02, 1.6, 30)
    weight = np.array([likelihood(each) for each in spreads])
    weight /= weight.sum()
    found = shrink_ratios(observed, expected, 0.4)
    for unit in (0, 2):
        first, second = (
            sum(w * moment(unit, power, each) for w, each in zip(weight, spreads, strict=True))
            for power in (1, 2)
        )
        assert found.log_mean[unit] == pytest.approx(first, abs=0.01)
        assert found.log_variance[unit] == pytest.approx(second - first**2, rel=0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=2, max_size=12))
def test_a_shrunk_share_lies_between_its_own_and_the_others(pairs: list[tuple[int, int]]) -> None:
    hits = np.array([won for won, _ in pairs], dtype=float)
    total = hits + np.array([lost for _, lost in pairs], dtype=float)
    found = shrink_shares(hits, total)
    bounds = found.interval(0.95)
    assert (bounds.lower <= found.mean).all()
    assert (found.mean <= bounds.upper).all()
    known = total > 0
    own = hits[known] / total[known]
    toward = found.mean[known]
    low, high = np.minimum(own, found.mean_between), np.maximum(own, found.mean_between)
    assert (toward >= low - 0.03).all()
    assert (toward <= high + 0.03).all()


def test_a_rep_without_deals_gets_the_mean_and_a_wide_interval() -> None:
    found = shrink_shares(np.array([50.0, 40.0, 45.0, 0.0]), np.array([100.0, 100.0, 100.0, 0.0]))
    bounds = found.interval(0.95)
    assert found.mean[3] == pytest.approx(0.45, abs=0.02)
    assert bounds.upper[3] - bounds.lower[3] > 2 * (bounds.upper[0] - bounds.lower[0]) / 2


def test_no_exits_expected_leaves_the_prior() -> None:
    found = shrink_ratios(np.zeros(3), np.zeros(3), 0.4)
    assert found.mean == pytest.approx(np.ones(3))


def test_many_groups_at_once_equal_one_by_one() -> None:
    random = np.random.default_rng(3)
    total = random.integers(5, 80, size=(6, 12)).astype(float)
    hits = random.binomial(total.astype(int), 0.3).astype(float)
    together = shrink_shares(hits, total)
    for row in range(6):
        alone = shrink_shares(hits[row], total[row])
        np.testing.assert_allclose(together.mean[row], alone.mean, rtol=1e-12)


def plugged_in(converted: np.ndarray, entered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the empirical Bayes that takes its estimated spread for the truth (method of moments)."""
    share = converted.sum() / entered.sum()
    chance = (share * (1 - share) / entered).mean()
    between = max(np.var(converted / entered, ddof=1) - chance, 1e-5)
    strength = max(share * (1 - share) / between - 1, 0.5)
    posterior = stats.beta(share * strength + converted, (1 - share) * strength + entered - converted)
    return posterior.ppf(0.025), posterior.ppf(0.975)


def trial_coverage(seeds: range, spread: float) -> tuple[float, float]:
    """Coverage of twelve reps' shares, integrated and plugged in, averaged over reps and seeds."""
    integrated, plugged = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        strength = 0.30 * 0.70 / spread**2 - 1
        truth = random.beta(0.30 * strength, 0.70 * strength, size=12)
        entered = random.integers(15, 60, size=12).astype(float)
        converted = random.binomial(entered.astype(int), truth).astype(float)
        bounds = shrink_shares(converted, entered).interval(0.95)
        integrated.append(((bounds.lower <= truth) & (truth <= bounds.upper)).mean())
        lower, upper = plugged_in(converted, entered)
        plugged.append(((lower <= truth) & (truth <= upper)).mean())
    return float(np.mean(integrated)), float(np.mean(plugged))


@pytest.mark.parametrize("spread", [0.04, 0.08])
def test_integrated_intervals_cover_where_plugged_in_ones_do_not(spread: float) -> None:
    integrated, plugged = trial_coverage(range(60), spread)
    assert 0.90 <= integrated <= 0.995
    assert plugged < integrated - 0.03


@pytest.mark.slow
def test_integrated_intervals_cover_where_spreads_are_as_the_prior_has_them() -> None:
    spreads = 0.10 * np.abs(np.random.default_rng(9).standard_normal(600))
    held = [
        trial_coverage(range(seed, seed + 1), float(spread) + 0.002)[0] for seed, spread in enumerate(spreads)
    ]
    assert 0.935 <= np.mean(held) <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.02, 0.05, 0.10])
def test_integrated_intervals_cover_at_a_fixed_spread(spread: float) -> None:
    integrated, plugged = trial_coverage(range(600), spread)
    print(f"\nspread {spread}: integrated {integrated:.3f}, plugged in {plugged:.3f}")  # noqa: T201
    assert 0.915 <= integrated <= 0.99
    assert plugged < integrated - 0.02


def test_a_share_on_its_own_is_a_beta() -> None:
    bounds = beta_shares(np.array([12.0]), np.array([40.0])).interval(0.95)
    assert bounds.lower == pytest.approx(stats.beta(13, 29).ppf(0.025), abs=0.002)
    assert bounds.upper == pytest.approx(stats.beta(13, 29).ppf(0.975), abs=0.002)


def test_half_normal_points_have_its_moments() -> None:
    points = half_normal_points(400)
    assert points.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.003)
    assert (points**2).mean() == pytest.approx(1, abs=0.02)
