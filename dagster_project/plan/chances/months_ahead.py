"""Several months planned at once, where deals take longer than a month to win (method §5).

``W_{m+j} = Σ_t Bin(n_t, F_w(T_j − t) − F_w(T_{j−1} − t))`` plus what open deals bring in that month. n_t is the fewest
meetings of month t with which every month from t on is made with the chance asked for, given that later months hold no
more than their limit: what a later month can still do for itself is not asked of an earlier one. A month out of reach
asks for its limit and no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagster_project.plan.chances.won_later import (
    Circle,
    ComplexArray,
    OpenWins,
    circle_for,
    meetings_product,
    open_products,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# fct_win_ahead looks at the ends of six months.
MOST_MONTHS = 6
# The months planned together are those in which this share of a meeting's wins falls.
SHARE_COVERED = 0.9
# Beyond so many won deals a month, a unit is several deals: nobody's plan turns on one of them.
MOST_UNITS = 256


@dataclass(frozen=True)
class MonthsAhead:
    """The planned month and those after it; arrays begin with reps, then months (the planned one first).

    Attributes:
        needed: won deals of the average price still missing for the month's quota, whole; (reps, months).
        won_in_month: chance that a meeting held in month t is won in month j; (reps, months t, months j).
        limits: meetings of month t that month j may ask for; (reps, months t, months j).
        chance: with which a month's quota is to be made; (reps, months).
        open_deals: see ``OpenWins``; its chances are by month.
    """

    needed: IntArray
    won_in_month: FloatArray
    limits: IntArray
    chance: FloatArray
    open_deals: OpenWins


@dataclass(frozen=True)
class MeetingsByMonth:
    """Meetings of each month, and the chance of each month's quota when all of them are held; (reps, months)."""

    meetings: IntArray
    chance: FloatArray


def fewest_meetings_by_month(ahead: MonthsAhead) -> MeetingsByMonth:
    """n_t of every rep and month."""
    scaled = _in_units(ahead)
    circle = circle_for(int(scaled.needed.max(initial=0)))
    products = open_products(scaled.open_deals, len(scaled.needed), circle)
    held = np.stack([scaled.limits[:, t, t:].max(axis=1) for t in range(scaled.needed.shape[1])], axis=1)
    for month in range(held.shape[1]):
        others = _without(month, held, scaled, products, circle)
        held[:, month] = _fewest(month, others, scaled, circle)
    last = held.shape[1] - 1
    chances = [
        circle.chance_of_at_least(
            scaled.needed[:, j],
            _without(last, held, scaled, products, circle)[:, j]
            * meetings_product(held[:, last], scaled.won_in_month[:, last, j], circle),
        )
        for j in range(last + 1)
    ]
    return MeetingsByMonth(held, np.stack(chances, axis=1))


def _in_units(ahead: MonthsAhead) -> MonthsAhead:
    """With won deals counted in units of several where a rep needs very many."""
    unit = np.maximum(np.ceil(ahead.needed.max(axis=1, initial=0) / MOST_UNITS), 1.0)
    deals = ahead.open_deals
    return MonthsAhead(
        needed=np.ceil(ahead.needed / unit[:, None]).astype(np.int64),
        # A win fills a unit of u deals with chance 1/u: the mean stays.
        won_in_month=ahead.won_in_month / unit[:, None, None],
        limits=ahead.limits,
        chance=ahead.chance,
        open_deals=OpenWins(deals.rep, deals.chances, deals.sizes / unit[deals.rep]),
    )


def _without(
    month: int, held: IntArray, ahead: MonthsAhead, products: ComplexArray, circle: Circle
) -> ComplexArray:
    """Generating functions of every month's wins, those of the meetings of one month left out."""
    found = products.copy()
    for t in range(held.shape[1]):
        for j in range(t, held.shape[1]):
            if t != month:
                found[:, j] *= meetings_product(held[:, t], ahead.won_in_month[:, t, j], circle)
    return found


def _fewest(month: int, others: ComplexArray, ahead: MonthsAhead, circle: Circle) -> IntArray:
    """The fewest meetings of one month that make every month from it on."""
    found = np.zeros(len(others), dtype=np.int64)
    for j in range(month, ahead.needed.shape[1]):
        found = np.maximum(found, _fewest_for(month, j, others[:, j], ahead, circle))
    return found


def _fewest_for(month: int, j: int, others: ComplexArray, ahead: MonthsAhead, circle: Circle) -> IntArray:
    """The fewest meetings of ``month`` that make month j, or its limit; bisection over all reps at once."""
    low, high = np.zeros(len(others), dtype=np.int64), ahead.limits[:, month, j].copy()
    while (low < high).any():
        middle = (low + high) // 2
        product = others * meetings_product(middle, ahead.won_in_month[:, month, j], circle)
        made = circle.chance_of_at_least(ahead.needed[:, j], product) >= ahead.chance[:, j]
        high = np.where(made & (low < high), middle, high)
        low = np.where(made | (low >= high), low, middle + 1)
    return high
