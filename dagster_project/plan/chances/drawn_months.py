"""Each rep's month as the draws need it: open deals and new meetings with their chances and how sure these are.

The marts' chance of an open deal knows its stage, age and calendar, not whose it is; the rate of a new meeting knows
whose it is, not the calendar. Here each is given what it lacks: odds of an open deal are multiplied by the odds of the
rep's (shrunk) win rate ÷ those of the organisation's, and a new meeting's chance by the calendar factor of the month.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.chances.scope_chances import RepMonth, open_deals, size_factors
from dagster_project.plan.chances.simulation import NewMeetings, OpenDeals
from dagster_project.plan.coefficients import organization_win_rate
from dagster_project.plan.goals.rep_goals import DEALS
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.rep_month import RepMonths

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ONE_SIZE = np.ones(1)
NO_DEALS = OpenDeals(np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class _WinRate:
    """A win rate and the standard deviation of its log-odds."""

    value: float
    spread: float


def drawn_months(inputs: PlanInputs, months: RepMonths) -> list[RepMonth]:
    """One per rep of ``months.table``, in its order."""
    deals_of = open_deals(months.deals)
    sizes = size_factors(inputs.opportunities)
    everyone = _WinRate(*organization_win_rate(inputs))
    factor, weeks = calendar_factor(inputs), months.remaining.week_of_day
    rows = months.table.iter_rows(named=True)
    return [
        RepMonth(
            rep_id=row["rep_id"],
            team=row["team_id"] or "",
            missing=(row["goal_amount"] or 0.0) - row["won_amount_to_date"],
            has_quota=row["quota_amount"] is not None,
            deals=_as_the_rep_wins(
                deals_of.get(row["rep_id"], NO_DEALS),
                _WinRate(row["measured_win_rate"], row["win_rate_spread"]),
                everyone,
            ),
            new=NewMeetings(
                at_factor(row["win_rate"] * months.won_by_day[laying_order(works, weeks)], factor),
                row["win_rate_spread"],
                row["average_price"] or 0.0,
                ONE_SIZE if row["goal_unit"] == DEALS else sizes,
                min(everyone.spread, row["win_rate_spread"]),
            ),
            currency=row["goal_unit"],
        )
        for row, works in zip(rows, months.remaining.weights, strict=True)
    ]


def laying_order(works: IntArray, week_of_day: IntArray) -> IntArray:
    """Places of a rep's working days in the order in which the plan lays one meeting after the other on them.

    Weeks share in proportion to their days, and a week's first days come first, as by largest remainder in ``steps``.
    """
    places = np.flatnonzero(works > 0)
    week = week_of_day[places]
    first = np.searchsorted(week, week)
    share_of_week = (np.arange(len(week)) - first + 0.5) / np.bincount(week)[week]
    return np.asarray(places[np.argsort(share_of_week, kind="stable")], dtype=np.int64)


def _as_the_rep_wins(deals: OpenDeals, own: _WinRate, everyone: _WinRate) -> OpenDeals:
    """Open deals with the odds of this rep; what is uncertain about the rep is the rep's own error."""
    ratio = _odds(own.value) / _odds(everyone.value)
    chances = deals.chances * ratio / (1.0 + deals.chances * (ratio - 1.0))
    own_spread = float(np.sqrt(max(own.spread**2 - everyone.spread**2, 0.0)))
    return replace(deals, chances=chances, own_spread=own_spread)


def _odds(rate: float) -> float:
    inside = min(max(rate, 1e-6), 1.0 - 1e-6)
    return inside / (1.0 - inside)


def calendar_factor(inputs: PlanInputs) -> float:
    """How many times the wins that age explains come in the planned month; one where no calendar was chosen."""
    month_of_quarter = (inputs.plan_date.month - 1) % 3 + 1
    found = inputs.calendar_factors.filter(pl.col("month_of_quarter") == month_of_quarter)["win_factor"]
    return float(found[0]) if len(found) and found[0] > 0 else 1.0


def at_factor(chances: FloatArray, factor: float) -> FloatArray:
    """Chances when the hazard of winning is so many times as large."""
    return np.asarray(-np.expm1(factor * np.log1p(-np.clip(chances, 0.0, 1.0 - 1e-12))), dtype=np.float64)
