"""Between resets the week's promise is kept; a reset plans the rest of the month anew; a slow week is caught up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.rhythm.reset import EARLIER_PLAN_SCHEMA, EARLIER_STEP_SCHEMA, EarlierPlans
from tests.plan.frames import FEW_DRAWS, MONTH, conversions, frame, inputs, quotas, reps, velocity, won_deals

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (MONTH + timedelta(days=day) for day in range(4))
NEXT_MONDAY = MONTH + timedelta(days=7)


def told(*tables: PlanTables) -> EarlierPlans:
    """The reps' rows of earlier nights, as the log keeps them."""
    plans = pl.concat([table.plans for table in tables]).filter(pl.col("scope_kind") == "rep")
    steps = pl.concat([table.steps for table in tables]).filter(pl.col("scope_kind") == "rep")
    return EarlierPlans(plans.select(list(EARLIER_PLAN_SCHEMA)), steps.select(list(EARLIER_STEP_SCHEMA)))


def night(day: date, done: dict[tuple[str, date, str], int] | None = None, **changes: Any) -> PlanInputs:
    """The worked example on the eve of ``day``; ``done`` by rep, date and measure."""
    rows = [(rep, when, measure, number) for (rep, when, measure), number in (done or {}).items()]
    given: dict[str, Any] = {
        "plan_date": day,
        "as_of_date": day - timedelta(days=1),
        "activity_by_day": frame("activity_by_day", rows),
        "parameters": FEW_DRAWS,
    }
    return inputs(**(given | changes))


def target(
    tables: PlanTables, level: str, measure: str, start: date, rep: str = "A", column: str = "target"
) -> Any:
    rows = tables.steps.filter(
        pl.col("rep_id") == rep,
        pl.col("level") == level,
        pl.col("measure") == measure,
        pl.col("period_start") == start,
    )
    return rows[column].item()


def plan_row(tables: PlanTables, scope: str = "rep", scope_id: str = "A") -> dict[str, Any]:
    return tables.plans.row(
        by_predicate=(pl.col("scope_kind") == scope) & (pl.col("scope_id") == scope_id), named=True
    )


@pytest.fixture
def monday() -> PlanTables:
    return make_plans(night(MONDAY))


def test_the_first_plan_is_a_promise(monday: PlanTables) -> None:
    assert plan_row(monday)["reset_date"] == MONDAY
    assert target(monday, "week", "appointments", MONDAY, column="promised") == 25
    assert target(monday, "week", "appointments", MONDAY, column="done") == 0


def test_the_week_s_promise_is_kept_over_the_days_left(monday: PlanTables) -> None:
    done = {("A", MONDAY, "appointments"): 3, ("A", MONDAY, "touches"): 20}
    tuesday = make_plans(night(TUESDAY, done), told(monday))
    assert plan_row(tuesday)["reset_date"] == MONDAY
    assert target(tuesday, "week", "appointments", TUESDAY) == 22
    assert target(tuesday, "week", "appointments", TUESDAY, column="promised") == 25
    assert target(tuesday, "week", "appointments", TUESDAY, column="done") == 3
    assert [target(tuesday, "day", "appointments", TUESDAY + timedelta(days=n)) for n in range(4)] == [
        6,
        6,
        5,
        5,
    ]
    assert target(tuesday, "week", "appointments", NEXT_MONDAY) == 25
    assert target(tuesday, "month", "touches", TUESDAY) == 55 + 3 * 75
    assert plan_row(tuesday)["planned_appointments"] == 22 + 75


def test_more_than_promised_leaves_nothing_for_the_week_and_later_weeks_as_they_were(
    monday: PlanTables,
) -> None:
    tuesday = make_plans(night(TUESDAY, {("A", MONDAY, "meetings"): 30}), told(monday))
    assert target(tuesday, "week", "meetings", TUESDAY) == 0
    assert [target(tuesday, "week", "meetings", NEXT_MONDAY + timedelta(days=7 * n)) for n in range(3)] == [
        13,
        12,
        12,
    ]


def test_what_was_done_before_the_reset_does_not_count_towards_it(monday: PlanTables) -> None:
    sunday = MONDAY - timedelta(days=1)
    tuesday = make_plans(night(TUESDAY, {("A", sunday, "touches"): 50}), told(monday))
    assert target(tuesday, "week", "touches", TUESDAY) == 75


