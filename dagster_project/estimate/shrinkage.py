"""Shrinkage of few-deal figures, with the spread between reps integrated over and not plugged in (method §2).

Plugged-in intervals take the estimated spread for the truth and cover far less than they say; here the spread carries a
half-normal prior (scale .10 on the rate's spread) and every posterior is averaged over it on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.incidence import Interval
from dagster_project.estimate.special import (
    beta_quantile,
    digamma,
    log_beta,
    log_gamma,
    normal_quantile,
    trigamma,
)

RATE_SPREAD_SCALE = 0.10
_SPREAD_POINTS = 16
_MEAN_POINTS = 13
_LARGEST_SKEWNESS, _LARGEST_KURTOSIS = 1.0, 2.0


@dataclass(frozen=True)
class RatioPosterior:
    """Posterior of hazard ratios (observed over expected exits, prior mean one), elementwise.

    `prior_weight` is the part of the figure that comes from the prior. `spread_points` and `spread_weight` (grid instead of
    units on the last axis) are the posterior of the standard deviation between units.
    """

    mean: FloatArray
    variance: FloatArray
    log_mean: FloatArray
    log_variance: FloatArray
    prior_weight: FloatArray
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
    prior_sd = half_normal_points(_SPREAD_POINTS) * np.asarray(scale, dtype=np.float64)[..., None]
    strength = (1 / prior_sd**2)[..., None, :]
    count, rate = strength + observed[..., None], strength + expected[..., None]
    likelihood = log_gamma(count) - log_gamma(strength) + strength * np.log(strength) - count * np.log(rate)
    return ratios_given_spread(observed, expected, prior_sd, _normalised(likelihood.sum(axis=-2)))


def ratios_given_spread(
    observed: FloatArray, expected: FloatArray, spread_points: FloatArray, spread_weight: FloatArray
) -> RatioPosterior:
    """Posterior of ratios when the spread between units is known to have these points and weights."""
    strength = (1 / spread_points**2)[..., None, :]
    count, rate = strength + observed[..., None], strength + expected[..., None]

    def average(values: FloatArray) -> FloatArray:
        return np.asarray((spread_weight[..., None, :] * values).sum(axis=-1), dtype=np.float64)

    given, log_given = count / rate, digamma(count) - np.log(rate)
    mean, log_mean = average(given), average(log_given)
    return RatioPosterior(
        mean=mean,
        variance=average(given**2 + given / rate) - mean**2,
        log_mean=log_mean,
        log_variance=average(log_given**2 + trigamma(count)) - log_mean**2,
        prior_weight=average(strength / rate),
        spread_points=spread_points,
        spread_weight=spread_weight,
    )


def shrink_shares(
    converted: FloatArray, entered: FloatArray, scale: float = RATE_SPREAD_SCALE
) -> SharePosterior:
    """Beta–Binomial: converted ~ Bin(entered, share), share ~ Beta(mean m, sd σ), m flat, σ ~ half-normal(scale).

    Units on the last axis. Exact given m and σ; averaged over σ on 16 equally probable points and over m on 13 points
    around the pooled share.
    """
    spread = half_normal_points(_SPREAD_POINTS) * scale
    mean, mean_weight = _mean_grid(converted, entered)
    strength = np.maximum(mean[..., :, None] * (1 - mean[..., :, None]) / spread**2 - 1, 0.05)
    alpha = (mean[..., :, None] * strength)[..., None, :, :]
    beta = strength[..., None, :, :] - alpha
    hits = alpha + converted[..., None, None]
    misses = beta + (entered - converted)[..., None, None]
    likelihood = (log_beta(hits, misses) - log_beta(alpha, beta)).sum(axis=-3) + mean_weight[..., :, None]
    weight = _normalised(likelihood.reshape(*likelihood.shape[:-2], -1)).reshape(likelihood.shape)
    between = (weight.sum(axis=-1) * mean).sum(axis=-1)
    moments = _mixture_moments(hits, hits + misses, weight[..., None, :, :])
    return SharePosterior(*moments, between, (weight.sum(axis=-2) * spread).sum(axis=-1))


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
    raw, power = [], np.ones_like(hits)
    for order in range(4):
        power = power * (hits + order) / (size + order)
        raw.append((weight * power).sum(axis=(-2, -1)))
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
