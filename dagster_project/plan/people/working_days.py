"""Units of working time per rep and day (method §5, Calendar): 100 are a full day, 50 a half one, 60 a 60 % part-timer's.

A day counts where the rep's country and region, the company and the rep's weekdays are open and the rep is employed;
absences take their half or whole of it, each part once however often it is entered. An all-day absence is a date, of no
time zone. A quota is taken as given: it is the promise, also of a rep who joins or leaves in the month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import BusinessCalendar
from dagster_project.plan.day.pattern import FULL_DAY_UNITS
from dagster_project.plan.input_frames import PlanInputError
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.rep_file import WEEKDAYS

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# One bit per half of the day, so that what overlaps counts once.
PART_BITS = {"morning": 1, "afternoon": 2, "day": 3}
HALVES_LEFT = np.array([2, 1, 1, 0], dtype=np.int64)


@dataclass(frozen=True)
class WorkingDays:
    """Who works how much when.

    Attributes:
        days: business days of the organisation, and others on which any of the reps works; in order.
        units: whole numbers from 0 to 100, one row per rep and one column per day.
    """

    days: list[date]
    units: IntArray


def working_days(inputs: PlanInputs, rep_ids: Sequence[str], start: date, end: date) -> WorkingDays:
    """Working units of each rep, in the order given, from ``start`` to ``end``, both included.

    Raises:
        CalendarError: a country or region is unknown.
        PlanInputError: a part of the day or a weekday is unknown.
    """
    days = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
    reps = (
        pl.DataFrame({"rep_id": rep_ids}, schema={"rep_id": pl.String})
        .join(inputs.reps.unique("rep_id", keep="first"), on="rep_id", how="left", maintain_order="left")
        .with_columns(pl.col("working_share").fill_null(1.0).clip(0.0, 1.0))
    )
    works = _opening(reps, days, inputs.calendar) & _employed(reps, days) & _on_weekdays(reps, days)
    full = np.rint(FULL_DAY_UNITS * reps["working_share"].to_numpy()).astype(np.int64)
    left = HALVES_LEFT[_absent_bits(inputs.absences, rep_ids, days)]
    units = np.where(works, full[:, None] * left // 2, 0)
    of_organization = np.array([inputs.calendar.is_business_day(day) for day in days], dtype=np.bool_)
    kept = np.flatnonzero(of_organization | (units > 0).any(axis=0))
    return WorkingDays([days[place] for place in kept], units[:, kept])


def _opening(reps: pl.DataFrame, days: Sequence[date], organization: BusinessCalendar) -> BoolArray:
    """Reps × days: where the rep's country, region and company are open."""
    places = list(reps.select("country_code", "region").iter_rows())
    opening = {
        place: [organization.elsewhere(*place).is_business_day(day) for day in days] for place in set(places)
    }
    return _table([opening[place] for place in places], len(days))


def _employed(reps: pl.DataFrame, days: Sequence[date]) -> BoolArray:
    dates = np.array(days, dtype="datetime64[D]")
    first = reps["first_date"].fill_null(date.min).to_numpy().astype("datetime64[D]")
    last = reps["last_date"].fill_null(date.max).to_numpy().astype("datetime64[D]")
    return np.asarray((first[:, None] <= dates) & (dates <= last[:, None]), dtype=np.bool_)


def _on_weekdays(reps: pl.DataFrame, days: Sequence[date]) -> BoolArray:
    patterns = {text: _weekday_numbers(text) for text in reps["weekdays"].unique().to_list()}
    return _table([[day.weekday() in patterns[text] for day in days] for text in reps["weekdays"]], len(days))


def _weekday_numbers(text: str | None) -> set[int]:
    """Monday is 0; all seven where none are named, for weekends are the country's matter."""
    if text is None:
        return set(range(7))
    try:
        return {WEEKDAYS.index(name) for name in text.split()}
    except ValueError as error:
        raise PlanInputError(
            f"weekdays {text!r} are none",
            where="reps of the plan",
            remedy=f"write them as {' '.join(WEEKDAYS)}",
        ) from error


def _table(rows: Sequence[Sequence[bool]], width: int) -> BoolArray:
    return np.array(rows, dtype=np.bool_).reshape(len(rows), width)


def _absent_bits(absences: pl.DataFrame, rep_ids: Sequence[str], days: Sequence[date]) -> IntArray:
    """Reps × days: the halves away, as ``PART_BITS``."""
    unknown = set(absences["part"].drop_nulls()) - set(PART_BITS)
    if unknown:
        raise PlanInputError(
            f"no such part of a day: {', '.join(sorted(unknown))}",
            where="absences of the plan",
            remedy=f"use {', '.join(PART_BITS)}",
        )
    dates = pl.DataFrame({"absence_date": days, "column": range(len(days))})
    reps = pl.DataFrame(
        {"rep_id": rep_ids, "row": range(len(rep_ids))}, schema={"rep_id": pl.String, "row": pl.Int64}
    )
    bits = pl.col("part").fill_null("day").replace_strict(PART_BITS, return_dtype=pl.Int64)
    away = absences.join(dates, on="absence_date").select("rep_id", "column", bits=bits)
    own = away.join(reps, on="rep_id")
    everybody = away.filter(pl.col("rep_id").is_null())
    found = np.zeros((len(rep_ids), len(days)), dtype=np.int64)
    np.bitwise_or.at(found, (own["row"].to_numpy(), own["column"].to_numpy()), own["bits"].to_numpy())
    np.bitwise_or.at(found.T, everybody["column"].to_numpy(), everybody["bits"].to_numpy()[:, None])
    return found