def test_a_promise_is_kept_through_several_nights(monday: PlanTables) -> None:
    done = {("A", MONDAY, "touches"): 5}
    tuesday = make_plans(night(TUESDAY, done), told(monday))
    done[("A", TUESDAY, "touches")] = 10
    wednesday = make_plans(night(WEDNESDAY, done), told(monday, tuesday))
    assert plan_row(wednesday)["reset_date"] == MONDAY
    assert target(wednesday, "week", "touches", WEDNESDAY) == 60


def test_monday_plans_the_rest_of_the_month_anew(monday: PlanTables) -> None:
    opportunities = won_deals("A", (400_000.0, WEDNESDAY))
    tables = make_plans(night(NEXT_MONDAY, opportunities=opportunities), told(monday))
    assert plan_row(tables)["reset_date"] == NEXT_MONDAY
    assert plan_row(tables)["planned_meetings"] == 30
    assert [target(tables, "week", "meetings", NEXT_MONDAY + timedelta(days=7 * n)) for n in range(3)] == [
        10,
        10,
        10,
    ]


def test_a_night_that_missed_monday_resets_on_tuesday() -> None:
    last_week = make_plans(night(MONDAY))
    tables = make_plans(night(NEXT_MONDAY + timedelta(days=1)), told(last_week))
    assert plan_row(tables)["reset_date"] == NEXT_MONDAY + timedelta(days=1)


def test_a_new_month_resets_in_the_middle_of_a_week() -> None:
    march = date(2027, 3, 31)
    april = march + timedelta(days=1)
    given = {
        "quotas": pl.concat([quotas({"A": 1e6}, month=date(2027, 3, 1)), quotas({"A": 2e6}, month=april)])
    }
    tables = make_plans(night(april, **given), told(make_plans(night(march, **given))))
    assert plan_row(tables)["reset_date"] == april


@pytest.mark.parametrize("amount", [2_000_000.0, None])
def test_a_changed_quota_resets_at_once(monday: PlanTables, amount: float | None) -> None:
    tables = make_plans(night(TUESDAY, quotas=quotas({"A": amount})), told(monday))
    assert plan_row(tables)["reset_date"] == TUESDAY


def test_a_changed_quota_of_one_rep_leaves_the_others_promise() -> None:
    both = {"reps": reps("A", "B"), "quotas": quotas({"A": 1e6, "B": 1e6})}
    monday = make_plans(night(MONDAY, **both))
    changed = both | {"quotas": quotas({"A": 1e6, "B": 3e6})}
    tuesday = make_plans(night(TUESDAY, **changed), told(monday))
    assert plan_row(tuesday)["reset_date"] == MONDAY
    assert plan_row(tuesday, scope_id="B")["reset_date"] == TUESDAY


def test_a_new_rep_s_first_plan_is_a_reset(monday: PlanTables) -> None:
    with_newcomer = night(TUESDAY, reps=reps("A", "B"), quotas=quotas({"A": 1e6, "B": 1e6}))
    tables = make_plans(with_newcomer, told(monday))
    assert plan_row(tables)["reset_date"] == MONDAY
    assert plan_row(tables, scope_id="B")["reset_date"] == TUESDAY


def test_the_same_day_decided_again_makes_the_same_promise(monday: PlanTables) -> None:
    again = make_plans(night(MONDAY), told(monday))
    assert again.steps.equals(monday.steps)
    assert again.plans.equals(monday.plans)


def test_a_new_absence_for_the_rest_of_the_week_moves_what_is_left_to_later_weeks(monday: PlanTables) -> None:
    away = frame("absences", [("A", TUESDAY + timedelta(days=n)) for n in range(4)])
    tuesday = make_plans(night(TUESDAY, {("A", MONDAY, "touches"): 15}, absences=away), told(monday))
    weeks = [target(tuesday, "week", "touches", NEXT_MONDAY + timedelta(days=7 * n)) for n in range(3)]
    assert weeks == [95, 95, 95]
    assert target(tuesday, "month", "touches", TUESDAY) == 285


def test_a_rep_with_no_day_left_is_promised_nothing(monday: PlanTables) -> None:
    away = frame("absences", [("A", TUESDAY + timedelta(days=n)) for n in range(27)])
    tuesday = make_plans(night(TUESDAY, absences=away), told(monday))
    assert tuesday.steps["target"].sum() == 0


