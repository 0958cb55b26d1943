"""Why Revenue Velocity changed: exact contributions of its four factors (method §3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import isclose, log

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
    old, new = before.multipliers, after.multipliers
    if min(*old, *new) == 0:
        return Contributions(*_shapley(old, new))
    weight = logarithmic_mean(before.per_day, after.per_day)
    deals, price, rate, cycle = (weight * log(b / a) for a, b in zip(old, new, strict=True))
    return Contributions(deals, price, rate, cycle)


def logarithmic_mean(first: float, second: float) -> float:
    """(second - first) / ln(second / first); the value itself where both agree. Both above zero."""
    if isclose(first, second, rel_tol=1e-12):
        return first
    return (second - first) / log(second / first)


def product(factors: tuple[float, ...] | FloatArray) -> float:
    """Product of the factors."""
    result = 1.0
    for factor in factors:
        result *= float(factor)
    return result


def _shapley(old: tuple[float, ...], new: tuple[float, ...]) -> tuple[float, float, float, float]:
    totals = [0.0] * 4
    orders = list(permutations(range(4)))
    for order in orders:
        current = list(old)
        for factor in order:
            before = product(tuple(current))
            current[factor] = new[factor]
            totals[factor] += product(tuple(current)) - before
    deals, price, rate, cycle = (total / len(orders) for total in totals)
    return deals, price, rate, cycle
