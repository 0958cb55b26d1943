"""A rep's month drawn many times over, for deals of unequal amounts (method §5).

In one draw, one month shock is shared by every rep and one coefficient error by everything of a rep, open deals and
new meetings alike: both shift the log-odds, and the centre of every log-odds is set so that each chance keeps its
mean. Given the two, deals are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagster_project.draws import hashed_key, stratified_normals, uniform_block
from dagster_project.log_odds import DrawSettings, log_odds_centres
from dagster_project.plan.probability import spread_over_days
from dagster_project.plan.whole_numbers import largest_remainder

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Rows of a (deals × draws) block: a rep with thousands of open deals stays within a few megabytes.
ROWS_AT_ONCE = 256
MONEY_SLACK = 1e-9


@dataclass(frozen=True)
class OpenDeals:
    """A rep's open deals, one place per deal.

    Attributes:
        chances: P(won by the month's end).
        amounts: money.
        spreads: standard deviation of the chance's log-odds.
    """

    chances: FloatArray
    amounts: FloatArray
    spreads: FloatArray


@dataclass(frozen=True)
class NewMeetings:
    """What a rep's new first meetings can bring before the month's end.

    Attributes:
        rates: chance of a meeting to be won in time, per remaining business day.
        spread: standard deviation of the win rate's log-odds.
        price: mean amount of a won deal.
        size_factors: amounts of past won deals ÷ their mean.
    """

    rates: FloatArray
    spread: float
    price: float
    size_factors: FloatArray


@dataclass(frozen=True)
class Outcomes:
    """Money of one rep by the month's end, per draw.

    Attributes:
        from_open: shape (draws,).
        from_new: shape (meetings + 1, draws): with the first 0, 1, 2 … new meetings held.
    """

    from_open: FloatArray
    from_new: FloatArray

    def amounts(self, meetings: int) -> FloatArray:
        """Money per draw when so many new meetings are held; more than were drawn count as those drawn."""
        new: FloatArray = self.from_new[min(meetings, len(self.from_new) - 1)]
        return self.from_open + new


def draw_outcomes(
    key: Sequence[str],
    deals: OpenDeals,
    new: NewMeetings,
    most_meetings: int,
    shocks: FloatArray,
    settings: DrawSettings,
) -> Outcomes:
    """Draw one rep's month.

    Args:
        key: names rep and month; the same key gives the same draws.
        most_meetings: how many new meetings to draw.
        shocks: from ``month_shocks``, shared by all reps.
    """
    error = stratified_normals(hashed_key(settings.salt, *key, "coefficients"), settings.draws)
    from_open = _money_from_open(hashed_key(settings.salt, *key, "open"), deals, error, shocks, settings)
    meetings = most_meetings if len(new.rates) else 0
    rates = new.rates[spread_over_days(meetings, len(new.rates))]
    spreads = np.full(meetings, new.spread)
    won = _won(hashed_key(settings.salt, *key, "new"), rates, spreads, error, shocks, settings)
    money = np.where(won, _sizes(hashed_key(settings.salt, *key, "size"), won.shape, new), 0.0)
    return Outcomes(from_open, np.vstack([np.zeros((1, settings.draws)), np.cumsum(money, axis=0)]))


def _money_from_open(
    key: int, deals: OpenDeals, error: FloatArray, shocks: FloatArray, settings: DrawSettings
) -> FloatArray:
    money = np.zeros(len(error))
    for start in range(0, len(deals.chances), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        won = _won(key + start, deals.chances[rows], deals.spreads[rows], error, shocks, settings)
        money += deals.amounts[rows] @ won
    return money


def _won(
    key: int,
    chances: FloatArray,
    spreads: FloatArray,
    error: FloatArray,
    shocks: FloatArray,
    settings: DrawSettings,
) -> NDArray[np.bool_]:
    """Which deals are won in which draw; shape (deals, draws)."""
    centres = log_odds_centres(chances, np.hypot(spreads, settings.month_shock))
    log_odds = centres[:, None] + spreads[:, None] * error + shocks
    drawn = uniform_block(key % 2**64, log_odds.shape)
    return np.asarray(drawn * (1.0 + np.exp(-log_odds)) < 1.0)


def _sizes(key: int, shape: tuple[int, ...], new: NewMeetings) -> FloatArray:
    places = np.floor(uniform_block(key, shape) * len(new.size_factors)).astype(np.int64)
    return np.asarray(new.price * new.size_factors[places])


def chance_of_amount(money: FloatArray, target: float) -> float:
    """Share of draws that reach the target."""
    return float(np.mean(money >= target * (1.0 - MONEY_SLACK)))


def insured_meetings(
    outcomes: Sequence[Outcomes], shares: IntArray, most: IntArray, target: float, chance: float
) -> IntArray | None:
    """The fewest new meetings with which a team makes its quota with ``chance``, allocated to its reps.

    The chance is the team's: reps insured one by one would need far more (610 meetings against 537 in method §5).

    Args:
        outcomes: one per rep, drawn with shared shocks.
        shares: whole numbers; a rep gets meetings in proportion, by largest remainder.
        most: meetings that each rep can hold.
        target: money the team still has to win.

    Returns:
        Meetings per rep; None where even the most all can hold is not enough.
    """

    def allocated(meetings: int) -> IntArray:
        return np.minimum(largest_remainder(meetings, shares), most)

    def enough(meetings: int) -> bool:
        held = allocated(meetings)
        money = sum(
            (drawn.amounts(int(n)) for drawn, n in zip(outcomes, held, strict=True)), start=np.zeros(1)
        )
        return chance_of_amount(money, target) >= chance

    low, high = 0, _meetings_that_fill(shares, most)
    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return allocated(low)


def _meetings_that_fill(shares: IntArray, most: IntArray) -> int:
    """A number of meetings whose allocation reaches every rep's most."""
    with_share = shares > 0
    if not with_share.any():
        return 0
    return int(np.ceil(np.max((most[with_share] + 1) * shares.sum() / shares[with_share])))
