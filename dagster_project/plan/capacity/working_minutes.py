"""Minutes: what an activity takes this rep, what the days left hold, and how many meetings fit (method §5).

An activity takes what the rep's own calendar says, drawn to the organisation's by the number it rests on; where
neither knows, the stated default. A meeting's length is a median, which one workshop does not move; a call's is a
mean, because most calls are not answered and the sum of a month is what has to fit. What recurs in the calendar
besides first meetings, internal ones and later ones with customers, is taken off every working day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.day.pattern import FULL_DAY_UNITS
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.people.roles import FIELD
from dagster_project.plan.tree import Coefficients

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LOOK_BACK_DAYS = 90
# The weight of the organisation's length, or minutes a day, in activities and working days of the rep's own.
PRIOR_ACTIVITIES = 10.0
PRIOR_DAYS = 20.0
# A calendar blocked out from end to end (focus time, shared rooms) must not leave a plan of nothing.
MOST_TAKEN_OFF = 0.75
RECURRING = ("internal_meeting", "later_meeting")


@dataclass(frozen=True)
class Capacity:
    """What the rest of the month takes and holds; arrays with one place per rep.

    Attributes:
        touch_minutes, appointment_minutes, first_meeting_minutes: of one activity; a first meeting with preparation.
        recurring_minutes_a_day: internal and later customer meetings, per full working day.
        working_minutes: of the days left, less the evening review and what recurs.
    """

    touch_minutes: FloatArray
    appointment_minutes: FloatArray
    first_meeting_minutes: FloatArray
    recurring_minutes_a_day: FloatArray
    working_minutes: FloatArray


def minutes_per_rep(inputs: PlanInputs, rep_ids: list[str]) -> pl.DataFrame:
    """One row per rep, in the order given, of what an activity takes.

    Columns: rep_id, touch_minutes, appointment_minutes, first_meeting_minutes (with preparation),
    recurring_minutes_a_day, first_meeting_origin (rep, organization or default).
    """
    defaults = inputs.parameters.minutes
    reps = pl.DataFrame({"rep_id": rep_ids}, schema={"rep_id": pl.String})
    calls = _drawn_together(inputs, reps, "call", "mean_minutes", defaults.call)
    meetings = _drawn_together(inputs, reps, "first_meeting", "median_minutes", defaults.first_meeting)
    return reps.with_columns(
        touch_minutes=defaults.touch_handling + calls["minutes"],
        appointment_minutes=pl.lit(defaults.appointment),
        first_meeting_minutes=meetings["minutes"] + defaults.preparation,
        recurring_minutes_a_day=_recurring(inputs, reps)["minutes"],
        first_meeting_origin=meetings["origin"],
    )


def rep_capacity(minutes: pl.DataFrame, units_left: IntArray, parameters: PlanParameters) -> Capacity:
    """The minutes of the days left.

    Args:
        minutes: from ``minutes_per_rep``.
        units_left: hundredths of a working day left to each rep.
    """
    full_day = parameters.day.working_minutes
    recurring = np.minimum(minutes["recurring_minutes_a_day"].to_numpy(), MOST_TAKEN_OFF * full_day)
    return Capacity(
        touch_minutes=minutes["touch_minutes"].to_numpy(),
        appointment_minutes=minutes["appointment_minutes"].to_numpy(),
        first_meeting_minutes=minutes["first_meeting_minutes"].to_numpy(),
        recurring_minutes_a_day=recurring,
        working_minutes=np.asarray(units_left, dtype=np.float64) / FULL_DAY_UNITS * (full_day - recurring),
    )


def for_own_part(capacity: Capacity, roles: Sequence[str]) -> Capacity:
    """The capacity with no minutes for what another role of the team does: a field rep's touches and appointments."""
    own = np.array([role != FIELD for role in roles], dtype=np.float64)
    return replace(
        capacity,
        touch_minutes=capacity.touch_minutes * own,
        appointment_minutes=capacity.appointment_minutes * own,
    )