def test_what_fell_behind_is_said_until_the_end_of_the_week(monday: PlanTables) -> None:
    done = {("A", MONDAY + timedelta(days=n), "appointments"): 2 for n in range(3)}
    # 25 promised, 5 a day; 19 left over two days.
    thursday = make_plans(night(THURSDAY, done), told(monday))
    assert "+5 appointments" in plan_row(thursday)["note"]
    assert "a day until the 5th" in plan_row(thursday)["note"]
    assert "catch_up" in plan_row(thursday)["note_codes"]


def test_what_fell_behind_is_said_in_japanese() -> None:
    japanese = {"reps": reps("A", language="ja")}
    monday = make_plans(night(MONDAY, **japanese))
    done = {("A", MONDAY, measure): number for measure, number in (("meetings", 3), ("touches", 15))}
    tuesday = make_plans(night(TUESDAY, done, **japanese), told(monday))
    assert "5日まで1日あたりアポ+1件" in plan_row(tuesday)["note"]


def test_a_rep_in_step_is_told_of_no_catching_up(monday: PlanTables) -> None:
    done = {("A", MONDAY, "appointments"): 5, ("A", MONDAY, "meetings"): 3, ("A", MONDAY, "touches"): 15}
    tuesday = make_plans(night(TUESDAY, done), told(monday))
    assert "catch_up" not in plan_row(tuesday)["note_codes"]


def test_after_a_slow_week_monday_says_how_much_more_a_day_the_rest_of_the_month_asks(
    monday: PlanTables,
) -> None:
    done = {("A", MONDAY, "meetings"): 2, ("A", MONDAY, "appointments"): 3, ("A", MONDAY, "touches"): 10}
    tables = make_plans(night(NEXT_MONDAY, done), told(monday))
    # 100 appointments over 15 days instead of 20.
    assert "+2 appointments" in plan_row(tables)["note"]
    assert "a day until the 26th" in plan_row(tables)["note"]


def test_after_a_full_week_nothing_is_caught_up(monday: PlanTables) -> None:
    done = {("A", MONDAY, "meetings"): 20, ("A", MONDAY, "appointments"): 40, ("A", MONDAY, "touches"): 90}
    tables = make_plans(night(NEXT_MONDAY, done), told(monday))
    assert "catch_up" not in plan_row(tables)["note_codes"]


def test_a_quota_out_of_reach_is_said_plainly_instead(monday: PlanTables) -> None:
    day = date(2027, 2, 24)
    tables = make_plans(night(day), told(make_plans(night(date(2027, 2, 22)))))
    plan = plan_row(tables)
    assert plan["probability_of_quota"] < 0.1
    assert {"below_floor"} <= set(plan["note_codes"].split(","))
    assert "catch_up" not in plan["note_codes"].split(",")
    assert f"¥{round(plan['expected_amount']):,}" in plan["note"]


def test_the_floor_can_be_set() -> None:
    parameters = replace(FEW_DRAWS, lowest_probability=0.0)
    given = night(date(2027, 2, 24), parameters=parameters)
    assert "below_floor" not in plan_row(make_plans(given))["note_codes"]


INSIDE = reps("A", "B", "I").with_columns(role=pl.Series(["field", "field", "inside_sales"]))
TEAM = {"reps": INSIDE, "quotas": quotas({"A": 1e6, "B": 1e6})}


def test_inside_sales_see_touches_and_appointments_and_field_reps_meetings_and_won_deals() -> None:
    tables = make_plans(night(MONDAY, **TEAM))
    seen = {
        rep: sorted(tables.steps.filter(pl.col("rep_id") == rep)["measure"].unique())
        for rep in ("A", "B", "I")
    }
    assert seen == {
        "A": ["meetings", "won_deals"],
        "B": ["meetings", "won_deals"],
        "I": ["appointments", "touches"],
    }
    assert target(tables, "month", "touches", MONDAY, rep="I") == 600
    assert plan_row(tables)["planned_touches"] == 0
    assert plan_row(tables, "team", "team")["planned_touches"] == 600


def test_a_team_s_touches_are_laid_on_inside_sales_by_their_working_units() -> None:
    two = pl.concat([INSIDE, reps("J").with_columns(role=pl.lit("inside_sales"))], how="diagonal")
    two = two.with_columns(working_share=pl.when(pl.col("rep_id") == "J").then(0.5).otherwise(1.0))
    tables = make_plans(night(MONDAY, reps=two, quotas=TEAM["quotas"]))
    assert [plan_row(tables, scope_id=rep)["planned_touches"] for rep in "IJ"] == [400, 200]


