"""A rep's month drawn many times over, for deals of unequal amounts (method §5).

In one draw, one month shock and one error of the organisation's coefficients are shared by everybody, and one error of
the rep's own by everything of a rep, open deals and new meetings alike. All shift the log-odds, and the centre of every
log-odds is set so that each chance keeps its mean. Given them, deals are independent. Errors drawn rep by rep alone would
cancel out in a team and leave its chance too sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagster_project.draws import hashed_key, stratified_normals, uniform_block
from dagster_project.log_odds import DrawSettings, log_odds_centres, month_shocks, shared_errors
from dagster_project.plan.chances.probability import spread_over_days
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
        spreads: standard deviation of the chance's log-odds, by an error shared by all reps.
        own_spread: the same by an error of this rep's own.
    """

    chances: FloatArray
    amounts: FloatArray
    spreads: FloatArray
    own_spread: float = 0.0


@dataclass(frozen=True)
class NewMeetings:
    """What a rep's new first meetings can bring before the month's end.

    Attributes:
        rates: chance of a meeting to be won in time, per remaining business day, in the order in which meetings are laid
            on the days.
        spread: standard deviation of the win rate's log-odds, all in all.
        price: mean amount of a won deal.
        size_factors: amounts of past won deals ÷ their mean.
        shared_spread: the part of ``spread`` by an error shared by all reps; the rest is this rep's own.
    """

    rates: FloatArray
    spread: float
    price: float
    size_factors: FloatArray
    shared_spread: float = 0.0

    @property
    def own_spread(self) -> float:
        """The part of ``spread`` by an error of this rep's own."""
        return float(np.sqrt(max(self.spread**2 - self.shared_spread**2, 0.0)))


@dataclass(frozen=True)
class MonthDraws:
    """What everybody shares in each draw of a month.

    Attributes:
        shocks: what the month does to everybody's log-odds.
        errors: standard normal; the error of the organisation's coefficients.
    """

    shocks: FloatArray
    errors: FloatArray


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


def month_draws(settings: DrawSettings, month: str) -> MonthDraws:
    """The draws that all reps share in the month of that name."""
    return MonthDraws(month_shocks(settings, month), shared_errors(settings, month))


def draw_outcomes(
    key: Sequence[str],
    deals: OpenDeals,
    new: NewMeetings,
    most_meetings: int,
    month: MonthDraws,
    settings: DrawSettings,
) -> Outcomes:
    """Draw one rep's month.

    Args:
        key: names rep and month; the same key gives the same draws.
        most_meetings: how many new meetings to draw.
    """
    own = stratified_normals(hashed_key(settings.salt, *key, "coefficients"), settings.draws)
    open_key, new_key, size_key = (hashed_key(settings.salt, *key, kind) for kind in ("open", "new", "size"))
    open_shift = month.shocks + deals.own_spread * own
    open_own = float(np.hypot(deals.own_spread, settings.month_shock))
    from_open = np.zeros(settings.draws)
    for start in range(0, len(deals.chances), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        chances = _Chances(deals.chances[rows], deals.spreads[rows], open_own)
        from_open += deals.amounts[rows] @ _won(open_key + start, chances, month.errors, open_shift)
    meetings = most_meetings if len(new.rates) else 0
    rates = new.rates[spread_over_days(meetings, len(new.rates))]
    new_own = float(np.hypot(new.own_spread, settings.month_shock))
    chances = _Chances(rates, np.full(meetings, new.shared_spread), new_own)
    won = _won(new_key, chances, month.errors, month.shocks + new.own_spread * own)
    money = np.where(won, _sizes(size_key, won.shape, new), 0.0)
    return Outcomes(from_open, np.vstack([np.zeros((1, settings.draws)), np.cumsum(money, axis=0)]))


@dataclass(frozen=True)
class _Chances:
    """Chances of deals, their spread by the shared error, and the spread of what else shifts them all alike."""

    means: FloatArray
    spreads: FloatArray
    shift_spread: float


def _won(key: int, chances: _Chances, errors: FloatArray, shift: FloatArray) -> NDArray[np.bool_]:
    """Which deals are won in which draw; shape (deals, draws)."""
    # Deals of one stage and age are alike: there are fewer chances than deals.
    pairs = np.stack([chances.means, chances.spreads])
    (means, spreads), each = np.unique(pairs, axis=1, return_inverse=True)
    centres = log_odds_centres(means, np.hypot(spreads, chances.shift_spread))
    log_odds = centres[:, None] + spreads[:, None] * errors + shift
    # A deal without any chance is not one in a billion: it is never won.
    won_below = np.where(means[:, None] > 0.0, 1.0 / (1.0 + np.exp(-log_odds)), 0.0)
    drawn = uniform_block(key % 2**64, (len(each), len(errors)))
    return np.asarray(drawn < won_below[each.ravel()])


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
        outcomes: one per rep, drawn with the same ``MonthDraws``.
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
