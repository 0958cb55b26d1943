"""How an organisation's won deals spread over the months of a year, for quotas of longer periods (method §5, Calendar)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MONTHS_OF_YEAR = 12
MONTHS_OF_QUARTER = 3
# Two whole years tell a season from chance; one year has four quarters that tell it of the quarter's months.
FEWEST_MONTHS_FOR_YEAR = 2 * MONTHS_OF_YEAR
FEWEST_MONTHS_FOR_QUARTER = MONTHS_OF_YEAR


def month_weights(won: FloatArray, months: int, months_between: int = 0) -> FloatArray:
    """Weights of the months of a period, each in proportion to what is won in such months; they sum to 1.

    With two whole years of history by month of the year, with one by month of the quarter, else evenly.

    Args:
        won: what was won in each of the months up to the last known one, in order.
        months: length of the period.
        months_between: months between the last known one and the period's first.
    """
    places = np.arange(months) + months_between
    for cycle, fewest in (
        (MONTHS_OF_YEAR, FEWEST_MONTHS_FOR_YEAR),
        (MONTHS_OF_QUARTER, FEWEST_MONTHS_FOR_QUARTER),
    ):
        if len(won) >= fewest:
            shares = seasonal_shares(won, cycle)[places % cycle]
            return np.asarray(shares / shares.sum()) if shares.sum() > 0 else _even(months)
    return _even(months)


def seasonal_shares(won: FloatArray, cycle: int) -> FloatArray:
    """Share of a cycle's total that falls to each of its months, counted from the month after ``won``.

    The mean over the whole cycles that end with the last month, each cycle counting alike, drawn to even shares by
    1 − noise ÷ spread between the months (James and Stein): what may be chance is left out.
    """
    cycles = len(won) // cycle
    totals = np.clip(won[len(won) - cycles * cycle :], 0.0, None).reshape(cycles, cycle)
    with_wins = totals[totals.sum(axis=1) > 0]
    if len(with_wins) < 2:
        return _even(cycle)
    shares = with_wins / with_wins.sum(axis=1, keepdims=True)
    mean = shares.mean(axis=0)
    # Shares sum to 1, which takes one degree of freedom off every cycle and off the spread.
    noise = ((shares - mean) ** 2).sum() / ((len(shares) - 1) * (cycle - 1)) / len(shares)
    spread = ((mean - 1.0 / cycle) ** 2).sum() / (cycle - 1)
    trust = max(1.0 - noise / spread, 0.0) if spread > 0 else 0.0
    return np.asarray(1.0 / cycle + trust * (mean - 1.0 / cycle))


def _even(parts: int) -> FloatArray:
    return np.full(parts, 1.0 / parts)