def test_inside_sales_away_for_the_month_leave_the_work_with_the_field_reps() -> None:
    away = frame("absences", [("I", MONTH + timedelta(days=n)) for n in range(28)])
    tables = make_plans(night(MONDAY, absences=away, **TEAM))
    assert plan_row(tables)["planned_touches"] == 300
    assert plan_row(tables)["role"] == "full"


def test_inside_sales_have_no_chance_of_quota_of_their_own() -> None:
    given = TEAM | {"quotas": quotas({"A": 1e6, "B": 1e6, "I": 1e6})}
    tables = make_plans(night(MONDAY, **given))
    assert plan_row(tables, scope_id="I")["probability_of_quota"] is None
    assert plan_row(tables, scope_id="I")["planned_meetings"] == 0
    assert plan_row(tables, "team", "team")["planned_meetings"] == 150
    assert plan_row(tables, "team", "team")["probability_of_quota"] is not None


def test_a_new_quota_in_a_team_with_inside_sales_resets_the_team() -> None:
    monday = make_plans(night(MONDAY, **TEAM))
    changed = TEAM | {"quotas": quotas({"A": 1e6, "B": 2e6})}
    tuesday = make_plans(night(TUESDAY, **changed), told(monday))
    assert {plan_row(tuesday, scope_id=rep)["reset_date"] for rep in "ABI"} == {TUESDAY}


def test_a_changed_role_resets(monday: PlanTables) -> None:
    given = {"reps": reps("A", "I").with_columns(role=pl.Series(["field", "inside_sales"]))}
    assert plan_row(make_plans(night(TUESDAY, **given), told(monday)))["reset_date"] == TUESDAY


def test_a_team_adds_up_its_reps_and_has_a_tree_of_its_own() -> None:
    team = conversions({"meeting_to_won": 0.25}, scope=("team", "team"))
    price = velocity(200_000.0, ("team", "team"))
    given = {
        "reps": reps("A", "B"),
        "quotas": quotas({"A": 1e6, "B": 2e6}),
        "activity_conversion": pl.concat([conversions(), team]),
        "revenue_velocity": pl.concat([velocity(), price]),
    }
    plan = plan_row(make_plans(night(MONDAY, **given)), "team", "team")
    assert (plan["goal_amount"], plan["average_price"], plan["win_rate"]) == (3_000_000, 200_000, 0.25)
    assert (plan["needed_won_deals"], plan["needed_meetings"]) == (15, 60)
    assert plan["planned_meetings"] == 20 + 40
    organization = plan_row(make_plans(night(MONDAY, **given)), "organization", "")
    assert (organization["average_price"], organization["needed_meetings"]) == (100_000, 150)


def test_money_of_several_currencies_is_not_added_up() -> None:
    amounts = pl.concat([quotas({"A": 1e6}), quotas({"B": 9e3}, currency="USD")])
    tables = make_plans(night(MONDAY, reps=reps("A", "B"), quotas=amounts))
    team = plan_row(tables, "team", "team")
    assert (team["quota_amount"], team["currency"], team["needed_meetings"]) == (None, None, None)
    assert team["note_codes"] == "mixed_currencies"
    assert team["planned_meetings"] == sum(plan_row(tables, scope_id=rep)["planned_meetings"] for rep in "AB")
    assert team["probability_of_quota"] is None


def test_what_no_quota_is_set_for_does_not_mix_currencies() -> None:
    given = {"reps": reps("A", "B"), "quotas": quotas({"A": 9e3}, currency="USD"), "currency": "JPY"}
    team = plan_row(make_plans(night(MONDAY, **given)), "team", "team")
    assert (team["quota_amount"], team["currency"]) == (9_000, "USD")


def test_a_rep_without_team_counts_in_the_organisation_alone() -> None:
    both = pl.concat([reps("A"), reps("B", team=None)])
    tables = make_plans(night(MONDAY, reps=both, quotas=quotas({"A": 1e6, "B": 1e6})))
    assert plan_row(tables, "team", "team")["planned_meetings"] == 50
    assert plan_row(tables, "organization", "")["planned_meetings"] == 100
