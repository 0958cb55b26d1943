"""Minutes of activities, of the days left, and whether a plan fits in them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.plan.capacity.working_minutes import (
    MOST_TAKEN_OFF,
    PRIOR_ACTIVITIES,
    PRIOR_DAYS,
    Capacity,
    activities_for,
    for_own_part,
    minutes_per_rep,
    plan_minutes,
    rep_capacity,
    share_that_fits,
)
from dagster_project.plan.input_frames import SCHEMAS
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.plan import make_plans
from dagster_project.plan.tree import Coefficients
from tests.plan.frames import inputs, quotas, reps

AS_OF = date(2027, 1, 29)  # a Friday; 64 business days in Britain since 2 November
PARAMETERS = PlanParameters()


def known(*rows: tuple[str | None, str, int, float], since: date = date(2026, 11, 2)) -> pl.DataFrame:
    """Activities of one length each: rep (None: organisation), kind, how many, minutes."""
    return pl.DataFrame(
        [(rep, kind, n, minutes, minutes, n * minutes, since) for rep, kind, n, minutes in rows],
        schema=SCHEMAS["activity_minutes"],
        orient="row",
    )


def minutes_of(frame: pl.DataFrame, rep: str = "A") -> dict[str, Any]:
    made = minutes_per_rep(inputs(as_of_date=AS_OF, activity_minutes=frame), ["A", "B"])
    return made.row(by_predicate=pl.col("rep_id") == rep, named=True)


def test_the_page_says_what_the_code_does() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    minutes, day = PARAMETERS.minutes, PARAMETERS.day
    for said in (
        f"| touch | {minutes.touch_handling:.0f} around it",
        f"| {minutes.touch_handling + minutes.call:.0f} |\n| appointment | {minutes.appointment:.0f} |",
        f"the median length, and {minutes.preparation:.0f} to prepare and travel",
        f"({PRIOR_ACTIVITIES:.0f} activities, {PRIOR_DAYS:.0f} days)",
        f"{day.working_minutes} minutes by default",
        f"at most {PARAMETERS.most_meetings_a_day} meetings, {PARAMETERS.most_appointments_a_day} appointments",
    ):
        assert said in page


def test_without_a_calendar_the_stated_defaults_hold() -> None:
    made = minutes_of(known())
    assert made["touch_minutes"] == 5.0
    assert made["appointment_minutes"] == 5.0
    assert made["first_meeting_minutes"] == 75.0
    assert made["recurring_minutes_a_day"] == 0.0
    assert made["first_meeting_origin"] == "default"


def test_own_lengths_are_drawn_to_the_organisation_s_by_their_number() -> None:
    frame = known((None, "first_meeting", 500, 60.0), ("A", "first_meeting", 30, 100.0))
    assert minutes_of(frame)["first_meeting_minutes"] == pytest.approx(0.75 * 100 + 0.25 * 60 + 15)
    assert minutes_of(frame)["first_meeting_origin"] == "rep"
    assert minutes_of(frame, "B")["first_meeting_minutes"] == pytest.approx(75.0)
    assert minutes_of(frame, "B")["first_meeting_origin"] == "organization"


def test_a_touch_is_the_talk_and_the_work_around_it() -> None:
    assert minutes_of(known((None, "call", 500, 1.5)))["touch_minutes"] == pytest.approx(4.5)


def test_recurring_meetings_are_counted_per_working_day() -> None:
    frame = known(("A", "internal_meeting", 12, 30.0), ("A", "later_meeting", 5, 60.0))
    assert minutes_of(frame)["recurring_minutes_a_day"] == pytest.approx(660 / 62)
    # One rep is all the organisation knows of, so the other is taken to be like that.
    assert minutes_of(frame, "B")["recurring_minutes_a_day"] == pytest.approx(660 / 62)


def test_who_joined_late_is_not_taken_to_have_idled_before() -> None:
    old = known(("A", "internal_meeting", 20, 30.0))
    new = known(("A", "internal_meeting", 20, 30.0), since=AS_OF - timedelta(days=27))
    assert minutes_of(new)["recurring_minutes_a_day"] == pytest.approx(600 / 20)
    assert minutes_of(old)["recurring_minutes_a_day"] < minutes_of(new)["recurring_minutes_a_day"]


def test_working_minutes_follow_the_units_left() -> None:
    minutes = minutes_per_rep(inputs(), ["A", "B"])
    held = rep_capacity(minutes, np.array([2_000, 60]), PARAMETERS)
    assert held.working_minutes.tolist() == [20 * 450.0, 0.6 * 450.0]


def test_a_calendar_blocked_from_end_to_end_leaves_a_quarter_of_the_day() -> None:
    frame = known(("A", "internal_meeting", 640, 60.0))
    minutes = minutes_per_rep(inputs(as_of_date=AS_OF, activity_minutes=frame), ["A"])
    held = rep_capacity(minutes, np.array([100]), PARAMETERS)
    assert held.working_minutes[0] == pytest.approx(450 * (1 - MOST_TAKEN_OFF))


def test_a_field_rep_s_touches_are_inside_sales_minutes() -> None:
    minutes = minutes_per_rep(inputs(), ["A", "B"])
    held = for_own_part(rep_capacity(minutes, np.array([100, 100]), PARAMETERS), ["field", "full"])
    assert held.touch_minutes.tolist() == [0.0, 5.0]
    assert held.appointment_minutes.tolist() == [0.0, 5.0]
    assert held.first_meeting_minutes.tolist() == [75.0, 75.0]


def test_inside_sales_with_more_than_fits_are_told_so_and_asked_for_no_quota() -> None:
    field, everybody = ["A", "B", "C"], ["A", "B", "C", "I"]
    people = reps(*everybody).with_columns(role=pl.Series(["field"] * 3 + ["inside_sales"]))
    codes = {}
    for quota in (1_000_000.0, 2_000_000.0):
        plans = make_plans(inputs(reps=people, quotas=quotas(dict.fromkeys(field, quota)))).plans
        codes[quota] = plans.row(by_predicate=pl.col("rep_id") == "I", named=True)["note_codes"]
    assert codes == {1_000_000.0: "", 2_000_000.0: "over_working_time"}


COUNT = st.floats(0, 500)


@settings(max_examples=80, deadline=None)
@given(meetings=COUNT, booked=st.integers(0, 50), days=st.floats(0, 23), working=st.floats(0, 12_000))
def test_the_share_that_fits_fits_and_a_larger_one_does_not(
    meetings: float, booked: int, days: float, working: float
) -> None:
    one = np.ones(1)
    rates = Coefficients(100_000.0, 0.2, 0.5, 1 / 3)
    held = Capacity(5 * one, 5 * one, 75 * one, 0 * one, working * one)
    appointments, touches = activities_for(meetings * one, np.array([booked]), rates)
    wanted = (meetings * one, appointments, touches)
    share = share_that_fits(*wanted, days * one, held, PARAMETERS)
    limits = (
        PARAMETERS.most_meetings_a_day,
        PARAMETERS.most_appointments_a_day,
        PARAMETERS.most_touches_a_day,
    )

    def is_held(part: float) -> bool:
        taken = plan_minutes(*(number * part for number in wanted), held)[0]
        in_a_day = all(
            number[0] * part <= limit * days + 1e-6 for number, limit in zip(wanted, limits, strict=True)
        )
        return bool(taken <= working + 1e-6 and in_a_day)

    assert 0 <= share[0] <= 1
    assert is_held(share[0])
    if share[0] < 1 and max(number[0] for number in wanted) > 0.01:
        assert not is_held(share[0] * 1.01 + 0.01)
