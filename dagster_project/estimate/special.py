"""The special functions the estimators use, typed: scipy.stats would cost every night two seconds of import."""

from __future__ import annotations

import numpy as np
import scipy.special as functions  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import ArrayLike

from dagster_project.estimate.arrays import FloatArray


def normal_quantile(probability: ArrayLike) -> FloatArray:
    """Quantile of the standard normal distribution."""
    return np.asarray(functions.ndtri(probability), dtype=np.float64)


def gamma_quantile(shape: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Quantile of the gamma distribution with rate one."""
    return np.asarray(functions.gammaincinv(shape, probability), dtype=np.float64)


def beta_quantile(alpha: ArrayLike, beta: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Quantile of the beta distribution."""
    return np.asarray(functions.betaincinv(alpha, beta, probability), dtype=np.float64)


def log_gamma(value: ArrayLike) -> FloatArray:
    """Logarithm of the gamma function."""
    return np.asarray(functions.gammaln(value), dtype=np.float64)


def log_beta(alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    """Logarithm of the beta function."""
    return np.asarray(functions.betaln(alpha, beta), dtype=np.float64)


def digamma(value: ArrayLike) -> FloatArray:
    """Mean of the logarithm of a gamma variable of this shape and rate one."""
    return np.asarray(functions.digamma(value), dtype=np.float64)


def trigamma(value: ArrayLike) -> FloatArray:
    """Variance of the logarithm of a gamma variable of this shape, to 1e-8 (scipy's polygamma takes ten times as long)."""
    shape = np.asarray(value, dtype=np.float64)
    total = np.zeros(shape.shape)
    for _ in range(6):
        total += 1 / shape**2
        shape = shape + 1
    inverse = 1 / shape
    square = inverse**2
    # Abramowitz & Stegun (1964), 6.4.12.
    return total + inverse * (
        1 + inverse / 2 + square * (1 / 6 - square * (1 / 30 - square * (1 / 42 - square / 30)))
    )


def chi_square_tail(statistic: ArrayLike, degrees_of_freedom: ArrayLike) -> FloatArray:
    """P(a χ² variable exceeds the statistic)."""
    return np.asarray(functions.chdtrc(degrees_of_freedom, statistic), dtype=np.float64)
