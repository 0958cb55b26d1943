"""Shrinkage of few-deal figures, with the spread between reps integrated over and not plugged in (method §2).

Plugged-in intervals take the estimated spread for the truth and cover far less than they say; here the spread carries a
half-normal prior (scale .10 on the rate's spread) and every posterior is averaged over it on a grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.incidence import Interval
from dagster_project.estimate.special import (
    beta_quantile,
    digamma_and_trigamma,
    log_beta,
    log_gamma,
    normal_quantile,
)

RATE_SPREAD_SCALE = 0.10
_SPREAD_POINTS = 16
_MEAN_POINTS = 13
_BLOCK_ELEMENTS = 2**15
_LARGEST_SKEWNESS, _LARGEST_KURTOSIS = 1.0, 2.0


@dataclass(frozen=True)
class RatioPosterior:
    """Posterior of hazard ratios (observed over expected exits, prior mean one), elementwise.

    `spread_points` and `spread_weight` (grid instead of units on the last axis) are the posterior of the standard deviation
    between units.
    """

    mean: FloatArray
    variance: FloatArray
    log_mean: FloatArray
    log_variance: FloatArray
    spread_points: FloatArray
    spread_weight: FloatArray


@dataclass(frozen=True)
class SharePosterior:
    """Posterior of shares by its moments: mean, standard deviation, skewness and excess kurtosis, elementwise.

    `mean_between` and `spread` (without the last axis) are posterior means of the mean and standard deviation between
    units.
    """

    mean: FloatArray
    deviation: FloatArray
    skewness: FloatArray
    kurtosis: FloatArray
    mean_between: FloatArray
    spread: FloatArray

    def interval(self, level: float) -> Interval:
        """Equal-tailed interval."""
        tail = (1 - level) / 2
        return Interval(self.quantile(tail), self.quantile(1 - tail))

    def quantile(self, probability: float) -> FloatArray:
        """Quantile of each share by its Cornish–Fisher expansion: a beta of equal variance misses the mixture's skew.

        Where the skew is beyond what the expansion bears (near 0 and 1), that beta after all.
        """
        z = float(normal_quantile(probability))
        skewed = z + (z**2 - 1) * self.skewness / 6 - (2 * z**3 - 5 * z) * self.skewness**2 / 36
        expanded = self.mean + self.deviation * (skewed + (z**3 - 3 * z) * self.kurtosis / 24)
        is_harsh = (np.abs(self.skewness) >= _LARGEST_SKEWNESS) | (np.abs(self.kurtosis) >= _LARGEST_KURTOSIS)
        mean, deviation = self.mean[is_harsh], self.deviation[is_harsh]
        strength = mean * (1 - mean) / deviation**2 - 1
        expanded[is_harsh] = beta_quantile(mean * strength, (1 - mean) * strength, probability)
        return np.clip(expanded, 0.0, 1.0)


def shrink_ratios(observed: FloatArray, expected: FloatArray, scale: FloatArray | float) -> RatioPosterior:
    """Gamma–Poisson: observed ~ Poisson(ratio × expected), ratio ~ Gamma(mean 1, sd ν), ν ~ half-normal(scale).

    Units on the last axis; `scale` has the shape of the other axes. Exact given ν; averaged over ν on 16 equally
    probable points of its prior.
    """
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), observed.shape[:-1])
    points = half_normal_points(_SPREAD_POINTS) * scales[..., None]
    return _in_blocks(_posterior, observed, expected, points)


def ratios_given_spread(
    observed: FloatArray, expected: FloatArray, spread_points: FloatArray, spread_weight: FloatArray
) -> RatioPosterior:
    """Posterior of ratios when the spread between units is known to have these points and weights."""
    return _in_blocks(_posterior, observed, expected, spread_points, spread_weight)


def _in_blocks(posterior: Callable[..., RatioPosterior], *arrays: FloatArray) -> RatioPosterior:
    """Rows (windows) are independent of each other: so many at a time as stay in the processor's cache."""
    observed, spread_points = arrays[0], arrays[2]
    if observed.ndim != 2 or not observed.size:
        return posterior(*arrays)
    step = max(1, _BLOCK_ELEMENTS // (observed.shape[1] * spread_points.shape[1]))
    parts = [
        posterior(*(each[begin : begin + step] for each in arrays)) for begin in range(0, len(observed), step)
    ]
    return RatioPosterior(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(RatioPosterior))
    )


def _posterior(
    observed: FloatArray, expected: FloatArray, points: FloatArray, weight: FloatArray | None = None
) -> RatioPosterior:
    """Posterior on the grid of the spread; `weight` (by default what the counts say) and `points` end in the grid's axis."""
    strength = (1 / points**2)[..., None, :]
    rate = strength + expected[..., None]
    log_rate = np.log(rate)
    count, gamma_log, log_mean_count, log_variance_count = _count_functions(
        observed, strength, weight is None
    )
    if weight is None:
        likelihood = gamma_log - count * log_rate - (log_gamma(strength) - strength * np.log(strength))
        weight = _normalised(likelihood.sum(axis=-2))

    def average(values: FloatArray) -> FloatArray:
        return np.asarray((values @ weight[..., None])[..., 0], dtype=np.float64)

    given, log_given = count / rate, log_mean_count - log_rate
    mean, log_mean = average(given), average(log_given)
    return RatioPosterior(
        mean=mean,
        variance=average(given**2 + given / rate) - mean**2,
        log_mean=log_mean,
        log_variance=average(log_given**2 + log_variance_count) - log_mean**2,
        spread_points=points,
        spread_weight=weight,
    )


