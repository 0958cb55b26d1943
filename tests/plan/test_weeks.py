"""The Monday page, and that plans are facts: what was promised on Monday stays readable after later nights."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from connectors.event_log import EventLog
from dagster_project.decisions import (
    ACTIONS_PLANNED,
    CANDIDATES,
    DECIDED,
    PLAN_COEFFICIENTS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
    REHEARSED,
    commit_decisions,
    decided_rows,
)
from dagster_project.plan.columns import COEFFICIENT_KEY, PLAN_KEY, STEP_KEY, WEEK_KEY
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.rhythm.earlier import read_earlier
from dagster_project.publish.decided_tables import decided_so_far
from tests.plan.frames import conversions, frame, quotas, reps
from tests.plan.test_reset import (
    MONDAY,
    NEXT_MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    night,
    plan_row,
    target,
    told,
)

STREAMS = {
    PLANS: ("plans", PLAN_KEY),
    PLAN_STEPS: ("steps", STEP_KEY),
    PLAN_WEEKS: ("weeks", WEEK_KEY),
    PLAN_COEFFICIENTS: ("coefficients", COEFFICIENT_KEY),
}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log")


def decide(log: EventLog, day: date, kind: str = DECIDED, hour: int = 0, **changes: Any) -> PlanTables:
    """One night as the plan asset runs it."""
    tables = make_plans(night(day, **changes), read_earlier(log, day))
    now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) - timedelta(hours=10)
    for stream, (name, key) in STREAMS.items():
        rows = getattr(tables, name)
        commit_decisions(log, stream, rows, key=key, plan_date=day, run_id=f"{day}", now=now, kind=kind)
    return tables


def week_row(tables: PlanTables, measure: str, scope: str = "rep", scope_id: str = "A") -> dict[str, Any]:
    mine = (pl.col("scope_kind") == scope) & (pl.col("scope_id") == scope_id)
    return tables.weeks.row(by_predicate=mine & (pl.col("measure") == measure), named=True)


def test_monday_shows_last_week_promised_and_done_and_this_week_promised() -> None:
    done = {
        ("A", MONDAY, "appointments"): 7,
        ("A", THURSDAY, "appointments"): 4,
        ("A", NEXT_MONDAY, "appointments"): 9,
    }
    tables = make_plans(night(NEXT_MONDAY, done), told(make_plans(night(MONDAY))))
    row = week_row(tables, "appointments")
    assert (row["last_week_start"], row["last_week_end"]) == (MONDAY, MONDAY + timedelta(days=6))
    assert (row["last_week_promised"], row["last_week_done"]) == (25, 11)
    assert (row["week_start"], row["week_end"]) == (NEXT_MONDAY, NEXT_MONDAY + timedelta(days=6))
    assert row["promised"] == target(tables, "week", "appointments", NEXT_MONDAY) == 34


def test_a_first_week_has_no_last_one() -> None:
    row = week_row(make_plans(night(MONDAY)), "touches")
    assert (row["last_week_promised"], row["last_week_done"], row["promised"]) == (None, None, 75)


def test_a_night_between_resets_adds_nothing() -> None:
    tables = make_plans(night(TUESDAY), told(make_plans(night(MONDAY))))
    assert tables.weeks.is_empty()
    assert tables.coefficients.is_empty()


def test_a_team_adds_up_its_reps_weeks() -> None:
    given = {"reps": reps("A", "B"), "quotas": quotas({"A": 1e6, "B": 5e5})}
    done = {("A", MONDAY, "touches"): 30, ("B", TUESDAY, "touches"): 50}
    tables = make_plans(night(NEXT_MONDAY, done, **given), told(make_plans(night(MONDAY, **given))))
    for scope, scope_id in (("team", "team"), ("organization", "")):
        row = week_row(tables, "touches", scope, scope_id)
        assert (row["last_week_promised"], row["last_week_done"]) == (75 + 38, 80)
        assert row["promised"] == sum(week_row(tables, "touches", scope_id=rep)["promised"] for rep in "AB")


def test_a_reset_of_one_rep_shows_that_rep_and_what_the_team_now_promises() -> None:
    given = {"reps": reps("A", "B"), "quotas": quotas({"A": 1e6, "B": 2e6})}
    monday = make_plans(night(MONDAY, **given))
    changed = given | {"quotas": quotas({"A": 1e6, "B": 4e6})}
    tables = make_plans(night(TUESDAY, **changed), told(monday))
    assert set(tables.weeks["scope_id"]) == {"B", "team", ""}
    assert (
        week_row(tables, "touches", "team", "team")["promised"]
        == 75 + week_row(tables, "touches", scope_id="B")["promised"]
    )


def test_each_role_has_its_own_rows() -> None:
    roles = reps("A", "I").with_columns(role=pl.Series(["field", "inside_sales"]))
    tables = make_plans(night(MONDAY, reps=roles))
    of_rep = tables.weeks.filter(pl.col("scope_kind") == "rep").select("rep_id", "measure").rows()
    assert of_rep == [("A", "won_deals"), ("A", "meetings"), ("I", "appointments"), ("I", "touches")]


def test_the_coefficients_used_stand_beside_last_month_s() -> None:
    own = conversions({"meeting_to_won": 0.25}, scope=("rep", "A")).with_columns(lower_80=0.2, upper_80=0.31)
    last = frame("last_month", [("rep", "A", "win_rate", 0.4, 5), ("organization", "", "win_rate", 0.3, 90)])
    activity = pl.concat([conversions(), own])
    tables = make_plans(night(MONDAY, activity_conversion=activity, last_month=last))
    rows = {(row["scope_kind"], row["measure"]): row for row in tables.coefficients.iter_rows(named=True)}
    rate = rows["rep", "win_rate"]
    assert (rate["value"], rate["origin"], rate["last_month_value"], rate["last_month_n"]) == (
        0.25,
        "rep",
        0.4,
        5,
    )
    assert (rate["lower_80"], rate["upper_80"]) == (
        pytest.approx(0.2, abs=0.01),
        pytest.approx(0.31, abs=0.01),
    )
    assert rows["organization", "win_rate"]["last_month_value"] == 0.3
    assert rows["team", "win_rate"]["origin"] == "organization"
    assert rows["rep", "average_price"]["lower_80"] is None
    assert rows["rep", "average_cycle_days"]["value"] == 40.0


def test_what_was_promised_on_monday_stays_readable(log: EventLog) -> None:
    monday = decide(log, MONDAY)
    done = {("A", MONDAY, "touches"): 5}
    decide(log, TUESDAY, done=done)
    wednesday = decide(log, WEDNESDAY, done=done)
    kept = decided_rows(log, PLAN_STEPS, MONDAY).select(monday.steps.columns)
    assert_frame_equal(kept, monday.steps, check_row_order=False)
    assert plan_row(wednesday)["reset_date"] == MONDAY
    assert target(wednesday, "week", "touches", WEDNESDAY) == 70
    weeks = decided_so_far(log, PLAN_WEEKS, WEDNESDAY)
    assert set(weeks["plan_date"]) == {MONDAY}


def test_resets_so_far_are_published_together(log: EventLog) -> None:
    for day in (MONDAY, TUESDAY, NEXT_MONDAY):
        decide(log, day)
    assert set(decided_so_far(log, PLAN_WEEKS, NEXT_MONDAY)["plan_date"]) == {MONDAY, NEXT_MONDAY}
    assert set(decided_so_far(log, PLAN_COEFFICIENTS, NEXT_MONDAY)["plan_date"]) == {MONDAY, NEXT_MONDAY}


def test_a_rehearsed_promise_holds_nobody(log: EventLog) -> None:
    decide(log, MONDAY, kind=REHEARSED)
    assert plan_row(decide(log, TUESDAY))["reset_date"] == TUESDAY


def test_a_rehearsal_after_the_fact_leaves_the_promise(log: EventLog) -> None:
    decide(log, MONDAY)
    decide(log, MONDAY, kind=REHEARSED, hour=2, activity_conversion=conversions({"meeting_to_won": 0.5}))
    tuesday = decide(log, TUESDAY)
    assert plan_row(tuesday)["reset_date"] == MONDAY
    assert target(tuesday, "week", "meetings", TUESDAY) == 13


def test_a_day_decided_again_promises_the_later_numbers(log: EventLog) -> None:
    decide(log, MONDAY)
    decide(log, MONDAY, hour=2, quotas=quotas({"A": 5e5}))
    tuesday = decide(log, TUESDAY, quotas=quotas({"A": 5e5}))
    assert plan_row(tuesday)["reset_date"] == MONDAY
    assert target(tuesday, "week", "meetings", TUESDAY) == 7


def test_plans_of_a_version_without_scopes_promise_nothing(log: EventLog) -> None:
    old = (
        decide(log, MONDAY)
        .plans.filter(pl.col("scope_kind") == "rep")
        .drop("scope_kind", "scope_id", "reset_date")
    )
    other = EventLog(log.root.parent / "old log")
    key = ["plan_date", "rep_id"]
    now = datetime(2027, 1, 31, tzinfo=UTC)
    commit_decisions(other, PLANS, old, key=key, plan_date=MONDAY, run_id="r", now=now)
    assert read_earlier(other, TUESDAY).plans.is_empty()
    assert plan_row(decide(other, TUESDAY))["reset_date"] == TUESDAY


def test_nothing_decided_before_is_no_promise(log: EventLog) -> None:
    assert {ACTIONS_PLANNED, CANDIDATES}.isdisjoint(log.streams())
    assert read_earlier(log, MONDAY).steps.is_empty()
