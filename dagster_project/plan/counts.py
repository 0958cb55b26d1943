"""How many meetings, appointments and touches a rep is asked for, from what is missing and the days left (method §5).

Two sets of numbers, kept apart:

* *needed* is the plain tree on the gap: what is missing after open deals are credited, at the eventual win rate.
* *planned* is what the rep is asked for from today on. A meeting late in the month is won in time only with
  F_w(days left), so the gap alone asks for more than the tree; and what such meetings win later funds the next
  months, so a covered month still asks for that part of the quota's even pace. The larger of the two is kept within
  a multiple of the even pace and within what fits in a working day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        days_left, days_of_month: business days of the rep, absences taken off.
        won_in_time: of the meetings that are ever won, the share won by the month's end, mean over the days left.
        booked_appointments: in the calendar for the rest of the month, of deals not yet credited.
    """

    goal_amount: FloatArray
    remaining_amount: FloatArray
    gap_amount: FloatArray
    days_left: IntArray
    days_of_month: IntArray
    won_in_time: FloatArray
    booked_appointments: IntArray


@dataclass(frozen=True)
class Counts:
    """Whole numbers per rep, and what was done to keep them sensible.

    Attributes:
        asked_meetings: what the month would need from today on before any limit; inf where no meeting can be won in time.
        even_pace: meetings in the days left at which the quota is met month after month.
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
    most_meetings: IntArray
    even_pace: FloatArray
    asked_meetings: FloatArray
    catch_up_limit: FloatArray
    is_for_next_months: BoolArray
    is_catch_up_limited: BoolArray
    is_day_limited: BoolArray
    is_cut: BoolArray


def count(situation: Situation, coefficients: Coefficients, parameters: PlanParameters) -> Counts:
    """Work every rep's gap back to whole numbers of activity."""
    to_win = back_cast(situation.remaining_amount, coefficients).won_deals
    needed = back_cast(situation.gap_amount, coefficients)
    even_pace, asked, floor = _asked_meetings(situation, coefficients, needed.meetings)
    wanted = np.maximum(asked, floor)
    catch_up = catch_up_limit(situation.won_in_time, parameters)
    meetings = np.minimum(wanted, catch_up * even_pace)
    planned, is_day_limited = _fitted(meetings, situation, coefficients, parameters)
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
        most_meetings=parameters.most_meetings_a_day * situation.days_left,
        even_pace=even_pace,
        asked_meetings=asked,
        catch_up_limit=catch_up,
        is_for_next_months=(floor > asked) & (situation.days_left > 0),
        is_catch_up_limited=(wanted > meetings) & (situation.days_left > 0),
        is_day_limited=is_day_limited,
        is_cut=np.maximum(to_win, needed.touches) > LARGEST_COUNT,
    )


def catch_up_limit(won_in_time: FloatArray, parameters: PlanParameters) -> FloatArray:
    """How many times the even pace a plan may ask: ``most_catch_up`` while all of it can be won in time, 1 when none can.

    In between it shrinks with the share won in time: doubling the meetings of the last days of a month does not make
    that month where deals take two months to win.
    """
    return np.asarray(1.0 + (parameters.most_catch_up - 1.0) * won_in_time, dtype=np.float64)


def _asked_meetings(
    situation: Situation, coefficients: Coefficients, needed_meetings: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Even pace for the days left; meetings that close the gap in time; meetings that fund the next months."""
    share_of_month = situation.days_left / np.maximum(situation.days_of_month, 1)
    even_pace = back_cast(situation.goal_amount, coefficients).meetings * share_of_month
    in_time = situation.won_in_time
    is_reachable = in_time > SMALLEST_SHARE_IN_TIME
    out_of_reach = np.where(needed_meetings > 0, np.inf, 0.0)
    asked = np.where(
        is_reachable, needed_meetings / np.maximum(in_time, SMALLEST_SHARE_IN_TIME), out_of_reach
    )
    return even_pace, asked, even_pace * (1.0 - in_time)


def _fitted(
    meetings: FloatArray, situation: Situation, coefficients: Coefficients, parameters: PlanParameters
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], BoolArray]:
    """Meetings, appointments and touches, all scaled by the one factor that makes each fit in the days left."""
    appointments = np.maximum(
        meetings / np.asarray(coefficients.appointment_to_meeting) - situation.booked_appointments, 0.0
    )
    touches = appointments / np.asarray(coefficients.touch_to_appointment)
    limits = (
        parameters.most_meetings_a_day,
        parameters.most_appointments_a_day,
        parameters.most_touches_a_day,
    )
    fit = np.ones_like(meetings)
    for wanted, a_day in zip((meetings, appointments, touches), limits, strict=True):
        fit = np.minimum(fit, a_day * situation.days_left / np.maximum(wanted, 1e-9))
    is_limited = (fit < 1.0) & (situation.days_left > 0)
    return (meetings * fit, appointments * fit, touches * fit), is_limited


def _shown(value: FloatArray) -> IntArray:
    return whole(np.minimum(value, LARGEST_COUNT))
