"""Chances of a number of won deals for many reps at once, by generating functions (method §5).

W = open deals + Σ_t Bin(n_t, p_t). Its generating function is a product, taken at points of a circle of radius just
below one: what would wrap around in the Fourier transform is damped to nothing, so that as many points suffice as there
are won deals asked for, however many deals there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ComplexArray = NDArray[np.complex128]

# What wraps around is damped by this factor; rounding grows by no more than its square root.
DAMPING = 1e-9
REPS_AT_ONCE = 32


@dataclass(frozen=True)
class Circle:
    """Points of a circle at which generating functions are taken.

    Attributes:
        length: chances of 0 … length ÷ 2 won deals come out.
        points: the upper half of the circle, shape (length ÷ 2 + 1,); the lower one mirrors it.
    """

    length: int
    points: ComplexArray

    @property
    def radius(self) -> float:
        """Distance of the points from zero."""
        return float(DAMPING ** (1.0 / self.length))

    def chance_of_at_least(self, needed: IntArray, product: ComplexArray) -> FloatArray:
        """P(won ≥ needed) from generating functions, shape (reps, points)."""
        terms = np.fft.irfft(product, self.length, axis=-1) / self.radius ** np.arange(self.length)
        fewer = np.where(np.arange(self.length) < needed[:, None], terms, 0.0).sum(axis=1)
        return np.asarray(np.clip(1.0 - fewer, 0.0, 1.0))


def circle_for(most_needed: int) -> Circle:
    """A circle fine enough for up to ``most_needed`` won deals."""
    length = 16
    while length < 2 * most_needed + 2:
        length *= 2
    radius = DAMPING ** (1.0 / length)
    return Circle(length, radius * np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length))


@dataclass(frozen=True)
class OpenWins:
    """Open deals of all reps, one place per deal, in order of their rep.

    Attributes:
        rep: number of the deal's rep, rising.
        chances: P(won in the month), deals × months.
        sizes: amount in won deals of the rep's price; a size of 2.3 counts as 2 or 3, 2.3 in the mean.
    """

    rep: IntArray
    chances: FloatArray
    sizes: FloatArray


def open_products(deals: OpenWins, reps: int, circle: Circle) -> ComplexArray:
    """Generating functions of what open deals bring, shape (reps, months, points)."""
    months = deals.chances.shape[1]
    found = np.ones((reps, months, len(circle.points)), dtype=np.complex128)
    for first in range(0, reps, REPS_AT_ONCE):
        begin, end = np.searchsorted(deals.rep, (first, first + REPS_AT_ONCE))
        if begin == end:
            continue
        present, starts = np.unique(deals.rep[begin:end], return_index=True)
        of_size = _size_powers(deals.sizes[begin:end], circle) - 1.0
        for month in range(months):
            factors = 1.0 + deals.chances[begin:end, month, None] * of_size
            found[present, month] = np.multiply.reduceat(factors, starts, axis=0)
    return found


def _size_powers(sizes: FloatArray, circle: Circle) -> ComplexArray:
    """E[z^size] of sizes rounded down or up so that their mean stays; a size beyond the circle makes any need."""
    kept = np.clip(sizes, 0.0, circle.length)
    below = np.floor(kept).astype(np.int64)
    powers = circle.points ** np.arange(circle.length + 2)[:, None]
    share = (kept - below)[:, None]
    return np.asarray((1.0 - share) * powers[below] + share * powers[below + 1])


def meetings_product(meetings: IntArray, chances: FloatArray, circle: Circle) -> ComplexArray:
    """Generating functions of Bin(meetings, chance), one per rep, shape (reps, points)."""
    return np.asarray((1.0 + chances[:, None] * (circle.points - 1.0)) ** meetings[:, None])
