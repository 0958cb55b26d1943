"""Today's pace: this month's, blended with the weeks before while the month is young."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from dagster_project.plan.chances.pace import HeldSoFar, held_so_far, meetings_at_pace
from tests.plan.frames import frame, inputs, reps


def at_pace(
    this_month: float, days: float, recent: float, recent_days: float, days_left: float = 10
) -> float:
    one = HeldSoFar(*(np.array([each]) for each in (this_month, days, recent, recent_days)))
    return float(meetings_at_pace(one, np.array([days_left]), 5.0)[0])


def test_on_the_first_day_the_weeks_before_are_all_there_is() -> None:
    assert at_pace(0, 0, 40, 20) == pytest.approx(20)


def test_late_in_the_month_its_own_pace_outweighs_them() -> None:
    # 15 days of 1 a day against a week's worth of 2 a day: (15 + 10) / 20.
    assert at_pace(15, 15, 40, 20) == pytest.approx(12.5)


def test_who_joined_this_month_has_this_month_s_pace_alone() -> None:
    assert at_pace(6, 4, 0, 0) == pytest.approx(15)


def test_who_was_away_all_along_has_no_pace_and_who_held_none_has_zero() -> None:
    two = HeldSoFar(
        np.array([0.0, 0.0, 3.0]), np.array([0.0, 5, 5]), np.array([0.0, 0, 9]), np.array([0.0, 20, 20])
    )
    away, none, _ = meetings_at_pace(two, np.full(3, 10.0), 5.0)
    assert np.isnan(away)
    assert none == 0


def test_where_nobody_logs_meetings_no_pace_is_known() -> None:
    assert np.isnan(at_pace(0, 5, 0, 20))


def test_nothing_left_is_nothing_at_pace() -> None:
    assert at_pace(8, 20, 40, 20, days_left=0) == 0


def test_absences_are_no_working_days() -> None:
    given = inputs(
        reps=reps("A", "B"),
        absences=frame("absences", [("A", date(2027, 1, day)) for day in (11, 12, 13, 16)]),
    )
    table = given.reps.with_columns(done_meetings=0, recent_meetings=8)
    # 4 to 31 January 2027 has twenty weekdays in Britain; the 16th is a Saturday.
    assert held_so_far(given, table, np.zeros(2)).recent_days.tolist() == [17, 20]
