"""What is missing, wrong or absurd has a sensible answer that says so: no error, no number nobody can read."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.plan.input_frames import empty
from dagster_project.plan.inputs import LARGEST_MONEY
from dagster_project.plan.plan import PlanTables, make_plans
from tests.plan.adding_up import assert_adds_up
from tests.plan.frames import (
    FEW_DRAWS,
    MONTH,
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

NAN = float("nan")
CHANCES = ("probability_of_quota", "probability_at_pace", "insurance_probability", "won_in_time_share")
LARGEST_COUNT = 999_999


def planned(**changes: Any) -> PlanTables:
    tables = make_plans(inputs(**({"parameters": FEW_DRAWS} | changes)))
    assert_sensible(tables)
    return tables


def assert_sensible(tables: PlanTables) -> None:
    """Chances in [0, 1], whole numbers from zero to a million, money that fits, nothing infinite, all adding up."""
    plans = tables.plans
    reps_planned = max(plans.filter(pl.col("scope_kind") == "rep").height, 1)
    for name in CHANCES:
        assert plans[name].drop_nulls().is_between(0.0, 1.0).all(), name
    for name, kind in plans.schema.items():
        if kind == pl.Int64 and not name.endswith("minutes"):
            assert plans[name].drop_nulls().is_between(0, LARGEST_COUNT * reps_planned).all(), name
        if kind == pl.Float64:
            assert plans[name].drop_nulls().is_finite().all(), name
        if isinstance(kind, pl.Decimal):
            # Money taken back from customers is money lost; nothing else of a plan is below zero.
            least = -LARGEST_MONEY if name in ("won_amount_to_date", "expected_amount") else 0.0
            assert plans[name].drop_nulls().cast(pl.Float64).is_between(least, LARGEST_MONEY).all(), name
    assert plans["note"].null_count() == 0
    assert_adds_up(tables)


def rep_plan(tables: PlanTables, rep: str = "A") -> dict[str, Any]:
    return tables.plans.row(by_predicate=pl.col("rep_id") == rep, named=True)


def in_japanese(**changes: Any) -> str:
    return str(rep_plan(planned(**({"reps": reps("A", language="ja")} | changes)))["note"])


LATE = {"as_of_date": date(2027, 2, 25), "plan_date": date(2027, 2, 26)}
PASSED = {**LATE, "opportunities": won_deals("A", (2e6, date(2027, 2, 3)))}
FAR_PASSED = {**LATE, "opportunities": won_deals("A", (8e13, date(2027, 2, 3)), (8e13, date(2027, 2, 4)))}
WEEKEND = {"as_of_date": date(2027, 2, 26), "plan_date": date(2027, 2, 27)}
CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no quota": ({"quotas": empty("quotas")}, "no_quota", "quota", "目標"),
    "a quota of zero": ({"quotas": quotas({"A": 0.0})}, "quota_zero", "quota is zero", "目標は0です"),
    "a negative quota": ({"quotas": quotas({"A": -5e6})}, "quota_negative", "is negative", "マイナス"),
    "a quota with digits too many": (
        {"quotas": quotas({"A": 1e15})},
        "quota_too_large",
        "too large",
        "大きすぎる",
    ),
    "a quota out of proportion": (
        {"quotas": quotas({"A": 5e13})},
        "cut",
        "check the quota's digits",
        "目標の桁",
    ),
    "a quota that is no number": ({"quotas": quotas({"A": NAN})}, "no_quota", "quota", "目標"),
    "no rate for the quota's currency": (
        {"quotas": quotas({"A": 5e4}, currency="CHF"), **open_deals("A", (1e6, 0.5))},
        "other_currency",
        "another currency",
        "通貨の異なる",
    ),
    "no history": (
        {"activity_conversion": empty("activity_conversion"), "revenue_velocity": empty("revenue_velocity")},
        "from_default",
        "no history yet",
        "実績がない",
    ),
    "all coefficients zero": (
        {
            "activity_conversion": conversions(
                dict.fromkeys(("meeting_to_won", "appointment_to_meeting", "touch_to_appointment"), 0.0)
            )
        },
        "from_default",
        "no history yet",
        "実績がない",
    ),
    "coefficients that are no numbers": (
        {
            "activity_conversion": conversions(
                dict.fromkeys(("meeting_to_won", "appointment_to_meeting", "touch_to_appointment"), NAN)
            )
        },
        "from_default",
        "no history yet",
        "実績がない",
    ),
    "a price of zero": (
        {"revenue_velocity": velocity(price=0.0)},
        "from_default",
        "average price",
        "平均単価",
    ),
    "no business day left": (WEEKEND, "no_day_left", "no business day", "営業日は残って"),
    "a quota passed": (PASSED, "quota_passed", "already made", "達成済み"),
    "a quota passed by far": (FAR_PASSED, "quota_passed", "already made", "達成済み"),
    "deals without a forecast": (
        open_deals("A", (1e5, None)),
        "without_forecast",
        "without a forecast",
        "受注確率の出ていない",
    ),
    "chances that are no numbers": (
        open_deals("A", (1e5, NAN)),
        "without_forecast",
        "without a forecast",
        "受注確率の出ていない",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_sensible_answer_with_its_note(case: str) -> None:
    changes, code, english, japanese = CASES[case]
    plan = rep_plan(planned(**changes))
    assert code in plan["note_codes"].split(",")
    assert english in plan["note"]
    assert japanese in in_japanese(**changes)


def test_without_a_day_left_nothing_is_planned() -> None:
    plan = rep_plan(planned(**WEEKEND))
    assert [plan[f"planned_{name}"] for name in ("won_deals", "meetings", "appointments", "touches")] == [
        0
    ] * 4
    assert plan["probability_of_quota"] == 0.0


def test_a_quota_passed_is_certain_and_one_too_large_is_not_reached() -> None:
    assert rep_plan(planned(**FAR_PASSED))["probability_of_quota"] == 1.0
    assert rep_plan(planned(quotas=quotas({"A": 1e15})))["probability_of_quota"] == 0.0


def test_nobody_to_plan_for() -> None:
    tables = planned(reps=reps("A").clear())
    assert tables.steps.is_empty()
    assert tables.plans.filter(pl.col("scope_kind") == "rep").is_empty()


def test_everybody_has_left_and_their_quotas_plan_nobody() -> None:
    tables = planned(reps=reps("A").with_columns(is_active=pl.lit(False)))
    assert tables.plans.filter(pl.col("scope_kind") == "rep").is_empty()


def test_an_inactive_owner_s_quota_and_deals_are_nobody_else_s() -> None:
    both = pl.concat([reps("A"), reps("B").with_columns(is_active=pl.lit(False))])
    tables = planned(reps=both, quotas=quotas({"A": 1e6, "B": 9e6}), **open_deals("B", (5e6, 0.9)))
    assert tables.plans["rep_id"].drop_nulls().to_list() == ["A"]
    assert tables.plans.filter(pl.col("scope_kind") == "organization")["goal_amount"].item() == 1_000_000


def test_three_thousand_open_deals_and_none() -> None:
    many = rep_plan(planned(**open_deals("A", *[(1e5, 0.01)] * 3_000)))
    assert (many["in_flight_deals"], float(many["in_flight_expected_amount"])) == (3_000, pytest.approx(3e6))
    assert "covered" in many["note_codes"]
    assert rep_plan(planned())["in_flight_deals"] == 0


def test_deals_without_amounts_weigh_the_rep_s_average_price() -> None:
    plan = rep_plan(planned(**open_deals("A", *[(None, 0.5)] * 4)))
    assert float(plan["in_flight_expected_amount"]) == pytest.approx(200_000)


def test_amounts_that_are_no_numbers_weigh_the_average_price_too_and_won_ones_nothing() -> None:
    deals = open_deals("A", (NAN, 0.5), (float("inf"), 0.5), (-1e5, 0.5))
    won = won_deals("A", (NAN, date(2027, 2, 2)), (2e5, date(2027, 2, 2)))
    both = pl.concat([deals["opportunities"], won])
    plan = rep_plan(planned(**LATE, opportunities=both, win_ahead=deals["win_ahead"]))
    assert float(plan["in_flight_expected_amount"]) == pytest.approx(100_000)
    assert plan["won_amount_to_date"] == 200_000


def test_duplicate_quotas_reps_and_forecasts_are_planned_once() -> None:
    twice = pl.concat([reps("A"), reps("A")])
    deals = open_deals("A", (1e5, 0.5))
    tables = planned(
        reps=twice, opportunities=deals["opportunities"], win_ahead=pl.concat([deals["win_ahead"]] * 2)
    )
    assert tables.plans["rep_id"].drop_nulls().to_list() == ["A"]
    assert rep_plan(tables)["in_flight_deals"] == 1


def test_a_rep_without_team_zone_language_or_email() -> None:
    bare = frame("reps", [("A", None, None, None, None)])
    plan = rep_plan(planned(reps=bare))
    assert plan["needed_meetings"] == 50
    assert plan["language"] == "en"


def test_an_org_in_which_nothing_ever_happened() -> None:
    nothing = ("opportunities", "win_ahead", "activity_conversion", "win_by_horizon", "revenue_velocity")
    plan = rep_plan(planned(**{name: empty(name) for name in nothing}))
    assert (plan["needed_won_deals"], plan["needed_meetings"], plan["needed_touches"]) == (10, 50, 300)
    assert "from_default" in plan["note_codes"]


wild = st.sampled_from([None, NAN, float("inf"), -float("inf"), -1.0, 0.0, 1e-12, 0.3, 1.0, 1.7])
money = st.sampled_from([None, NAN, float("inf"), -1e15, -5e6, 0.0, 1e-9, 1.0, 1e5, 1e6, 9e13, 1e15, 1e30])
measures = st.sampled_from(["revenue", "won_deals", "revenue_velocity", None])
currencies = st.sampled_from(["JPY", "USD", None])
REP_IDS = ["A", "B", "C"]


@st.composite
def bad_inputs(draw: st.DrawFn) -> dict[str, Any]:
    """Any of the marts wrong in any way at once."""
    some = st.sampled_from(REP_IDS)
    day = draw(st.integers(1, 28))
    quota_rows = draw(st.lists(st.tuples(some, money, currencies, measures), max_size=5))
    deals = draw(
        st.lists(
            st.tuples(some, st.sampled_from(["open", "won", "lost"]), money, currencies, wild), max_size=8
        )
    )
    rates = {
        name: draw(wild) for name in ("meeting_to_won", "appointment_to_meeting", "touch_to_appointment")
    }
    teams = [draw(st.sampled_from([None, "team", "other"])) for _ in REP_IDS]
    active = [draw(st.sampled_from([True, True, False, None])) for _ in REP_IDS]
    people = frame(
        "reps",
        [
            (rep, team, "ja", is_active, None)
            for rep, team, is_active in zip(REP_IDS, teams, active, strict=True)
        ],
    )
    ids = [f"d{n % 6}" for n in range(len(deals))]
    return {
        "as_of_date": date(2027, 1, 31) if day == 1 else date(2027, 2, day - 1),
        "plan_date": date(2027, 2, day),
        "reps": people.head(draw(st.integers(0, 3))),
        "quotas": frame(
            "quotas", [(rep, MONTH, amount, code, "csv") for rep, amount, code, _ in quota_rows]
        ).with_columns(measure=pl.Series([measure for *_, measure in quota_rows], dtype=pl.String)),
        "opportunities": frame(
            "opportunities",
            [
                (i, rep, status, amount, code, None if status == "open" else date(2027, 2, 1))
                for i, (rep, status, amount, code, _) in zip(ids, deals, strict=True)
            ],
        ),
        "win_ahead": frame(
            "win_ahead",
            [
                (i, date(2027, 2, 28), chance, draw(wild), draw(wild))
                for i, (*_, chance) in zip(ids, deals, strict=True)
            ],
        ),
        "activity_conversion": conversions(rates, entered=draw(st.integers(0, 3))),
        "win_by_horizon": win_curve(
            {n * 30: share for n, share in enumerate(draw(st.lists(wild, max_size=3)))}
        ),
        "revenue_velocity": velocity(
            price=draw(money), won=draw(st.integers(0, 9)), realised=draw(money) or 0.0
        ),
    }


@given(bad_inputs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_in_a_plan_comes_out(changes: dict[str, Any]) -> None:
    planned(**changes)
