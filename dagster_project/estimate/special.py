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


def digamma_and_trigamma(value: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the logarithm of a gamma variable of this shape and rate one, to 1e-9.

    Both by their expansions six steps up (Abramowitz & Stegun 1964, 6.3.18 and 6.4.12), and back by recurrence; scipy takes
    several times as long.
    """
    shape = np.asarray(value, dtype=np.float64)
    # 1/x + 1/(x+5), 1/(x+1) + 1/(x+4), 1/(x+2) + 1/(x+3) over common denominators: three divisions for six.
    product = shape * (shape + 5)
    steps = [1 / product, 1 / (product + 4), 1 / (product + 6)]
    total = steps[0] + steps[1] + steps[2]
    double = 2 * shape + 5
    squares = double**2 * (steps[0] ** 2 + steps[1] ** 2 + steps[2] ** 2) - 2 * total
    inverse = 1 / (shape + 6)
    square = inverse**2
    mean = np.log(shape + 6) - inverse / 2
    mean -= square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132))))
    bernoulli = 1 / 6 - square * (1 / 30 - square * (1 / 42 - square * (1 / 30 - square * 5 / 66)))
    return mean - double * total, squares + inverse * (1 + inverse / 2 + square * bernoulli)


def chi_square_tail(statistic: ArrayLike, degrees_of_freedom: ArrayLike) -> FloatArray:
    """P(a χ² variable exceeds the statistic)."""
    return np.asarray(functions.chdtrc(degrees_of_freedom, statistic), dtype=np.float64)
