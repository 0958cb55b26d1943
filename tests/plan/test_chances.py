"""Chances of reps, teams and the organisation out of the same draws; with the plan and at today's pace."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.log_odds import DrawSettings
from dagster_project.plan.chances.drawn_months import drawn_months, laying_order
from dagster_project.plan.chances.probability import spread_over_days
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.plan import make_plans
from dagster_project.plan.rep_month import months_of_reps
from dagster_project.plan.whole_numbers import largest_remainder
from tests.plan.frames import MONTH, conversions, frame, inputs, open_deals, quotas, reps, won_deals

TEN = [f"R{n}" for n in range(10)]
CERTAIN = PlanParameters(default_spread=0.0, draws=DrawSettings(draws=4_096, month_shock=0.0))


def row(given: PlanInputs, kind: str, scope_id: str) -> dict[str, Any]:
    chosen = (pl.col("scope_kind") == kind) & (pl.col("scope_id") == scope_id)
    return make_plans(given).plans.row(by_predicate=chosen, named=True)


def ten_reps(**changes: Any) -> PlanInputs:
    values: dict[str, Any] = {
        "reps": reps(*TEN),
        "quotas": quotas(dict.fromkeys(TEN, 900_000.0)),
        "parameters": CERTAIN,
    }
    return inputs(**(values | changes))


def test_a_team_s_chance_is_that_of_its_reps_money_together() -> None:
    given = ten_reps()
    rep, team, everyone = row(given, "rep", "R0"), row(given, "team", "team"), row(given, "organization", "")
    # Ten coin-flips a little better than even: neither all ten at once, nor each alone.
    assert rep["probability_of_quota"] == pytest.approx(0.5587, abs=0.03)  # P(Bin(45, .2) ≥ 9)
    assert team["probability_of_quota"] == pytest.approx(0.5177, abs=0.03)  # P(Bin(450, .2) ≥ 90)
    assert everyone["probability_of_quota"] == team["probability_of_quota"]


def test_insurance_of_the_organisation_is_that_of_its_teams() -> None:
    given = ten_reps()
    insured = make_plans(given).plans.filter(pl.col("scope_kind") == "rep")["insurance_meetings"].sum()
    assert row(given, "team", "team")["insurance_meetings"] == insured
    assert row(given, "organization", "")["insurance_meetings"] == insured


def test_what_everybody_shares_widens_a_team_s_chance_and_not_a_rep_s() -> None:
    hard = quotas(dict.fromkeys(TEN, 900_000.0))
    ahead = won_deals("R0", (2_500_000.0, MONTH))
    calm = ten_reps(quotas=hard, opportunities=ahead, as_of_date=MONTH, plan_date=date(2027, 2, 2))
    wild = replace(calm, parameters=replace(CERTAIN, draws=DrawSettings(draws=4_096, month_shock=0.6)))
    calm_chance, wild_chance = (row(given, "team", "team")["probability_of_quota"] for given in (calm, wild))
    assert calm_chance > 0.9
    assert wild_chance < calm_chance - 0.1


def test_a_scope_without_any_quota_has_no_chance() -> None:
    given = ten_reps(quotas=quotas({}))
    for kind, scope_id in (("rep", "R0"), ("team", "team"), ("organization", "")):
        plan = row(given, kind, scope_id)
        assert (plan["probability_of_quota"], plan["insurance_meetings"]) == (None, None)


def test_money_of_two_currencies_is_never_added_up() -> None:
    both = pl.concat([quotas({"A": 900_000.0}), quotas({"B": 9_000.0}, currency="USD")])
    given = inputs(reps=reps("A", "B"), quotas=both, parameters=CERTAIN)
    assert row(given, "rep", "A")["probability_of_quota"] is not None
    assert row(given, "team", "team")["probability_of_quota"] is None


def pace(done: int, recent: int) -> PlanInputs:
    """Halfway through the month."""
    activity = frame("activity_to_date", [("A", 0, 0, done, 0, recent)])
    return inputs(
        activity_to_date=activity,
        as_of_date=date(2027, 2, 14),
        plan_date=date(2027, 2, 15),
        parameters=CERTAIN,
    )


def test_the_chance_at_pace_is_that_of_the_meetings_the_pace_brings() -> None:
    # Ten days of 2.5 a day, and as before: 25 more, 5 won of the 10 missing.
    slow, planned = row(pace(25, 50), "rep", "A"), row(pace(25, 50), "rep", "A")
    assert slow["probability_at_pace"] == pytest.approx(0.0173, abs=0.01)  # P(Bin(25, .2) ≥ 10)
    assert planned["probability_of_quota"] > slow["probability_at_pace"]


def test_where_no_meeting_is_logged_no_chance_at_pace_is_given() -> None:
    assert row(pace(0, 0), "rep", "A")["probability_at_pace"] is None


def test_an_open_deal_of_a_better_rep_is_likelier_won() -> None:
    rates = pl.concat([conversions(), conversions({"meeting_to_won": 0.4}, ("rep", "A"))])
    deals = open_deals("A", (100_000.0, 0.5))
    deals["opportunities"] = pl.concat(
        [deals["opportunities"], frame("opportunities", [("B-0", "B", "open", 100_000.0, "JPY", None)])]
    )
    deals["win_ahead"] = pl.concat(
        [deals["win_ahead"], deals["win_ahead"].with_columns(opportunity_id=pl.lit("B-0"))]
    )
    given = inputs(reps=reps("A", "B"), activity_conversion=rates, **deals)
    better, other = drawn_months(given, months_of_reps(given))
    # Odds of .4 are 8/3 of those of .2.
    assert better.deals.chances.tolist() == pytest.approx([8 / 11])
    assert other.deals.chances.tolist() == pytest.approx([0.5])


@given(st.integers(0, 60), st.lists(st.sampled_from([0, 100]), min_size=20, max_size=20))
def test_meetings_are_drawn_on_the_days_the_plan_lays_them_on(meetings: int, works: list[int]) -> None:
    weeks, units = np.repeat(np.arange(4), 5), np.array(works)
    order = laying_order(units, weeks)
    assert sorted(order) == np.flatnonzero(units).tolist()
    if len(order) == 0:
        return
    drawn = np.bincount(order[spread_over_days(meetings, len(order))], minlength=20)
    laid = np.zeros(20, dtype=np.int64)
    by_week = largest_remainder(meetings, units.reshape(4, 5).sum(axis=1))
    for week in np.flatnonzero(units.reshape(4, 5).sum(axis=1)):
        days = slice(5 * week, 5 * week + 5)
        laid[days] = largest_remainder(by_week[week], units[days])
    # Weeks of unequal length may differ by a meeting, a day never by more.
    assert np.abs(drawn - laid).max() <= 1
    if len({*units.reshape(4, 5).sum(axis=1).tolist()} - {0}) == 1:
        assert drawn.tolist() == laid.tolist()


def test_new_meetings_follow_the_calendar_of_the_month() -> None:
    strong = frame("calendar_factors", [(2, 1.5), (3, 0.5)])
    plain, moved = (
        drawn_months(given, months_of_reps(given))[0].new.rates
        for given in (inputs(), inputs(calendar_factors=strong))
    )
    assert plain.max() == pytest.approx(0.2)
    assert moved.max() == pytest.approx(1 - 0.8**1.5)
