"""What would have to be true: the value of each lever alone at which what does not fit would fit (method §5).

Asked of, in this order: the plan before it was cut to the working day (``plan``); where the chance of quota is too
small, the meetings that would close the gap in time (``quota``); the insured meetings (``insurance``). *Fits* means:
its meetings, appointments and touches take no more than the working minutes and the daily limits of the days left.
Every lever makes these smaller without a turn, so the value at which they just fit is found by bisection, for all reps
at once. Open deals are credited as they are: a better rate or price is of new deals only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.capacity.working_minutes import Capacity, activities_for, share_that_fits
from dagster_project.plan.columns import LEVER_COLUMNS
from dagster_project.plan.counts import LARGEST_COUNT, SMALLEST_SHARE_IN_TIME, Situation, asked_meetings
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.tree import Coefficients, back_cast

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Beyond these a lever is not asked for: no rate is above one, and nobody trebles a price in the rest of a month.
LARGEST_PRICE_FACTOR = 3.0
LARGEST_RATE = 1.0
SMALLEST_CYCLE_SHARE = 1 / 3
BISECTIONS = 45
# The last bits of a double must not call a plan that fits exactly too large.
FIT_SLACK = 1e-9

PLAN, QUOTA, INSURANCE = "plan", "quota", "insurance"
LEVERS = (
    "average_price",
    "win_rate",
    "appointment_to_meeting",
    "touch_to_appointment",
    "cycle_days",
    "quota",
)
LEVER_SCHEMA = pl.Schema({name: kind for name, kind in LEVER_COLUMNS.items() if name != "plan_date"})


@dataclass(frozen=True)
class Question:
    """A plan as it stands; arrays with one place per rep.

    Attributes:
        won_or_expected: money won this month and expected of open deals.
        cycle_days: mean days from first meeting to a win.
        share_won_by_day: F_w(0 … n days) ÷ F_w(longest horizon), of the organisation; stays as it ends after that.
        days_to_month_end: calendar days from each of the days left to the month's end, shape (days,).
        units: hundredths of each of the days left, shape (reps, days).
        catch_up: a plan asks at most this many times the even pace.
        is_unlikely: the chance of quota is smaller than the wanted one.
        insured_meetings: to be fitted too where it is; 0 elsewhere.
    """

    situation: Situation
    coefficients: Coefficients
    capacity: Capacity
    won_or_expected: FloatArray
    cycle_days: FloatArray
    share_won_by_day: FloatArray
    days_to_month_end: IntArray
    units: IntArray
    catch_up: FloatArray
    is_unlikely: BoolArray
    insured_meetings: FloatArray

    def lever(self, name: str) -> FloatArray:
        """The lever's value now."""
        if name == "quota":
            return self.situation.goal_amount
        if name == "cycle_days":
            return self.cycle_days
        return np.broadcast_to(np.asarray(getattr(self.coefficients, name), float), self.cycle_days.shape)


def plan_levers(
    rep_ids: list[str], question: Question, parameters: PlanParameters, asked: BoolArray | None = None
) -> pl.DataFrame:
    """One row per rep of whom something does not fit and per lever, as ``LEVER_SCHEMA``.

    ``target`` says what does not fit. ``needed`` is the value nearest to ``now`` at which it fits; where even the
    extreme value would not do it, it is that extreme and ``is_reachable`` is false.

    Args:
        asked: reps to ask for; of them, those without a goal or a day left are passed over.
    """
    may = (question.situation.days_left > 0) & (question.situation.goal_amount > 0)
    targets = _targets(question, parameters)
    rows = np.flatnonzero((may if asked is None else may & asked) & (targets != ""))
    if not len(rows):
        return pl.DataFrame(schema=LEVER_SCHEMA)
    of_each = replace(
        question,
        catch_up=np.where(targets == QUOTA, np.inf, question.catch_up),
        insured_meetings=np.where(targets == INSURANCE, question.insured_meetings, 0.0),
    )
    tables = [_lever_rows(rep_ids, name, of_each, parameters, rows) for name in LEVERS]
    named = pl.DataFrame({"rep_id": rep_ids, "target": targets}, schema_overrides={"rep_id": pl.String})
    rows_of_all = pl.concat(tables).join(named, on="rep_id", how="left").select(LEVER_SCHEMA.names())
    return rows_of_all.sort("rep_id", pl.col("lever").cast(pl.Enum(LEVERS)))


def _targets(question: Question, parameters: PlanParameters) -> NDArray[np.str_]:
    """What of each rep is the first not to fit: plan, quota or insurance; empty where all of it does."""
    plan = replace(question, insured_meetings=np.zeros_like(question.insured_meetings))
    quota = replace(plan, catch_up=np.full_like(question.catch_up, np.inf))
    too_large = [
        ~fits(plan, parameters),
        question.is_unlikely & ~fits(quota, parameters),
        ~fits(question, parameters),
    ]
    return np.asarray(np.select(too_large, [PLAN, QUOTA, INSURANCE], ""), dtype=np.str_)


def fits(question: Question, parameters: PlanParameters) -> BoolArray:
    """Whether each rep's whole plan, before any cut, fits in the days left."""
    situation, coefficients = question.situation, question.coefficients
    meetings = np.maximum(_wanted_meetings(question), question.insured_meetings)
    finite = np.where(np.isfinite(meetings), meetings, 0.0)
    appointments, touches = activities_for(finite, situation.booked_appointments, coefficients)
    share = share_that_fits(finite, appointments, touches, situation.days_left, question.capacity, parameters)
    return np.asarray(np.isfinite(meetings) & (share >= 1.0 - FIT_SLACK))


