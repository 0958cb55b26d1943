"""How large an odds ratio must be for so many closed deals to show it (method §6, "Won against lost")."""

from __future__ import annotations

from math import sqrt

from dagster_project.estimate.special import normal_quantile

# What the smallest effect of a trial is usually asked for: 5 %, two-sided, and 80 % power.
SIGNIFICANCE, POWER = 0.05, 0.80
# An odds ratio beyond this is no answer: with so few deals nothing shows.
_LARGEST_RATIO = 100.0
_HALVINGS = 60


def detectable_odds_ratio(deals: int, base_rate: float, share: float = 0.5) -> float | None:
    """The smallest odds ratio that Fisher's test shows with 80 % power at 5 %; None where none below 100 is enough.

    Args:
        deals: closed deals in all.
        base_rate: share of them won, with and without the trait together.
        share: share of them with the trait.
    """
    most = min(1.0, base_rate / share) if 0 < share < 1 else base_rate
    if not 0 < base_rate < 1 or most <= base_rate:
        return None
    low, high = base_rate, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if deals_needed(middle, base_rate, share) <= deals else (middle, high)
    ratio = _odds_ratio(high, _rate_without(high, base_rate, share))
    return ratio if ratio <= _LARGEST_RATIO else None


def deals_needed(rate_with: float, base_rate: float, share: float) -> float:
    """Deals for 80 % power at 5 %: normal approximation with the continuity correction that follows Fisher's test.

    Casagrande, Pike and Smith (1978); for groups of unequal size Fleiss, Tytun and Ury (1980).
    """
    rate_without = _rate_without(rate_with, base_rate, share)
    others = (1 - share) / share
    gap = rate_with - rate_without
    if gap <= 0:
        return float("inf")
    significance = float(normal_quantile(1 - SIGNIFICANCE / 2)) * sqrt(
        (others + 1) * base_rate * (1 - base_rate)
    )
    power = float(normal_quantile(POWER)) * sqrt(
        others * rate_with * (1 - rate_with) + rate_without * (1 - rate_without)
    )
    with_it = (significance + power) ** 2 / (others * gap**2)
    corrected = with_it / 4 * (1 + sqrt(1 + 2 * (others + 1) / (with_it * others * gap))) ** 2
    return corrected / share


def _rate_without(rate_with: float, base_rate: float, share: float) -> float:
    return max((base_rate - share * rate_with) / (1 - share), 0.0)


def _odds_ratio(rate_with: float, rate_without: float) -> float:
    if rate_with >= 1 or rate_without <= 0:
        return float("inf")
    return rate_with / (1 - rate_with) / (rate_without / (1 - rate_without))
