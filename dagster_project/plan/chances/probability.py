"""Chances of reaching a number of won deals, exact (method §5, "The tree is a coin-flip").

``n* = min{n : P(W_in_flight + W_new(n) ≥ k) ≥ q}``. W_in_flight is Poisson-binomial over the open deals, W_new
binomial, Beta-binomial where the rate itself is uncertain, or Poisson-binomial where each meeting has the rate
F_w(days left to it). Every deal counts one here; unequal amounts of money are simulated in ``simulation``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
# From a number of new meetings to P(won = 0), P(won = 1), … of at least the asked length.
WonFromNew = Callable[[int, int], FloatArray]

DIRECT_CONVOLUTION_LENGTH = 64


@dataclass(frozen=True)
class KnownRate:
    """Every new meeting is won with the same known rate."""

    rate: float

    def __call__(self, meetings: int, length: int) -> FloatArray:
        """Binomial P(won = 0 … length − 1)."""
        return binomial(meetings, self.rate, length)


@dataclass(frozen=True)
class UncertainRate:
    """One unknown rate shared by all new meetings, distributed Beta(won, not_won)."""

    won: float
    not_won: float

    def __call__(self, meetings: int, length: int) -> FloatArray:
        """Beta-binomial P(won = 0 … length − 1)."""
        return beta_binomial(meetings, self.won, self.not_won, length)


@dataclass(frozen=True)
class RateByDaysLeft:
    """New meetings spread evenly over the remaining days, each with F_w(days left to it).

    Attributes:
        rates: one per remaining business day, in the order in which meetings are laid on the days.
    """

    rates: tuple[float, ...]

    def __call__(self, meetings: int, length: int) -> FloatArray:
        """Poisson-binomial P(won = 0 … length − 1)."""
        rates = np.asarray(self.rates)[spread_over_days(meetings, len(self.rates))]
        return _padded(poisson_binomial(rates), length)


def spread_over_days(meetings: int, days: int) -> NDArray[np.int64]:
    """Day index of each meeting: one on every day in their order, then again from the first."""
    return np.arange(meetings, dtype=np.int64) % max(days, 1)


def poisson_binomial(chances: ArrayLike) -> FloatArray:
    """P(won = 0 … n) of n independent deals with their own chances; shape (n + 1,).

    Two-point distributions are convolved in pairs, level by level: directly while short, where every term is a sum
    of positives, by FFT when long.
    """
    pairs = np.asarray(chances, dtype=np.float64).ravel()
    if ((pairs < 0.0) | (pairs > 1.0)).any():
        raise ValueError("a chance must lie between 0 and 1")
    parts = [np.array([1.0 - chance, chance]) for chance in pairs] or [np.ones(1)]
    while len(parts) > 1:
        left = [parts[-1]] if len(parts) % 2 else []
        parts = [_convolved(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)] + left
    return parts[0]


def _convolved(a: FloatArray, b: FloatArray) -> FloatArray:
    if min(len(a), len(b)) <= DIRECT_CONVOLUTION_LENGTH:
        return np.convolve(a, b)
    length = len(a) + len(b) - 1
    product = np.fft.irfft(np.fft.rfft(a, length) * np.fft.rfft(b, length), length)
    return np.clip(product, 0.0, 1.0)


def _padded(distribution: FloatArray, length: int) -> FloatArray:
    return np.pad(distribution[:length], (0, max(0, length - len(distribution))))


def binomial(trials: int, rate: float, length: int | None = None) -> FloatArray:
    """P(won = 0 … length − 1) of ``trials`` with one known rate; all of 0 … trials by default."""
    from scipy.special import xlog1py, xlogy  # type: ignore[import-untyped, unused-ignore]

    won, log_ways = _won_and_log_ways(trials, length)
    terms = np.exp(log_ways + xlogy(won, rate) + xlog1py(trials - won, -rate))
    return _padded(np.asarray(terms), trials + 1 if length is None else length)


def beta_binomial(trials: int, won: float, not_won: float, length: int | None = None) -> FloatArray:
    """P(won = 0 … length − 1) of ``trials`` whose one rate is Beta(won, not_won); all of 0 … trials by default."""
    from scipy.special import betaln  # type: ignore[import-untyped, unused-ignore]

    count, log_ways = _won_and_log_ways(trials, length)
    terms = np.exp(log_ways + betaln(count + won, trials - count + not_won) - betaln(won, not_won))
    return _padded(np.asarray(terms), trials + 1 if length is None else length)


def _won_and_log_ways(trials: int, length: int | None) -> tuple[FloatArray, FloatArray]:
    """0 … trials, cut to ``length``, and the logarithm of how many ways lead to each."""
    from scipy.special import gammaln  # type: ignore[import-untyped, unused-ignore]

    won = np.arange(trials + 1 if length is None else min(length, trials + 1), dtype=np.float64)
    log_ways: FloatArray = gammaln(trials + 1.0) - gammaln(won + 1.0) - gammaln(trials - won + 1.0)
    return won, log_ways


def chance_of_at_least(needed: int, in_flight: FloatArray, new: FloatArray) -> float:
    """P(in flight + new ≥ needed).

    Args:
        needed: won deals.
        in_flight: P(won = 0, 1, …) of the open deals, complete.
        new: P(won = 0 … needed − 1) of the new meetings; longer is fine.
    """
    if needed <= 0:
        return 1.0
    fewer_than = np.concatenate(([0.0], np.cumsum(_padded(new, needed))))
    still_needed = np.clip(needed - np.arange(len(in_flight)), 0, needed)
    return float(np.clip(1.0 - in_flight @ fewer_than[still_needed], 0.0, 1.0))


def fewest_meetings(
    needed: int, chance: float, new: WonFromNew, in_flight: FloatArray | None = None, most: int = 100_000
) -> int | None:
    """n*: the fewest new meetings that reach ``needed`` won deals with at least ``chance``.

    Returns:
        A number of meetings (or of touches, with a rate per touch); None where even ``most`` are not enough.
    """
    open_deals = np.ones(1) if in_flight is None else in_flight

    def enough(meetings: int) -> bool:
        return chance_of_at_least(needed, open_deals, new(meetings, max(needed, 1))) >= chance

    highest = 1
    while not enough(highest):
        if highest >= most:
            return None
        highest = min(2 * highest, most)
    return _first_true(enough, 0, highest)


def _first_true(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest number in [low, high] for which a monotone condition holds; it holds at ``high``."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
