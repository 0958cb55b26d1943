"""Why Revenue Velocity changed: exact contributions of its four factors (method §3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod

import numpy as np

from dagster_project.estimate.arrays import FloatArray


@dataclass(frozen=True)
class Velocity:
    """The factors of RV = deals × price × win rate ÷ cycle; cycle in days, above zero."""

    deals: float
    average_price: float
    win_rate: float
    average_cycle_days: float

    def __post_init__(self) -> None:
        if self.average_cycle_days <= 0:
            raise ValueError(f"average_cycle_days must be above zero, not {self.average_cycle_days}")
        if min(self.deals, self.average_price, self.win_rate) < 0:
            raise ValueError("deals, average price and win rate must not be negative")

    @property
    def multipliers(self) -> tuple[float, float, float, float]:
        """The four factors whose product is RV: the cycle as its inverse."""
        return self.deals, self.average_price, self.win_rate, 1 / self.average_cycle_days

    @property
    def per_day(self) -> float:
        """RV in money a day."""
        return product(self.multipliers)


@dataclass(frozen=True)
class Contributions:
    """What each factor contributed to the change of RV, in money a day; they sum to the change exactly."""

    deals: float
    average_price: float
    win_rate: float
    average_cycle_days: float

    @property
    def total(self) -> float:
        """The change of RV."""
        return self.deals + self.average_price + self.win_rate + self.average_cycle_days


def decompose_velocity(before: Velocity, after: Velocity) -> Contributions:
    """Logarithmic-mean Divisia contributions Δ_x = Λ·ln(x1/x0); Shapley where any factor is zero (method §3)."""
    old, new = np.array(before.multipliers), np.array(after.multipliers)
    deals, price, rate, cycle = (slopes(old, new) * (new - old)).tolist()
    return Contributions(deals, price, rate, cycle)


def slopes(old: FloatArray, new: FloatArray) -> FloatArray:
    """Contribution to the change of the product per unit of change of each factor; factors on the first axis, all ≥ 0.

    Divisia: Λ·ln(x1/x0) = (x1 - x0)·Λ / L(x0, x1) with L the logarithmic mean and Λ that of the products; Shapley where a
    factor is zero (method §3). Slope times change is the contribution, also for a part of the change.
    """
    has_zero = (np.minimum(old, new) == 0).any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        divisia = logarithmic_means(old.prod(axis=0), new.prod(axis=0)) / logarithmic_means(old, new)
    return np.asarray(np.where(has_zero, _shapley_slopes(old, new), divisia), dtype=np.float64)


def logarithmic_means(first: FloatArray, second: FloatArray) -> FloatArray:
    """(second - first) / ln(second / first); the value itself where both agree. Elementwise, both above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # log1p keeps its digits where the two are close, the logarithm of the ratio where they are far apart.
        growth = (second - first) / first
        mean = (second - first) / np.where(np.abs(growth) < 0.5, np.log1p(growth), np.log(second / first))
    return np.asarray(np.where(first == second, first, mean), dtype=np.float64)


def logarithmic_mean(first: float, second: float) -> float:
    """`logarithmic_means` of two numbers."""
    return float(logarithmic_means(np.array(first), np.array(second)))


def product(factors: tuple[float, ...]) -> float:
    """Product of the factors."""
    return float(prod(factors))


def _shapley_slopes(old: FloatArray, new: FloatArray) -> FloatArray:
    """Mean over all orders of change of the product of the other factors, those changed before at their new value."""
    count = len(old)
    found = np.zeros(old.shape)
    for factor in range(count):
        others = [other for other in range(count) if other != factor]
        for size in range(count):
            orders = factorial(size) * factorial(count - size - 1)
            for changed in combinations(others, size):
                parts = [new[other] if other in changed else old[other] for other in others]
                found[factor] += orders * np.asarray(parts).prod(axis=0)
    return found / factorial(count)
