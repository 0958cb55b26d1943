"""The true figures of an organisation: its own parameters run on many more deals, followed to their end.

The reps, their accounts, the calendar and every hazard are those of the spec; only the intake is multiplied, so that what is
left of chance is far below what an estimator can see in the organisation itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa

from connectors.sandbox.generator.days import day_number
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray
from connectors.sandbox.generator.hazards import rep_factors
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.people import activity_rates, logging_shares
from connectors.sandbox.generator.pipeline import Pipeline, simulate
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.spells import stage_spells
from connectors.sandbox.generator.tables import seller_user_numbers, table, take, user_ids

FOLLOW_UP_DAYS = 420
MAXIMUM_STAGE_AGE_DAYS = 180


@dataclass(frozen=True)
class Truth:
    """True figures; shares between 0 and 1, times in calendar days.

    stages: one row per open stage — entered, conversion (left forwards or won), lost_share, moved_back_share, mean_days.
    win_by_horizon: one row per day since creation 0 … 365 — win_incidence.
    win_given_stage_age: one row per stage and age in stage 0 … 180 — p_win (ever), at_risk.
    reps: one row per seller — the rates of `rep_truth` and win_rate.
    """

    deals: int
    win_rate: float
    mean_won_price: float
    mean_won_cycle_days: float
    touch_to_appointment: float
    appointment_to_meeting: float
    stages: pa.Table
    win_by_horizon: pa.Table
    win_given_stage_age: pa.Table
    reps: pa.Table


def enlarged(spec: OrganizationSpec, deals: int) -> OrganizationSpec:
    """The same organisation with enough intake for about this many deals (at most 120 a rep and day)."""
    expected = spec.reps * max(spec.months, 1) * spec.opportunities_per_rep_month
    factor = min(max(deals / expected, 1.0), 120 * 20 / max(spec.opportunities_per_rep_month, 1e-9))
    return replace(spec, opportunities_per_rep_month=spec.opportunities_per_rep_month * factor)


def followed(spec: OrganizationSpec, deals: int) -> Pipeline:
    """The enlarged organisation's deals, followed for more than a year without new ones."""
    return simulate(enlarged(spec, deals), days_after_today=FOLLOW_UP_DAYS, intake_goes_on=False)


def win_days(pipeline: Pipeline) -> IntArray:
    """Day each deal was won; NEVER if not."""
    moves, days = pipeline.moves, np.full(len(pipeline.deals), NEVER)
    won = moves.to_stage == len(pipeline.spec.stages)
    np.minimum.at(days, moves.deal[won], moves.day[won])
    return days


def end_days(pipeline: Pipeline) -> IntArray:
    """Day each deal was last closed or deleted; NEVER while open."""
    moves, days = pipeline.moves, np.full(len(pipeline.deals), NEVER)
    days[moves.deal] = np.where(moves.to_stage >= len(pipeline.spec.stages), moves.day, NEVER)
    return days


def truth(spec: OrganizationSpec, *, deals: int = 200_000) -> Truth:
    """The true figures of an organisation, from about `deals` simulated deals (200,000 take a second or two)."""
    pipeline = followed(spec, deals)
    won = win_days(pipeline)
    is_won = won < NEVER
    cycle = won[is_won] - pipeline.deals.created_day[is_won]
    reps, rates = _reps(pipeline, is_won)
    return Truth(
        deals=len(pipeline.deals),
        win_rate=float(is_won.mean()),
        mean_won_price=float(pipeline.deals.base_amount[is_won].mean()),
        mean_won_cycle_days=float(cycle.mean()),
        touch_to_appointment=rates[0],
        appointment_to_meeting=rates[1],
        stages=_stages(pipeline),
        win_by_horizon=_win_by_horizon(pipeline, won),
        win_given_stage_age=_win_given_stage_age(pipeline, won),
        reps=reps,
    )


def _stages(pipeline: Pipeline) -> pa.Table:
    names, spells = pipeline.spec.stage_names, stage_spells(pipeline)
    ended = spells.exit_stage >= 0
    stage, left, exit_stage = spells.stage[ended], spells.left_day[ended], spells.exit_stage[ended]
    entered = np.bincount(stage, minlength=len(names))

    def share(mask: BoolArray) -> FloatArray:
        return np.bincount(stage[mask], minlength=len(names)) / np.maximum(entered, 1)

    days = np.bincount(stage, weights=left - spells.entered_day[ended], minlength=len(names))
    return table(
        {
            "stage_name": pa.array(names),
            "entered": pa.array(entered),
            "conversion": pa.array(share((exit_stage > stage) & (exit_stage <= len(names)))),
            "lost_share": pa.array(share(exit_stage == len(names) + 1)),
            "moved_back_share": pa.array(share(exit_stage < stage)),
            "mean_days": pa.array(days / np.maximum(entered, 1)),
        }
    )


def _win_by_horizon(pipeline: Pipeline, won: IntArray) -> pa.Table:
    after = np.minimum(won - pipeline.deals.created_day, 366)
    counts = np.bincount(after, minlength=367)[:366]
    incidence = np.cumsum(counts) / len(won)
    return table({"days": pa.array(np.arange(366)), "win_incidence": pa.array(incidence)})


