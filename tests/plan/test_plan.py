"""A rep's plan: worked example, credit for open deals, and every awkward case by name."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from dagster_project.log_odds import DrawSettings
from dagster_project.plan.day.pattern import DefaultMinutes
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.plan import PLAN_SCHEMA, make_plans
from tests.plan.frames import (
    MONTH,
    MONTH_END,
    conversions,
    frame,
    inputs,
    open_deals,
    quotas,
    reps,
    velocity,
    win_curve,
    won_deals,
)


def plan_of(given: PlanInputs, rep: str = "A") -> dict[str, Any]:
    return make_plans(given).plans.row(by_predicate=pl.col("rep_id") == rep, named=True)


def rep_plans(given: PlanInputs) -> pl.DataFrame:
    return make_plans(given).plans.filter(pl.col("scope_kind") == "rep")


def targets(given: PlanInputs, level: str, measure: str) -> list[int]:
    steps = make_plans(given).steps.filter(
        pl.col("scope_kind") == "rep", pl.col("level") == level, pl.col("measure") == measure
    )
    return steps.sort("period_start")["target"].to_list()


def codes(plan: dict[str, Any]) -> set[str]:
    return set(plan["note_codes"].split(",")) - {"from_team", "from_organization", ""}


def test_worked_example_of_the_method() -> None:
    plan = plan_of(inputs())
    assert [plan[f"needed_{level}"] for level in ("won_deals", "meetings", "appointments", "touches")] == [
        10,
        50,
        100,
        300,
    ]
    assert [plan[f"planned_{level}"] for level in ("meetings", "appointments", "touches")] == [50, 100, 300]
    assert plan["business_days_left"] == 20
    assert codes(plan) == set()


def test_worked_example_comes_down_to_weeks_and_days() -> None:
    assert targets(inputs(), "week", "appointments") == [25, 25, 25, 25]
    assert targets(inputs(), "week", "meetings") == [13, 13, 12, 12]
    assert targets(inputs(), "week", "touches") == [75, 75, 75, 75]
    assert targets(inputs(), "day", "touches") == [15] * 20
    assert targets(inputs(), "month", "touches") == [300]


def test_weeks_of_unequal_days_share_by_largest_remainder() -> None:
    absences = frame("absences", [("A", date(2027, 2, day)) for day in (1, 2, 3, 26)])
    assert targets(inputs(absences=absences), "week", "meetings") == [6, 16, 16, 12]


def test_the_plain_plan_is_a_coin_flip() -> None:
    certain = PlanParameters(default_spread=0.0, draws=DrawSettings(draws=8_192, month_shock=0.0))
    assert plan_of(inputs(parameters=certain))["probability_of_quota"] == pytest.approx(0.556, abs=0.02)


def test_insurance_is_beside_the_plan_not_in_it() -> None:
    certain = PlanParameters(default_spread=0.0, draws=DrawSettings(draws=8_192, month_shock=0.0))
    plan = plan_of(inputs(parameters=certain))
    assert plan["insurance_meetings"] == pytest.approx(61, abs=2)
    assert plan["planned_meetings"] == 50


def test_a_team_is_insured_together() -> None:
    team = [f"R{n}" for n in range(10)]
    given = inputs(
        reps=reps(*team),
        quotas=quotas(dict.fromkeys(team, 1_000_000.0)),
        parameters=PlanParameters(default_spread=0.0, draws=DrawSettings(draws=2_048, month_shock=0.0)),
    )
    insured = rep_plans(given)["insurance_meetings"]
    assert insured.sum() == pytest.approx(537, abs=10)
    assert insured.max() - insured.min() <= 1


def test_a_team_mate_above_quota_lowers_the_team_s_insurance() -> None:
    given = inputs(reps=reps("A", "B"), quotas=quotas({"A": 1_000_000.0, "B": 1_000_000.0}))
    surplus = won_deals("B", (1_500_000.0, MONTH))
    ahead = replace(given, opportunities=surplus, as_of_date=MONTH, plan_date=date(2027, 2, 2))
    assert rep_plans(ahead)["insurance_meetings"].sum() < (rep_plans(given)["insurance_meetings"].sum() / 2)


def test_open_deals_are_credited_by_their_chance_this_month() -> None:
    plan = plan_of(inputs(**open_deals("A", (500_000.0, 0.5), (300_000.0, 0.5))))
    assert plan["in_flight_deals"] == 2
    assert plan["in_flight_expected_amount"] == 400_000
    assert plan["gap_amount"] == 600_000
    assert (plan["needed_won_deals"], plan["new_won_deals"], plan["needed_meetings"]) == (10, 6, 30)
    assert plan["planned_meetings"] == 30


def test_money_won_this_month_is_taken_off_the_quota() -> None:
    opportunities = won_deals("A", (200_000.0, MONTH), (999_999.0, date(2027, 1, 31)))
    plan = plan_of(inputs(opportunities=opportunities, as_of_date=MONTH, plan_date=date(2027, 2, 2)))
    assert (plan["won_amount_to_date"], plan["done_won_deals"]) == (200_000, 1)
    assert plan["remaining_amount"] == 800_000


def test_a_deal_without_amount_counts_as_the_average_price() -> None:
    plan = plan_of(inputs(**open_deals("A", (None, 0.5))))
    assert plan["in_flight_expected_amount"] == 50_000


def test_a_deal_without_forecast_is_not_credited_and_said() -> None:
    plan = plan_of(inputs(**open_deals("A", (800_000.0, None))))
    assert plan["in_flight_expected_amount"] == 0
    assert codes(plan) == {"without_forecast"}


def test_dollars_are_not_added_to_yen() -> None:
    opportunities = won_deals("A", (5_000.0, MONTH), currency="USD")
    plan = plan_of(inputs(opportunities=opportunities, as_of_date=MONTH, plan_date=date(2027, 2, 2)))
    assert plan["won_amount_to_date"] == 0
    assert "other_currency" in codes(plan)


def test_new_meetings_count_by_the_days_left_to_them() -> None:
    # Half of what is ever won is won in 10 days, the rest in 40: late meetings bring little this month.
    slow = inputs(win_by_horizon=win_curve({0: 0.0, 10: 0.1, 40: 0.2}))
    plan = plan_of(slow)
    assert 0.25 < plan["won_in_time_share"] < 0.5
    assert plan["needed_meetings"] == 50
    # Catching up shrinks with what can still be won in time: 50 × (1 + share).
    assert plan["planned_meetings"] == math.ceil(50 * (1 + plan["won_in_time_share"]))
    assert codes(plan) >= {"catch_up_limited", "next_months"}


def test_where_nothing_new_can_be_won_in_time_the_plan_keeps_the_even_pace() -> None:
    given = inputs(win_by_horizon=win_curve({0: 0.0, 29: 0.0, 60: 0.2}))
    plan = plan_of(given)
    assert (plan["needed_meetings"], plan["planned_meetings"], plan["won_in_time_share"]) == (50, 50, 0.0)
    assert "more than 120 new meetings, the plan keeps to the even pace" in plan["note"]
    assert plan["probability_of_quota"] == 0.0


def test_a_moderate_wait_asks_for_more_than_the_tree_without_a_limit() -> None:
    plan = plan_of(inputs(win_by_horizon=win_curve({0: 0.15, 40: 0.2})))
    assert plan["planned_meetings"] == 67  # 50 ÷ .75
    assert codes(plan) == set()


def test_a_covered_month_still_funds_the_next_ones() -> None:
    given = inputs(win_by_horizon=win_curve({0: 0.05, 40: 0.2}), **open_deals("A", (2_000_000.0, 0.9)))
    plan = plan_of(given)
    assert plan["needed_meetings"] == 0
    # March has no open deal: its own fifty bring 2.5, those of February that are won in March must bring the rest.
    assert plan["planned_meetings"] == 64
    assert plan["meetings_for_next_months"] == 48  # 64 × (1 − .25)
    assert codes(plan) == {"covered", "next_months"}


def test_planned_appointments_count_those_already_booked() -> None:
    activity = frame("activity_to_date", [("A", 40, 12, 6, 30, 0)])
    plan = plan_of(inputs(activity_to_date=activity))
    assert (plan["planned_meetings"], plan["planned_appointments"], plan["planned_touches"]) == (50, 70, 210)
    assert (plan["done_touches"], plan["done_appointments"], plan["done_meetings"]) == (40, 12, 6)


def test_no_quota_plans_to_hold_the_own_pace_and_says_so() -> None:
    given = inputs(
        quotas=quotas({}),
        revenue_velocity=pl.concat(
            [velocity(), velocity(100_000.0, ("rep", "A"), won=30, realised=20_000.0)]
        ),
    )
    plan = plan_of(given)
    assert plan["quota_amount"] is None
    assert plan["goal_amount"] == 560_000
    assert plan["goal_source"] == "own_pace"
    assert plan["planned_meetings"] == 28
    assert plan["probability_of_quota"] is None
    assert plan["insurance_meetings"] is None
    assert codes(plan) == {"own_pace"}


def test_no_quota_and_no_pace_asks_for_a_quota() -> None:
    plan = plan_of(inputs(quotas=quotas({})))
    assert plan["goal_source"] == "none"
    assert (plan["planned_meetings"], plan["needed_won_deals"], plan["remaining_amount"]) == (0, 0, None)
    assert "CSV" in plan["note"]


def test_a_quota_of_another_month_is_no_quota() -> None:
    assert plan_of(inputs(quotas=quotas({"A": 1.0}, month=date(2027, 1, 1))))["goal_source"] == "none"


def test_quota_of_zero_asks_for_nothing_and_is_made() -> None:
    plan = plan_of(inputs(quotas=quotas({"A": 0.0})))
    assert (plan["planned_touches"], plan["probability_of_quota"], plan["insurance_meetings"]) == (0, 1.0, 0)
    assert "quota_zero" in codes(plan)


def test_quota_already_passed_asks_for_nothing_more_this_month() -> None:
    opportunities = won_deals("A", (1_200_000.0, MONTH))
    plan = plan_of(inputs(opportunities=opportunities, as_of_date=MONTH, plan_date=date(2027, 2, 2)))
    assert (plan["remaining_amount"], plan["needed_meetings"], plan["planned_meetings"]) == (0, 0, 0)
    assert plan["probability_of_quota"] == 1.0
    assert "quota_passed" in codes(plan)


def test_a_rep_with_no_history_is_planned_with_the_team_s_coefficients() -> None:
    team = conversions({"meeting_to_won": 0.25}, scope=("team", "team"))
    plan = plan_of(inputs(activity_conversion=pl.concat([conversions(), team])))
    assert plan["win_rate"] == 0.25
    assert plan["appointment_to_meeting"] == 0.50
    assert "taken from the team: win rate" in plan["note"]
    assert "taken from the organization: average price, appointment to meeting" in plan["note"]


def test_own_coefficients_come_first_but_not_from_nothing_begun() -> None:
    own = conversions({"meeting_to_won": 0.30}, scope=("rep", "A"), entered=12)
    unbegun = conversions({"touch_to_appointment": 0.9}, scope=("rep", "A"), entered=0)
    plan = plan_of(inputs(activity_conversion=pl.concat([conversions(), own, unbegun])))
    assert plan["win_rate"] == 0.30
    assert plan["touch_to_appointment"] == pytest.approx(1 / 3)


def test_all_coefficients_zero_fall_back_to_stated_defaults() -> None:
    zero = dict.fromkeys(("meeting_to_won", "appointment_to_meeting", "touch_to_appointment"), 0.0)
    nothing_won = velocity(None, won=0).with_columns(win_rate=pl.lit(0.0))
    plan = plan_of(
        inputs(
            activity_conversion=conversions(zero),
            win_by_horizon=win_curve({0: 0.0, 30: 0.0}),
            revenue_velocity=nothing_won,
        )
    )
    assert (plan["win_rate"], plan["appointment_to_meeting"]) == (0.2, 0.5)
    assert plan["average_price"] == 100_000  # quota ÷ 10 deals a month
    assert "no history yet, assumed: average price, win rate" in plan["note"]
    assert 0 < plan["planned_meetings"] <= 100


def test_a_price_or_rate_of_next_to_nothing_is_not_divided_by() -> None:
    given = inputs(
        revenue_velocity=velocity(5e-324), activity_conversion=conversions({"meeting_to_won": 1e-300})
    )
    plan = plan_of(given)
    assert (plan["average_price"], plan["win_rate"], plan["needed_meetings"]) == (100_000, 0.2, 50)


def test_an_org_that_logs_no_meetings_uses_win_by_horizon() -> None:
    given = inputs(activity_conversion=conversions({}), win_by_horizon=win_curve({0: 0.0, 100: 0.4}))
    assert plan_of(given)["win_rate"] == 0.4


def test_too_few_in_the_window_uses_all_time() -> None:
    few = conversions({"meeting_to_won": 0.9}).with_columns(is_too_few=pl.lit(True))
    all_time = conversions({"meeting_to_won": 0.3}, window="all")
    assert plan_of(inputs(activity_conversion=pl.concat([few, all_time])))["win_rate"] == 0.3


def test_price_is_drawn_to_the_team_by_the_number_of_own_won_deals() -> None:
    own = velocity(300_000.0, ("rep", "A"), won=10)
    assert plan_of(inputs(revenue_velocity=pl.concat([velocity(), own])))["average_price"] == 200_000


def test_no_business_day_left_plans_nothing_and_says_so() -> None:
    given = inputs(plan_date=date(2027, 2, 27), as_of_date=date(2027, 2, 26))
    plan, tables = plan_of(given), make_plans(given)
    assert (plan["business_days_left"], plan["planned_meetings"], plan["needed_meetings"]) == (0, 0, 50)
    assert "no_day_left" in codes(plan)
    assert tables.steps["level"].unique().to_list() == ["month"]
    assert tables.steps["target"].sum() == 0


def test_a_rep_away_for_the_rest_of_the_month_has_no_day_left() -> None:
    absences = frame("absences", [("A", date(2027, 2, day)) for day in range(1, 29)])
    given = inputs(reps=reps("A", "B"), quotas=quotas({"A": 1e6, "B": 1e6}), absences=absences)
    assert "no_day_left" in codes(plan_of(given))
    assert plan_of(given, "B")["business_days_left"] == 20


def test_a_late_start_is_capped_at_a_multiple_of_the_even_pace() -> None:
    short = PlanParameters(minutes=DefaultMinutes(first_meeting=30.0))
    given = inputs(plan_date=date(2027, 2, 25), as_of_date=date(2027, 2, 24), parameters=short)
    plan = plan_of(given)
    assert plan["planned_meetings"] == 10  # two days at twice 2.5 a day
    assert "more than 12" in plan["note"]


def test_a_plan_that_does_not_fit_in_the_day_is_cut_and_says_so() -> None:
    plan = plan_of(inputs(activity_conversion=conversions({**dict.fromkeys(("meeting_to_won",), 0.01)})))
    one_of_each = 75 + 5 + 5
    assert 0 <= plan["planned_minutes"] - plan["working_minutes"] < one_of_each
    assert "day_limited" in codes(plan)


def test_a_mistyped_quota_gives_no_absurd_number() -> None:
    plan = plan_of(inputs(quotas=quotas({"A": 1e15})))
    assert plan["needed_touches"] == 999_999
    assert plan["planned_touches"] <= 2_000
    assert codes(plan) >= {"cut", "insurance_out_of_reach"}
    assert plan["insurance_meetings"] is None


def test_inactive_reps_are_not_planned_for() -> None:
    given = inputs(reps=reps("A", "B").with_columns(is_active=pl.col("rep_id") == "A"))
    assert rep_plans(given)["rep_id"].to_list() == ["A"]


def test_no_rep_at_all_gives_empty_tables_of_the_same_columns() -> None:
    tables = make_plans(inputs(reps=reps()))
    assert tables.plans.schema == PLAN_SCHEMA
    assert len(tables.steps) == 0


def test_notes_are_in_the_rep_s_language() -> None:
    plan = plan_of(inputs(reps=reps("A", language="ja"), quotas=quotas({"A": 0.0})))
    assert "今月の目標は0です" in plan["note"]


def test_one_row_per_rep_and_dates_of_the_month() -> None:
    plan = plan_of(inputs())
    assert (plan["month_start_date"], plan["month_end_date"]) == (MONTH, MONTH_END)
    assert len(plan["plan_id"]) == 32
