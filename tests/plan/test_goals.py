"""Goals in money, deals and revenue velocity, each in its own unit through the whole plan."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from dagster_project.plan.plan import make_plans
from dagster_project.plan.words.staircase import staircase
from tests.plan.frames import MONTH, frame, inputs, open_deals, quotas, reps, velocity, won_deals


def goals(*rows: tuple[str, float, str], currency: str = "JPY") -> pl.DataFrame:
    """Quotas of the month: rep, amount, measure."""
    plain = frame("quotas", [(rep, MONTH, amount, currency, "csv") for rep, amount, _ in rows])
    return plain.with_columns(measure=pl.Series([measure for *_, measure in rows], dtype=pl.String))


def plan_of(row: str = "A", **changes: Any) -> dict[str, Any]:
    plans = make_plans(inputs(**changes)).plans
    return plans.row(by_predicate=pl.col("scope_id") == row, named=True)


def test_ten_deals_ask_what_a_million_at_a_hundred_thousand_asks() -> None:
    """The worked example of method §5, with the goal in deals and a price that must not matter."""
    plan = plan_of(quotas=goals(("A", 10.0, "won_deals")), revenue_velocity=velocity(price=7_654_321.0))
    assert plan["goal_measure"] == "won_deals"
    assert plan["goal_amount"] == 10
    assert plan["average_price"] == 1
    assert [plan[f"needed_{name}"] for name in ("won_deals", "meetings", "appointments", "touches")] == [
        10,
        50,
        100,
        300,
    ]


def test_every_deal_counts_one_whatever_its_amount_and_currency() -> None:
    won = won_deals("A", (9e9, date(2027, 2, 2)), (1.0, date(2027, 2, 3)), currency="USD")
    flying = open_deals("A", (None, 0.5), (5e8, 0.25))
    plan = plan_of(
        as_of_date=date(2027, 2, 5),
        plan_date=date(2027, 2, 8),
        quotas=goals(("A", 10.0, "won_deals")),
        opportunities=pl.concat([won, flying["opportunities"]]),
        win_ahead=flying["win_ahead"],
    )
    assert plan["won_amount_to_date"] == 2
    assert plan["remaining_amount"] == 8
    assert float(plan["in_flight_expected_amount"]) == pytest.approx(0.75)
    assert plan["done_won_deals"] == 2
    assert "other_currency" not in plan["note_codes"]


def test_the_chance_of_a_goal_in_deals_is_that_of_the_same_money_at_one_price() -> None:
    in_deals = plan_of(quotas=goals(("A", 10.0, "won_deals")))
    in_money = plan_of(quotas=quotas({"A": 1_000_000.0}))
    for name in ("probability_of_quota", "insurance_meetings", "planned_meetings"):
        assert in_deals[name] == in_money[name]


def test_a_revenue_velocity_is_money_with_what_it_is_a_day() -> None:
    """35,714.29 a day over the 28 days of February are a million."""
    plan = plan_of(quotas=goals(("A", 1_000_000.0, "revenue_velocity")))
    assert plan["goal_measure"] == "revenue_velocity"
    assert plan["needed_meetings"] == 50
    text = staircase(plan, make_plans(inputs()).steps.clear(), language="en")
    assert "¥1,000,000 (¥35,714 a day)" in text
    assert "100万円 (1日3.6万円)" in staircase(plan, make_plans(inputs()).steps.clear(), language="ja")


def test_what_a_person_reads_of_a_goal_in_deals_has_no_money_in_it() -> None:
    tables = make_plans(inputs(quotas=goals(("A", 10.0, "won_deals"))))
    plan = tables.plans.row(by_predicate=pl.col("scope_id") == "A", named=True)
    english, japanese = (staircase(plan, tables.steps, language=language) for language in ("en", "ja"))
    assert "10 deals" in english
    assert "10件" in japanese
    assert not any(sign in english + japanese for sign in "¥円")


def test_of_two_measures_revenue_is_planned_and_the_other_named() -> None:
    plan = plan_of(quotas=goals(("A", 8.0, "won_deals"), ("A", 1_000_000.0, "revenue")))
    assert plan["goal_measure"] == "revenue"
    assert plan["goal_amount"] == 1_000_000
    assert "also set for this month and not planned for: 8 deals" in plan["note"]


def test_of_two_currencies_the_other_is_named_and_not_added() -> None:
    two = pl.concat([goals(("A", 5.0, "revenue"), currency="USD"), goals(("A", 1e6, "revenue"))])
    plan = plan_of(quotas=two, reps=reps("A", language="ja"))
    assert plan["goal_amount"] == 1_000_000
    assert "今月は5ドルの目標もありますが、計画には使っていません" in plan["note"]


def test_a_team_with_goals_in_deals_alone_adds_them_up_and_a_mixed_one_does_not() -> None:
    alone = goals(("A", 10.0, "won_deals"), ("B", 4.0, "won_deals"))
    team = plan_of("team", reps=reps("A", "B"), quotas=alone)
    assert (team["goal_measure"], team["goal_amount"], team["needed_won_deals"]) == ("won_deals", 14, 14)
    mixed = goals(("A", 10.0, "won_deals"), ("B", 1e6, "revenue"))
    team = plan_of("team", reps=reps("A", "B"), quotas=mixed)
    assert team["goal_measure"] is None
    assert team["goal_amount"] is None
    assert team["probability_of_quota"] is None
    assert "mixed_currencies" in team["note_codes"]


def test_a_quota_without_a_rate_is_priced_in_its_own_currency() -> None:
    """50,000 francs at 5,000 francs a deal are ten deals, however many yen a deal brings."""
    own = won_deals("A", (5_000.0, date(2026, 11, 2)), currency="CHF")
    plan = plan_of(quotas=goals(("A", 50_000.0, "revenue"), currency="CHF"), opportunities=own)
    assert (plan["average_price"], plan["needed_won_deals"], plan["currency"]) == (5_000, 10, "CHF")
    unknown = plan_of(quotas=goals(("A", 50_000.0, "revenue"), currency="CHF"))
    assert unknown["needed_won_deals"] == 10
    assert "from_default" in unknown["note_codes"]
    assert "average price" in unknown["note"]


def test_the_team_of_a_rep_without_any_price_has_a_price_too() -> None:
    """Nothing was ever won: the quota ÷ 10 is assumed for the rep, and the team must not divide by one yen."""
    team = plan_of("team", revenue_velocity=velocity().clear())
    assert (team["average_price"], team["needed_won_deals"]) == (100_000, 10)


def test_no_lever_is_a_price_where_deals_are_counted() -> None:
    tables = make_plans(inputs(quotas=goals(("A", 500.0, "won_deals"))))
    assert tables.levers.height > 0
    assert "average_price" not in tables.levers["lever"].to_list()
