"""The chance of making quota with the plan, and the team's insurance (method §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.log_odds import month_shocks
from dagster_project.plan.coefficients import SMALLEST_FIGURE
from dagster_project.plan.counts import Counts
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.simulation import (
    NewMeetings,
    OpenDeals,
    Outcomes,
    chance_of_amount,
    draw_outcomes,
    insured_meetings,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SIZES_KEPT = 512
# Shares for the split of a team's insurance are whole; hundredths of a meeting are fine enough.
SHARE_UNITS = 100


@dataclass(frozen=True)
class RepMonth:
    """One rep's month as the draws need it.

    Attributes:
        team: reps of one team share its insurance.
        missing: quota less money won; below zero when the quota is passed.
        has_quota: without one there is nothing to be sure of.
    """

    rep_id: str
    team: str
    missing: float
    has_quota: bool
    deals: OpenDeals
    new: NewMeetings


def size_factors(opportunities: pl.DataFrame) -> FloatArray:
    """Amounts of won deals ÷ their mean (within a currency), as at most ``SIZES_KEPT`` quantiles of mean one."""
    won = opportunities.filter(pl.col("status") == "won", pl.col("amount") >= SMALLEST_FIGURE)
    factors = won.select(pl.col("amount") / pl.col("amount").mean().over("currency"))["amount"].to_numpy()
    if not len(factors):
        return np.ones(1)
    kept = min(len(factors), SIZES_KEPT)
    quantiles = np.quantile(factors, (np.arange(kept) + 0.5) / kept)
    return np.asarray(quantiles / quantiles.mean())


def open_deals(deals: pl.DataFrame) -> dict[str, OpenDeals]:
    """Credited deals of each rep that has any."""
    credited = deals.filter(pl.col("is_credited")).partition_by("rep_id", as_dict=True)
    return {
        str(rep_id): OpenDeals(
            rows["chance"].to_numpy(), rows["amount"].to_numpy(), rows["spread"].to_numpy()
        )
        for (rep_id,), rows in credited.items()
    }


def chances_of_quota(months: Sequence[RepMonth], counts: Counts, inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep of ``months``, in their order.

    Columns: probability_of_quota (null without quota), insurance_meetings (null without quota, and where the team
    cannot reach the chance this month).
    """
    shocks = month_shocks(inputs.parameters.draws, str(inputs.month_start_date))
    probabilities: list[float | None] = [None] * len(months)
    insurance: list[int | None] = [None] * len(months)
    for team in dict.fromkeys(month.team for month in months):
        places = [n for n, month in enumerate(months) if month.team == team and month.has_quota]
        outcomes = [_draw(months[n], int(counts.most_meetings[n]), shocks, inputs) for n in places]
        for n, drawn in zip(places, outcomes, strict=True):
            money = drawn.amounts(int(counts.planned_meetings[n]))
            probabilities[n] = chance_of_amount(money, months[n].missing)
        allocated = _insure(months, counts, places, outcomes, inputs.parameters.insurance_probability)
        for n, meetings in zip(places, [] if allocated is None else allocated.tolist(), strict=False):
            insurance[n] = meetings
    return pl.DataFrame(
        {"probability_of_quota": probabilities, "insurance_meetings": insurance},
        schema={"probability_of_quota": pl.Float64, "insurance_meetings": pl.Int64},
    )


def _draw(month: RepMonth, most_meetings: int, shocks: FloatArray, inputs: PlanInputs) -> Outcomes:
    key = (str(inputs.month_start_date), month.rep_id)
    return draw_outcomes(key, month.deals, month.new, most_meetings, shocks, inputs.parameters.draws)


def _insure(
    months: Sequence[RepMonth], counts: Counts, places: list[int], outcomes: list[Outcomes], chance: float
) -> IntArray | None:
    """The team's target nets reps above quota against reps below it, as the team's own quota does."""
    most = counts.most_meetings[places]
    shares = np.round(SHARE_UNITS * np.minimum(counts.even_pace[places], most)).astype(np.int64)
    target = sum(months[n].missing for n in places)
    return insured_meetings(outcomes, shares, most, target, chance)
