"""How many meetings, appointments and touches a rep is asked for, from what is missing and the days left (method §5).

Two sets of numbers, kept apart:

* *needed* is the plain tree on the gap: what is missing after open deals are credited, at the eventual win rate.
* *planned* is what the rep is asked for from today on. A meeting late in the month is won in time only with
  F_w(days left), so the gap alone asks for more than the tree; and what such meetings win later funds the next
  months, so a covered month still asks for what those need of it (``next_months``). Both are kept within a multiple
  of the even pace, and the larger within what fits in a working day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagster_project.plan.capacity.working_minutes import Capacity, activities_for, share_that_fits
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.tree import Coefficients, back_cast, whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# A mistyped quota must not end as a number nobody can read; a note says that it was cut.
LARGEST_COUNT = 999_999
# Below one in a million, no number of meetings is won in time.
SMALLEST_SHARE_IN_TIME = 1e-6


@dataclass(frozen=True)
class Situation:
    """Where each rep stands; arrays with one place per rep.

    Attributes:
        goal_amount: money to win in the month; zero without a goal.
        remaining_amount: goal less what is won.
        gap_amount: remaining less what open deals are expected to bring by the month's end; not below zero.
        days_left, days_of_month: working days of the rep, in full days.
        won_in_time: of the meetings that are ever won, the share won by the month's end, mean over the days left.
        booked_appointments: in the calendar for the rest of the month, of deals not yet credited.
        for_next_months: meetings in the days left without which later months would not be made; without them, the part
            of the even pace that is won later.
    """

    goal_amount: FloatArray
    remaining_amount: FloatArray
    gap_amount: FloatArray
    days_left: FloatArray
    days_of_month: FloatArray
    won_in_time: FloatArray
    booked_appointments: IntArray
    for_next_months: FloatArray | None = None


@dataclass(frozen=True)
class Counts:
    """Whole numbers per rep, and what was done to keep them sensible.

    Attributes:
        asked_meetings: what the month would need from today on before any limit; inf where no meeting can be won in time.
        even_pace: meetings in the days left at which the quota is met month after month.
        meetings_for_next_months: how many of the planned meetings fund later months, because what they win is won then.
        most_meetings: what fits in the days left.
        catch_up_limit: the plan asks at most this many times the even pace.
    """

    needed_won_deals: IntArray
    new_won_deals: IntArray
    needed_meetings: IntArray
    needed_appointments: IntArray
    needed_touches: IntArray
    planned_won_deals: IntArray
    planned_meetings: IntArray
    planned_appointments: IntArray
    planned_touches: IntArray
    meetings_for_next_months: IntArray
    most_meetings: IntArray
    even_pace: FloatArray
    asked_meetings: FloatArray
    catch_up_limit: FloatArray
    is_for_next_months: BoolArray
    is_catch_up_limited: BoolArray
    is_day_limited: BoolArray
    is_cut: BoolArray


def count(
    situation: Situation,
    coefficients: Coefficients,
    parameters: PlanParameters,
    capacity: Capacity | None = None,
) -> Counts:
    """Work every rep's gap back to whole numbers of activity.

    Args:
        capacity: minutes of the days left; without them only the daily limits hold.
    """
    to_win = back_cast(situation.remaining_amount, coefficients).won_deals
    needed = back_cast(situation.gap_amount, coefficients)
    pace, asked, floor = asked_meetings(situation, coefficients, needed.meetings)
    catch_up = catch_up_limit(situation.won_in_time, parameters)
    meetings = np.maximum(np.minimum(asked, catch_up * pace), floor)
    planned, is_day_limited = _fitted(meetings, situation, coefficients, parameters, capacity)
    return Counts(
        needed_won_deals=_shown(to_win),
        new_won_deals=_shown(needed.won_deals),
        needed_meetings=_shown(needed.meetings),
        needed_appointments=_shown(needed.appointments),
        needed_touches=_shown(needed.touches),
        planned_won_deals=np.where(situation.days_left > 0, _shown(to_win), 0),
        planned_meetings=whole(planned[0]),
        planned_appointments=whole(planned[1]),
        planned_touches=whole(planned[2]),
        meetings_for_next_months=won_later(whole(planned[0]), situation.won_in_time),
        most_meetings=np.floor(parameters.most_meetings_a_day * situation.days_left).astype(np.int64),
        even_pace=pace,
        asked_meetings=asked,
        catch_up_limit=catch_up,
        is_for_next_months=(floor > asked) & (situation.days_left > 0),
        is_catch_up_limited=(asked > meetings) & (situation.days_left > 0),
        is_day_limited=is_day_limited,
        is_cut=np.maximum(to_win, needed.touches) > LARGEST_COUNT,
    )


def catch_up_limit(won_in_time: FloatArray, parameters: PlanParameters) -> FloatArray:
    """How many times the even pace a plan may ask: ``most_catch_up`` while all of it can be won in time, 1 when none can.

    In between it shrinks with the share won in time: doubling the meetings of the last days of a month does not make
    that month where deals take two months to win.
    """
    return np.asarray(1.0 + (parameters.most_catch_up - 1.0) * won_in_time, dtype=np.float64)


def even_pace(
    goal_amount: FloatArray, days_left: FloatArray, days_of_month: FloatArray, coefficients: Coefficients
) -> FloatArray:
    """Meetings in the days left at which the quota is met month after month."""
    return back_cast(goal_amount, coefficients).meetings * days_left / np.maximum(days_of_month, 1)


def won_later(meetings: IntArray, won_in_time: FloatArray) -> IntArray:
    """How many of these meetings fund later months: all but the share that is won in time, in whole meetings."""
    return np.asarray(meetings - np.round(meetings * won_in_time), dtype=np.int64)


def asked_meetings(
    situation: Situation, coefficients: Coefficients, needed_meetings: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Even pace for the days left; meetings that close the gap in time; meetings that fund the next months."""
    pace = even_pace(situation.goal_amount, situation.days_left, situation.days_of_month, coefficients)
    in_time = situation.won_in_time
    is_reachable = in_time > SMALLEST_SHARE_IN_TIME
    out_of_reach = np.where(needed_meetings > 0, np.inf, 0.0)
    asked = np.where(
        is_reachable, needed_meetings / np.maximum(in_time, SMALLEST_SHARE_IN_TIME), out_of_reach
    )
    floor = pace * (1.0 - in_time) if situation.for_next_months is None else situation.for_next_months
    return pace, asked, floor


def _fitted(
    meetings: FloatArray,
    situation: Situation,
    coefficients: Coefficients,
    parameters: PlanParameters,
    capacity: Capacity | None,
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], BoolArray]:
    """Meetings, appointments and touches, all scaled by the one factor that makes each fit in the days left."""
    appointments, touches = activities_for(meetings, situation.booked_appointments, coefficients)
    fit = share_that_fits(meetings, appointments, touches, situation.days_left, capacity, parameters)
    is_limited = (fit < 1.0) & (situation.days_left > 0)
    return (meetings * fit, appointments * fit, touches * fit), is_limited


def _shown(value: FloatArray) -> IntArray:
    return whole(np.minimum(value, LARGEST_COUNT))