def _count_functions(
    observed: FloatArray, strength: FloatArray, with_likelihood: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Strength plus count, and its log gamma (if wanted), digamma and trigamma.

    Units often share their count: the functions are then evaluated once for each that occurs.
    """
    occurring, place = np.unique(observed, return_inverse=True)
    is_shared = observed.ndim == 2 and 2 * occurring.size < observed.shape[1]
    count = strength + (occurring if is_shared else observed)[..., None]
    values = (
        count,
        log_gamma(count) if with_likelihood else count,
        *digamma_and_trigamma(count),
    )
    if not is_shared:
        return values
    row, column = np.arange(len(observed))[:, None], place.reshape(observed.shape)
    first, second, third, fourth = (each[row, column] for each in values)
    return first, second, third, fourth


def shrink_shares(
    converted: FloatArray, entered: FloatArray, scale: float = RATE_SPREAD_SCALE
) -> SharePosterior:
    """Beta–Binomial: converted ~ Bin(entered, share), share ~ Beta(mean m, sd σ), m flat, σ ~ half-normal(scale).

    Units on the last axis. Exact given m and σ; averaged over σ on 16 equally probable points and over m on 13 points
    around the pooled share.
    """
    if converted.ndim == 1:
        return _shrink_some_shares(converted, entered, scale)
    # Rows (windows) are independent of each other; one at a time stays in the processor's cache.
    parts = [_shrink_some_shares(*counts, scale) for counts in zip(converted, entered, strict=True)]
    return SharePosterior(
        *(np.stack([getattr(part, each.name) for part in parts]) for each in fields(SharePosterior))
    )


def _shrink_some_shares(converted: FloatArray, entered: FloatArray, scale: float) -> SharePosterior:
    """Units on the only axis; those that agree in both counts are reckoned once."""
    spread = half_normal_points(_SPREAD_POINTS) * scale
    mean, mean_weight = _mean_grid(converted, entered)
    strength = np.maximum(mean[:, None] * (1 - mean[:, None]) / spread**2 - 1, 0.05)
    alpha = mean[:, None] * strength
    beta = strength - alpha
    likelihood = (
        _log_gamma_sum(alpha, converted)
        + _log_gamma_sum(beta, entered - converted)
        - _log_gamma_sum(strength, entered)
    )
    likelihood += mean_weight[:, None] - converted.size * log_beta(alpha, beta)
    weight = _normalised(likelihood.ravel()).reshape(likelihood.shape)
    counts, place = np.unique(np.stack([converted, entered]), axis=1, return_inverse=True)
    hits = alpha + counts[0, :, None, None]
    misses = beta + (counts[1] - counts[0])[:, None, None]
    moments = _mixture_moments(hits, hits + misses, weight)
    first, deviation, skewness, kurtosis = (each[place.ravel()] for each in moments)
    return SharePosterior(
        mean=first,
        deviation=deviation,
        skewness=skewness,
        kurtosis=kurtosis,
        mean_between=np.asarray((weight.sum(axis=-1) * mean).sum()),
        spread=np.asarray((weight.sum(axis=-2) * spread).sum()),
    )


def _log_gamma_sum(offset: FloatArray, counts: FloatArray) -> FloatArray:
    """Sum over counts of log Γ(offset + count); each count that occurs is reckoned once."""
    occurring, times = np.unique(counts, return_counts=True)
    return np.asarray(log_gamma(offset[..., None] + occurring) @ times, dtype=np.float64)


def beta_shares(converted: FloatArray, entered: FloatArray) -> SharePosterior:
    """Shares on their own, flat prior, nothing shrunk."""
    one = np.ones((1, 1))
    hits, size = (converted + 1)[..., None, None], (entered + 2)[..., None, None]
    moments = _mixture_moments(hits, size, one)
    return SharePosterior(*moments, moments[0], np.zeros_like(moments[0]))


def _mixture_moments(
    hits: FloatArray, size: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation, skewness and excess kurtosis of a mixture (last two axes) of Beta(hits, size - hits)."""
    raw, power = [], np.ones(())
    for order in range(4):
        power = power * (hits + order) / (size + order)
        raw.append(np.einsum("...ij,...ij->...", power, weight))
    first, second, third, fourth = raw
    variance = np.maximum(second - first**2, 1e-18)
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2 - 3
    return first, np.sqrt(variance), skewness, kurtosis


def half_normal_points(points: int) -> FloatArray:
    """Equally probable points of the half-normal distribution of scale one."""
    return normal_quantile(0.5 + 0.5 * (np.arange(points) + 0.5) / points)


def _mean_grid(converted: FloatArray, entered: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Grid of the mean between units on the logit scale around the pooled share, and its log weight under a flat prior."""
    hits, total = converted.sum(axis=-1) + 1, entered.sum(axis=-1) + 2
    pooled = hits / total
    units = np.maximum((entered > 0).sum(axis=-1), 1)
    deviation = np.sqrt(pooled * (1 - pooled) / total + RATE_SPREAD_SCALE**2 / units)
    logit_deviation = np.minimum(deviation / (pooled * (1 - pooled)), 2.5)
    centre = np.log(pooled / (1 - pooled))[..., None]
    logit = centre + logit_deviation[..., None] * np.linspace(-3, 3, _MEAN_POINTS)
    mean = 1 / (1 + np.exp(-logit))
    return mean, np.log(mean) + np.log1p(-mean)


def _normalised(log_weight: FloatArray) -> FloatArray:
    weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True), dtype=np.float64)