def with_lever(question: Question, name: str, value: FloatArray) -> Question:
    """The same question with one lever at another value, one per rep."""
    if name in ("average_price", "win_rate"):
        # Insured and later months' meetings stand for money, which better deals and rates bring with fewer.
        changed = replace(question.coefficients, **{name: value})
        return replace(_with_fewer(question, question.lever(name) / value), coefficients=changed)
    if name in ("appointment_to_meeting", "touch_to_appointment"):
        return replace(question, coefficients=replace(question.coefficients, **{name: value}))
    if name == "quota":
        return _with_quota(question, value)
    return _with_cycle(question, value)


def _with_fewer(question: Question, share: FloatArray) -> Question:
    """The question with so much of the insured meetings, and of those that fund later months."""
    later = question.situation.for_next_months
    situation = replace(question.situation, for_next_months=None if later is None else later * share)
    return replace(question, situation=situation, insured_meetings=question.insured_meetings * share)


def _with_quota(question: Question, value: FloatArray) -> Question:
    goal = question.situation.goal_amount
    smaller = _with_fewer(question, np.divide(value, goal, out=np.zeros_like(value), where=goal > 0))
    gap = np.maximum(value - question.won_or_expected, 0.0)
    return replace(smaller, situation=replace(smaller.situation, goal_amount=value, gap_amount=gap))


def _with_cycle(question: Question, value: FloatArray) -> Question:
    """Every waiting time shrinks with the mean: what was won by day d is won by day d × new ÷ old."""
    before = question.situation.won_in_time
    in_time = np.maximum(_won_in_time(question, question.cycle_days / value), before)
    fewer = before / np.maximum(in_time, SMALLEST_SHARE_IN_TIME)
    faster = replace(question, insured_meetings=question.insured_meetings * np.minimum(fewer, 1.0))
    later = question.situation.for_next_months
    if later is not None:
        later = later * (1.0 - in_time) / np.maximum(1.0 - before, SMALLEST_SHARE_IN_TIME)
    situation = replace(question.situation, won_in_time=in_time, for_next_months=later)
    return replace(faster, situation=situation, cycle_days=value)


def _won_in_time(question: Question, faster: FloatArray) -> FloatArray:
    """Mean over each rep's days left of the share won by the month's end, deals being so many times faster."""
    last = len(question.share_won_by_day) - 1
    # The slack keeps 30 days at a factor of 1.0000000000000002 from counting as 31, and at .9999999 as 29.
    days = np.floor(np.multiply.outer(faster, question.days_to_month_end) + FIT_SLACK).astype(np.int64)
    shares = question.share_won_by_day[np.minimum(days, last)]
    worked = np.maximum(question.units.sum(axis=1), 1)
    return np.asarray((question.units * shares).sum(axis=1) / worked)


def _wanted_meetings(question: Question) -> FloatArray:
    """The plan before it is cut to the working day (``counts.count``); inf where no meeting is won in time."""
    needed = back_cast(question.situation.gap_amount, question.coefficients).meetings
    pace, asked, floor = asked_meetings(question.situation, question.coefficients, needed)
    most = np.where(np.isinf(question.catch_up), np.inf, pace * np.minimum(question.catch_up, LARGEST_COUNT))
    return np.asarray(np.maximum(np.minimum(asked, most), floor))


_EXTREMES: Mapping[str, Callable[[FloatArray], FloatArray]] = MappingProxyType(
    {
        "average_price": lambda now: now * LARGEST_PRICE_FACTOR,
        "win_rate": lambda now: np.full_like(now, LARGEST_RATE),
        "appointment_to_meeting": lambda now: np.full_like(now, LARGEST_RATE),
        "touch_to_appointment": lambda now: np.full_like(now, LARGEST_RATE),
        "cycle_days": lambda now: now * SMALLEST_CYCLE_SHARE,
        "quota": lambda now: np.zeros_like(now),
    }
)


def _needed(question: Question, name: str, parameters: PlanParameters) -> tuple[FloatArray, BoolArray]:
    """The lever's value nearest to now at which the plan fits, and whether any up to the extreme does."""
    now, extreme = question.lever(name), _EXTREMES[name](question.lever(name))
    too_little, enough = now, extreme
    for _ in range(BISECTIONS):
        middle = (too_little + enough) / 2
        is_enough = fits(with_lever(question, name, middle), parameters)
        too_little, enough = np.where(is_enough, too_little, middle), np.where(is_enough, middle, enough)
    return enough, fits(with_lever(question, name, extreme), parameters)


def _lever_rows(
    rep_ids: list[str], name: str, question: Question, parameters: PlanParameters, rows: IntArray
) -> pl.DataFrame:
    needed, is_reachable = _needed(question, name, parameters)
    extreme = _EXTREMES[name](question.lever(name))
    return pl.DataFrame(
        {
            "rep_id": pl.Series(rep_ids, dtype=pl.String).gather(rows),
            "lever": pl.repeat(name, len(rows), dtype=pl.String, eager=True),
            "now": question.lever(name)[rows],
            "needed": np.where(is_reachable, needed, extreme)[rows],
            "is_reachable": is_reachable[rows],
        },
        schema={name: kind for name, kind in LEVER_SCHEMA.items() if name != "target"},
    )