def activities_for(
    meetings: FloatArray, booked_appointments: IntArray, coefficients: Coefficients
) -> tuple[FloatArray, FloatArray]:
    """Appointments still to be set, and the touches they take, for so many first meetings."""
    appointments = np.maximum(
        meetings / np.asarray(coefficients.appointment_to_meeting) - booked_appointments, 0.0
    )
    return appointments, appointments / np.asarray(coefficients.touch_to_appointment)


def plan_minutes(
    meetings: FloatArray, appointments: FloatArray, touches: FloatArray, capacity: Capacity
) -> FloatArray:
    """What a plan takes, in minutes."""
    return np.asarray(
        meetings * capacity.first_meeting_minutes
        + appointments * capacity.appointment_minutes
        + touches * capacity.touch_minutes
    )


def share_that_fits(
    meetings: FloatArray,
    appointments: FloatArray,
    touches: FloatArray,
    days_left: FloatArray | IntArray,
    capacity: Capacity | None,
    parameters: PlanParameters,
) -> FloatArray:
    """The largest share of a plan, at most all of it, that fits in the days left: their minutes and the daily limits."""
    limits = (
        parameters.most_meetings_a_day,
        parameters.most_appointments_a_day,
        parameters.most_touches_a_day,
    )
    fit = np.ones_like(meetings)
    for wanted, a_day in zip((meetings, appointments, touches), limits, strict=True):
        fit = np.minimum(fit, a_day * days_left / np.maximum(wanted, 1e-9))
    if capacity is None:
        return fit
    needed = plan_minutes(meetings, appointments, touches, capacity)
    return np.minimum(fit, capacity.working_minutes / np.maximum(needed, 1e-9))


def _drawn_together(
    inputs: PlanInputs, reps: pl.DataFrame, kind: str, figure: str, default: float
) -> pl.DataFrame:
    """One row per rep: `minutes` of one activity and its `origin`, own figures drawn to the organisation's."""
    known = inputs.activity_minutes.filter(pl.col("kind") == kind, pl.col(figure).is_finite())
    everybody = known.filter(pl.col("rep_id").is_null())[figure]
    around = float(everybody[0]) if len(everybody) else default
    own = known.drop_nulls("rep_id").select("rep_id", "activities", own=figure)
    weight = pl.col("activities") / (pl.col("activities") + PRIOR_ACTIVITIES)
    elsewhere = "organization" if len(everybody) else "default"
    return reps.join(own, on="rep_id", how="left", maintain_order="left").select(
        minutes=(weight * pl.col("own") + (1.0 - weight) * around).fill_null(around),
        origin=pl.when(pl.col("own").is_not_null()).then(pl.lit("rep")).otherwise(pl.lit(elsewhere)),
    )


def _recurring(inputs: PlanInputs, reps: pl.DataFrame) -> pl.DataFrame:
    """One row per rep: `minutes` a working day in meetings that are no first meetings, drawn to the organisation's."""
    seen = (
        inputs.activity_minutes.drop_nulls("rep_id")
        .group_by("rep_id")
        .agg(
            total=pl.col("total_minutes").filter(pl.col("kind").is_in(RECURRING)).sum(),
            since=pl.col("first_activity_date").min(),
        )
    )
    seen = seen.with_columns(_working_days_since(inputs, seen["since"]))
    all_days = int(seen["days"].sum())
    around = float(seen["total"].sum()) / all_days if all_days else 0.0
    own = (pl.col("total") + PRIOR_DAYS * around) / (pl.col("days") + PRIOR_DAYS)
    return reps.join(seen, on="rep_id", how="left", maintain_order="left").select(
        minutes=own.fill_null(around)
    )


def _working_days_since(inputs: PlanInputs, since: pl.Series) -> pl.Series:
    """Business days from each date to the last complete day: who joined late is not taken to have idled before."""
    first = inputs.as_of_date - timedelta(days=LOOK_BACK_DAYS - 1)
    window = np.array(inputs.calendar.business_days(first, inputs.as_of_date), dtype="datetime64[D]")
    places = np.searchsorted(window, since.to_numpy().astype("datetime64[D]"))
    return pl.Series("days", len(window) - places, dtype=pl.Int64)
