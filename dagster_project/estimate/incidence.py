"""Cumulative incidence with competing exits and delayed entry, its variance and its intervals (method §2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import FloatArray, divide
from dagster_project.estimate.special import normal_quantile

# A certain exit (daily share one) must stay finite when its intensity is scaled; exp(-34) is zero for every purpose here.
_LARGEST_SHARE = 1 - 1e-15


@dataclass(frozen=True)
class Incidence:
    """Curves by age day (last axis): P(target by then), P(competing exit by then), P(still open)."""

    target: FloatArray
    competing: FloatArray
    still_open: FloatArray


@dataclass(frozen=True)
class Interval:
    """Two-sided bounds, elementwise."""

    lower: FloatArray
    upper: FloatArray


def aalen_johansen(at_risk: FloatArray, target: FloatArray, competing: FloatArray) -> Incidence:
    """F_w(t) = Σ S(t-)·d_w/n, S(t) = Π(1 - (d_w + d_l)/n) over the last axis (method §2).

    Days with nobody at risk change nothing.
    """
    to_target, elsewhere = divide(target, at_risk), divide(competing, at_risk)
    still_open: FloatArray = np.clip(np.cumprod(1 - to_target - elsewhere, axis=-1), 0.0, 1.0)
    before = day_before(still_open)
    return Incidence(_reached(before * to_target), _reached(before * elsewhere), still_open)


def target_incidence(at_risk: FloatArray, target: FloatArray, competing: FloatArray) -> FloatArray:
    """The target's curve of `aalen_johansen` alone."""
    to_target, elsewhere = divide(target, at_risk), divide(competing, at_risk)
    still_open = np.clip(np.cumprod(1 - to_target - elsewhere, axis=-1), 0.0, 1.0)
    to_target[..., 1:] *= still_open[..., :-1]
    return _reached(to_target)


def _reached(by_age: FloatArray) -> FloatArray:
    # Sums of many terms may pass one in the last bit.
    summed = np.cumsum(by_age, axis=-1)
    return np.minimum(summed, 1.0, out=summed)


def day_before(still_open: FloatArray) -> FloatArray:
    """S(t-) from S(t) by day."""
    return np.concatenate([np.ones_like(still_open[..., :1]), still_open[..., :-1]], axis=-1)


def aalen_variance(
    at_risk: FloatArray, target: FloatArray, competing: FloatArray, curve: Incidence
) -> FloatArray:
    """Delta-method (Greenwood-type) variance of a curve's target; Marubini & Valsecchi (1995), eq. 10.12."""
    leaving, reached, before = target + competing, curve.target, day_before(curve.still_open)
    spread = divide(leaving, at_risk * (at_risk - leaving))
    own = before**2 * divide(target * (at_risk - target), at_risk**3)
    shared = before * divide(target, at_risk**2)

    def total(term: FloatArray) -> FloatArray:
        return np.cumsum(term, axis=-1)

    quadratic = (
        reached**2 * total(spread) - 2 * reached * total(reached * spread) + total(reached**2 * spread)
    )
    crossed = reached * total(shared) - total(reached * shared)
    return np.maximum(quadratic + total(own) - 2 * crossed, 0.0)


def cloglog_interval(rate: FloatArray, variance: FloatArray, units: FloatArray, level: float) -> Interval:
    """Interval on the complementary log-log scale; at rates 0 and 1 the exact binomial bound on `units` trials."""
    tail = (1 - level) / 2
    interior = (rate > 0) & (rate < 1)
    inside = np.where(interior, rate, 0.5)
    deviation = cloglog_deviation(inside, variance)
    middle = np.log(-np.log1p(-inside))
    width = float(normal_quantile(1 - tail)) * deviation
    edge = tail ** (1 / np.maximum(units, 1))
    lower = np.where(interior, from_cloglog(middle - width), np.where(rate >= 1, edge, 0.0))
    upper = np.where(interior, from_cloglog(middle + width), np.where(rate >= 1, 1.0, 1 - edge))
    return Interval(np.where(units > 0, lower, 0.0), np.where(units > 0, upper, 1.0))


def cloglog_deviation(rate: FloatArray, variance: FloatArray) -> FloatArray:
    """Standard deviation of log(-log(1 - rate)) by the delta method; 0 where the rate is 0 or 1."""
    slope = -(1 - rate) * np.log1p(-np.minimum(rate, 1 - 1e-15))
    return divide(np.sqrt(variance), slope)


def from_cloglog(value: FloatArray) -> FloatArray:
    """Inverse of log(-log(1 - rate))."""
    return np.asarray(-np.expm1(-np.exp(np.minimum(value, 5.0))), dtype=np.float64)


def intensities(
    at_risk: FloatArray, target: FloatArray, competing: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Continuous-time intensities a day, target and competing, that give the observed daily exit shares exactly."""
    leaving = divide(target + competing, at_risk)
    total = -np.log1p(-np.minimum(leaving, _LARGEST_SHARE))
    share = divide(target, target + competing)
    return total * share, total * (1 - share)


def incidence_of(to_target: FloatArray, elsewhere: FloatArray) -> tuple[FloatArray, FloatArray]:
    """P(target by age) and P(still open at age) under daily intensities over the last axis.

    Intensities may be multiplied by any factor and the result stays within [0, 1], which daily shares would not.
    """
    total = to_target + elsewhere
    still_open = np.exp(-np.cumsum(total, axis=-1))
    before = day_before(still_open)
    reached = np.cumsum((before - still_open) * divide(to_target, total), axis=-1)
    # Where every exit is to the target, the sum of many terms may pass one in the last bit.
    return np.minimum(reached, 1.0, out=reached), still_open
