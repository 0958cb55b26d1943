"""How many meetings a rep holds until the month's end by going on as before (method §5, "with today's pace")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.day.pattern import FULL_DAY_UNITS
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.working_days import working_days

FloatArray = NDArray[np.float64]

# How far back the pace before this month looks; four whole weeks hold every weekday alike.
RECENT_DAYS = 28


@dataclass(frozen=True)
class HeldSoFar:
    """First meetings held, and the working days they were held in; arrays with one place per rep.

    Attributes:
        this_month, days_this_month: from the month's first day to the last complete day.
        recent, recent_days: in the ``RECENT_DAYS`` days before the month.
    """

    this_month: FloatArray
    days_this_month: FloatArray
    recent: FloatArray
    recent_days: FloatArray


def meetings_at_pace(held: HeldSoFar, days_left: FloatArray, recent_weight_days: float) -> FloatArray:
    """Meetings in the working days left at this month's pace, blended with the weeks before while the month is young.

    A day: (held this month + w × pace of the weeks before) ÷ (days this month + w). Nan for a rep who has worked on no
    day of either, and for everybody where nobody held any: such an organisation does not log its meetings.

    Args:
        recent_weight_days: w, how many days of this month the weeks before are worth.
    """
    recent_pace = held.recent / np.maximum(held.recent_days, 1.0)
    weight = np.where(held.recent_days > 0, recent_weight_days, 0.0)
    days = held.days_this_month + weight
    pace = (held.this_month + weight * recent_pace) / np.where(days > 0, days, np.nan)
    is_logged = (held.this_month + held.recent).sum() > 0
    return np.asarray(pace * days_left if is_logged else np.full(len(days), np.nan), dtype=np.float64)


def held_so_far(inputs: PlanInputs, reps: pl.DataFrame, days_this_month: FloatArray) -> HeldSoFar:
    """What each rep has held, read off the activity to date.

    Args:
        reps: one row per rep with rep_id, done_meetings, recent_meetings.
    """
    return HeldSoFar(
        reps["done_meetings"].cast(pl.Float64).to_numpy(),
        days_this_month,
        reps["recent_meetings"].cast(pl.Float64).to_numpy(),
        _recent_days(inputs, reps),
    )


def _recent_days(inputs: PlanInputs, reps: pl.DataFrame) -> FloatArray:
    """Working days in the days before the month, hundredths and absences counted as such."""
    before = inputs.month_start_date - timedelta(days=1)
    start = inputs.month_start_date - timedelta(days=RECENT_DAYS)
    found = working_days(inputs, reps["rep_id"].to_list(), start, min(before, inputs.as_of_date))
    return np.asarray(found.units.sum(axis=1) / FULL_DAY_UNITS, dtype=np.float64)
