"""Whole numbers that add up: largest remainder with fixed tie-breaking (method §5, Calendar).

Weights are whole numbers too (business days, or half days), so every quotient and remainder is exact and the same
split comes out on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]


def largest_remainder(totals: ArrayLike, weights: ArrayLike) -> IntArray:
    """Split each total in proportion to its row of weights.

    Each part is the quotient rounded down; what is left goes one by one to the largest remainders, and among equal
    remainders to the earliest part. 50 over four equal weeks gives 13, 13, 12, 12.

    Args:
        totals: whole numbers ≥ 0, shape (n,) or a single number.
        weights: whole numbers ≥ 0, shape (n, parts) or (parts,).

    Returns:
        Whole numbers ≥ 0 of the shape of ``weights``; each row sums to its total, a part of weight zero gets zero.

    Raises:
        ValueError: a negative number, or something to split over weights that are all zero.
    """
    split = np.asarray(totals, dtype=np.int64)
    shares = np.asarray(weights, dtype=np.int64)
    rows = _split_rows(np.atleast_1d(split), np.atleast_2d(shares))
    return rows.reshape(shares.shape)


def _split_rows(totals: IntArray, weights: IntArray) -> IntArray:
    if (totals < 0).any() or (weights < 0).any():
        raise ValueError("totals and weights must not be negative")
    weight_sums = weights.sum(axis=1)
    if ((weight_sums == 0) & (totals > 0)).any():
        raise ValueError("something to split, but every weight is zero")
    quotients, remainders = np.divmod(totals[:, None] * weights, np.maximum(weight_sums, 1)[:, None])
    left_over = totals - quotients.sum(axis=1)
    extra: IntArray = (_rank_of_largest(remainders) < left_over[:, None]).astype(np.int64)
    return np.asarray(quotients + extra)


def _rank_of_largest(remainders: IntArray) -> IntArray:
    """0 for the largest remainder of a row, 1 for the next; the earlier part first among equals."""
    order = np.argsort(-remainders, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable")
