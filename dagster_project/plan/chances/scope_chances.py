"""The chance of making quota with the plan and with today's pace, and the team's insurance (method §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.chances.month_shock import draw_settings
from dagster_project.plan.chances.simulation import (
    NewMeetings,
    OpenDeals,
    Outcomes,
    chance_of_amount,
    draw_outcomes,
    insured_meetings,
    month_draws,
)
from dagster_project.plan.coefficients import SMALLEST_FIGURE
from dagster_project.plan.counts import Counts
from dagster_project.plan.inputs import PlanInputs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SIZES_KEPT = 512
# Shares for the split of a team's insurance are whole; hundredths of a meeting are fine enough.
SHARE_UNITS = 100
CHANCES_SCHEMA = pl.Schema(
    {
        "scope_kind": pl.String,
        "scope_id": pl.String,
        "probability_of_quota": pl.Float64,
        "probability_at_pace": pl.Float64,
        "insurance_meetings": pl.Int64,
    }
)


@dataclass(frozen=True)
class RepMonth:
    """One rep's month as the draws need it.

    Attributes:
        team: reps of one team share its insurance; empty for a rep without team.
        missing: quota less money won; below zero when the quota is passed.
        has_quota: without one there is nothing to be sure of.
        currency: money of several currencies is never added up.
    """

    rep_id: str
    team: str
    missing: float
    has_quota: bool
    deals: OpenDeals
    new: NewMeetings
    currency: str = ""


@dataclass(frozen=True)
class MeetingsHeld:
    """New meetings of each rep from the plan date to the month's end; arrays with one place per rep.

    Attributes:
        planned: when the plan is held.
        at_pace: when the rep goes on as before (``pace.meetings_at_pace``); nan where no pace is known.
    """

    planned: IntArray
    at_pace: FloatArray


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


def chances_by_scope(
    months: Sequence[RepMonth], counts: Counts, held: MeetingsHeld, inputs: PlanInputs
) -> pl.DataFrame:
    """One row per rep of ``months`` in their order, then per team by id, then one of the organisation (id '').

    Columns of ``CHANCES_SCHEMA``: probability_of_quota with the planned meetings (null without quota),
    probability_at_pace with those of today's pace (null where a pace is unknown), insurance_meetings (null without
    quota, and where the team cannot reach its chance this month). A team's chances are those of the sum of its reps'
    money in joint draws; null where it has several currencies. The organisation's insurance is that of its teams.
    """
    drawn = _drawn_reps(months, counts, held, inputs)
    teams = sorted({month.team for month in months} - {""})
    scopes = [
        *(("rep", month.rep_id, [n]) for n, month in enumerate(months)),
        *(("team", team, [n for n, month in enumerate(months) if month.team == team]) for team in teams),
        ("organization", "", list(range(len(months)))),
    ]
    rows = [
        (kind, scope_id, *_scope_chances([n for n in places if n in drawn], months, drawn))
        for kind, scope_id, places in scopes
    ]
    return pl.DataFrame(rows, schema=CHANCES_SCHEMA, orient="row")


@dataclass(frozen=True)
class _DrawnRep:
    """Money by the month's end per draw, with the plan and at pace, and the rep's part of the team's insurance."""

    planned: FloatArray
    at_pace: FloatArray | None
    insurance: int | None


def _drawn_reps(
    months: Sequence[RepMonth], counts: Counts, held: MeetingsHeld, inputs: PlanInputs
) -> dict[int, _DrawnRep]:
    """Of the reps with quota, by place. Whole outcomes are kept for one team at a time: they are large."""
    settings = draw_settings(inputs)
    shared = month_draws(settings, str(inputs.month_start_date))
    found: dict[int, _DrawnRep] = {}
    for team in dict.fromkeys((month.team, month.currency) for month in months):
        places = [
            n for n, month in enumerate(months) if (month.team, month.currency) == team and month.has_quota
        ]
        outcomes = [
            draw_outcomes(
                (str(inputs.month_start_date), months[n].rep_id),
                months[n].deals,
                months[n].new,
                int(counts.most_meetings[n]),
                shared,
                settings,
            )
            for n in places
        ]
        insured = _insure(months, counts, places, outcomes, inputs.parameters.insurance_probability)
        for place, (n, outcome) in enumerate(zip(places, outcomes, strict=True)):
            pace = held.at_pace[n]
            found[n] = _DrawnRep(
                outcome.amounts(int(held.planned[n])),
                outcome.amounts(round(pace)) if np.isfinite(pace) else None,
                None if insured is None else int(insured[place]),
            )
    return found


def _scope_chances(
    places: Sequence[int], months: Sequence[RepMonth], drawn: dict[int, _DrawnRep]
) -> tuple[float | None, float | None, int | None]:
    """Chance with the plan, chance at pace, insurance of the reps at these places; nulls where there are none."""
    reps = [drawn[n] for n in places]
    insurance = _total([rep.insurance for rep in reps])
    if not reps or len({months[n].currency for n in places}) > 1:
        return None, None, insurance
    missing = sum(months[n].missing for n in places)
    planned = chance_of_amount(np.sum([rep.planned for rep in reps], axis=0), missing)
    at_pace = [rep.at_pace for rep in reps if rep.at_pace is not None]
    if len(at_pace) < len(reps):
        return planned, None, insurance
    return planned, chance_of_amount(np.sum(at_pace, axis=0), missing), insurance


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if numbers and len(known) == len(numbers) else None


def _insure(
    months: Sequence[RepMonth], counts: Counts, places: list[int], outcomes: list[Outcomes], chance: float
) -> IntArray | None:
    """The team's target nets reps above quota against reps below it, as the team's own quota does."""
    most = counts.most_meetings[places]
    shares = np.round(SHARE_UNITS * np.minimum(counts.even_pace[places], most)).astype(np.int64)
    target = sum(months[n].missing for n in places)
    return insured_meetings(outcomes, shares, most, target, chance)