def _win_given_stage_age(pipeline: Pipeline, won: IntArray) -> pa.Table:
    """P(ever won | still in the stage at this age), over all stays that lasted so long."""
    names, spells = pipeline.spec.stage_names, stage_spells(pipeline)
    lasted = np.minimum(spells.left_day, pipeline.last_day + 1) - spells.entered_day
    lasted = np.clip(lasted, 0, MAXIMUM_STAGE_AGE_DAYS + 1)
    wins_after = (won[spells.deal] < NEVER) & (won[spells.deal] >= np.minimum(spells.left_day, NEVER - 1))
    width = MAXIMUM_STAGE_AGE_DAYS + 2
    cell = spells.stage * width + lasted
    shape = (len(names), width)
    stays = np.bincount(cell, minlength=len(names) * width).reshape(shape)
    wins = np.bincount(cell[wins_after], minlength=len(names) * width).reshape(shape)
    at_risk = np.cumsum(stays[:, ::-1], axis=1)[:, ::-1][:, 1:]
    winning = np.cumsum(wins[:, ::-1], axis=1)[:, ::-1][:, 1:]
    age = np.tile(np.arange(width - 1), len(names))
    return table(
        {
            "stage_name": take(names, np.repeat(np.arange(len(names)), width - 1)),
            "age_days": pa.array(age),
            "at_risk": pa.array(at_risk.ravel()),
            "p_win": pa.array((winning / np.maximum(at_risk, 1)).ravel()),
        }
    )


def rep_truth(spec: OrganizationSpec) -> pa.Table:
    """One row per seller: rates of the activity steps, share logged, and the multiplier of the planted stage's hazard."""
    planted = spec.stage_names.index(spec.planted_bottleneck)
    rates = {
        "touch_to_appointment": activity_rates(spec, "touch_to_appointment", spec.touch_to_appointment),
        "appointment_to_meeting": activity_rates(spec, "appointment_to_meeting", spec.appointment_to_meeting),
        "logging_share": logging_shares(spec),
        "bottleneck_factor": rep_factors(spec)[:, planted],
    }
    return table(
        {
            "user_id": user_ids(seller_user_numbers(np.arange(spec.sellers))),
            **{name: pa.array(values) for name, values in rates.items()},
        }
    )


def _reps(pipeline: Pipeline, is_won: BoolArray) -> tuple[pa.Table, tuple[float, float]]:
    """Per seller, and the organisation's two activity rates: meetings, appointments and touches summed over what is logged."""
    spec, moves = pipeline.spec, pipeline.moves
    seller = pipeline.deals.seller
    created = np.bincount(seller, minlength=spec.sellers)
    wins = np.bincount(seller[is_won], minlength=spec.sellers)
    first = (moves.from_stage == 0) & (moves.to_stage > 0) & (moves.to_stage <= len(spec.stages))
    meetings = np.bincount(moves.owner[first], minlength=spec.sellers) * logging_shares(spec)
    held = activity_rates(spec, "appointment_to_meeting", spec.appointment_to_meeting)
    appointments = meetings / held
    touches = appointments / activity_rates(spec, "touch_to_appointment", spec.touch_to_appointment)
    reps = rep_truth(spec).append_column("win_rate", pa.array(wins / np.maximum(created, 1)))
    rates = float(appointments.sum() / touches.sum()), float(meetings.sum() / appointments.sum())
    return reps, rates


def period_win_incidence(
    spec: OrganizationSpec, from_date: date, to_date: date, *, deals: int = 200_000
) -> FloatArray:
    """F_w(t), t = 0 … 365, of the window (from_date, to_date]: what method §2's estimator tends to with ever more deals."""
    pipeline = followed(spec, deals)
    after, until = day_number(from_date), day_number(to_date)
    created, won, end = pipeline.deals.created_day, win_days(pipeline), end_days(pipeline)
    keep = (created <= until) & (end > after)
    created, won, end = created[keep], won[keep], end[keep]
    entry = np.where(created <= after, after - created, -1)
    leave = np.minimum(np.minimum(end, until) - created, 400)
    size = 402
    at_risk = np.cumsum(np.bincount(entry[entry < size - 1] + 1, minlength=size)[:size])
    left_before = np.concatenate([[0], np.cumsum(np.bincount(leave, minlength=size)[:size])[:-1]])
    risk = np.maximum(at_risk - left_before, 1)
    exits = np.bincount(leave[end <= until], minlength=size)[:size]
    wins = np.bincount(leave[(end <= until) & (won == end)], minlength=size)[:size]
    stays = np.cumprod(1 - exits / risk)
    before = np.concatenate([[1.0], stays[:-1]])
    result: FloatArray = np.cumsum(before * wins / risk)[:366]
    return result


def revenue_per_day(pipeline: Pipeline) -> float:
    """What the deals created in history bring when followed to their end, per calendar day of intake."""
    spec = pipeline.spec
    won = win_days(pipeline) < NEVER
    days = day_number(spec.local_today) - day_number(spec.first_date)
    return float(pipeline.deals.base_amount[won].sum() / max(days, 1))


def benchmark_lifts(spec: OrganizationSpec, *, deals: int = 100_000) -> pa.Table:
    """One row per open stage: money a day gained when every rep works that stage like the upper quartile of reps.

    Each is a rerun with that one thing changed and all draws kept, scaled back to the organisation's own intake.
    """
    base_pipeline = followed(spec, deals)
    scale = spec.opportunities_per_rep_month / base_pipeline.spec.opportunities_per_rep_month
    base = revenue_per_day(base_pipeline) * scale
    reruns = [followed(replace(spec, benchmark_stage=name), deals) for name in spec.stage_names]
    lifts = [revenue_per_day(pipeline) * scale - base for pipeline in reruns]
    return table(
        {
            "stage_name": pa.array(spec.stage_names),
            "base_per_day": pa.array([base] * len(lifts)),
            "lift_per_day": pa.array(lifts),
        }
    )
