"""What would have to be true: at the needed value the plan fits, just before it it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.plan.capacity.levers import LEVERS, Question, fits, plan_levers, with_lever
from dagster_project.plan.capacity.working_minutes import Capacity
from dagster_project.plan.counts import Situation
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.plan import make_plans
from dagster_project.plan.tree import Coefficients
from tests.plan.frames import inputs, quotas

PARAMETERS = PlanParameters()
DAYS = 20
# Twenty days of 450 minutes; nothing recurs.
WORKING_MINUTES = DAYS * 450.0
GOES_UP = ("average_price", "win_rate", "appointment_to_meeting", "touch_to_appointment")


def question(**values: Any) -> Question:
    """One rep at the start of a month of twenty days; deals are won on the day unless told."""
    goal = np.array([values.get("goal", 2_000_000.0)])
    expected = np.array([values.get("expected", 0.0)])
    gap = np.maximum(goal - expected, 0.0)
    curve = np.asarray(values.get("curve", [1.0] * 32), dtype=float)
    to_end = np.arange(27, 7, -1)
    units = np.full((1, DAYS), 100, dtype=np.int64)
    situation = Situation(
        goal_amount=goal,
        remaining_amount=goal,
        gap_amount=gap,
        days_left=np.array([DAYS]),
        days_of_month=np.array([DAYS]),
        won_in_time=np.array([curve[np.minimum(to_end, len(curve) - 1)].mean()]),
        booked_appointments=np.array([values.get("booked", 0)]),
    )
    minutes = [
        np.array([values.get(name, size)])
        for name, size in (("touch", 5.0), ("appointment", 5.0), ("meeting", 75.0))
    ]
    return Question(
        situation=situation,
        coefficients=Coefficients(
            np.array([100_000.0]),
            np.array([values.get("win_rate", 0.2)]),
            np.array([0.5]),
            np.array([values.get("touch_to_appointment", 1 / 3)]),
        ),
        capacity=Capacity(*minutes, np.zeros(1), np.array([values.get("working_minutes", WORKING_MINUTES)])),
        won_or_expected=expected,
        cycle_days=np.array([values.get("cycle", 30.0)]),
        share_won_by_day=curve,
        days_to_month_end=to_end,
        units=units,
        catch_up=np.array([values.get("catch_up", np.inf)]),
        is_unlikely=np.array([values.get("is_unlikely", True)]),
        insured_meetings=np.array([values.get("insured", 0.0)]),
    )


def levers(asked: Question) -> dict[str, tuple[Any, Any, bool]]:
    rows = plan_levers(["A"], asked, PARAMETERS)
    return {name: (now, needed, reachable) for *_, name, now, needed, reachable in rows.iter_rows()}


def test_a_plan_that_fits_asks_for_nothing() -> None:
    assert plan_levers(["A"], question(goal=1_000_000.0), PARAMETERS).is_empty()


def test_a_quota_seventy_per_cent_above_the_worked_example() -> None:
    # 85 meetings, 170 appointments and 510 touches: 6,375 + 850 + 2,550 = 9,775 minutes where 9,000 are left.
    found = levers(question(goal=1_700_000.0))
    over = 9_775 / 9_000
    assert found["average_price"] == (100_000.0, pytest.approx(100_000 * over), True)
    assert found["win_rate"] == (0.2, pytest.approx(0.2 * over), True)
    assert found["quota"] == (1_700_000.0, pytest.approx(1_700_000 / over), True)
    assert found["appointment_to_meeting"] == (0.5, pytest.approx(1_700 / 2_625), True)
    assert found["touch_to_appointment"] == (pytest.approx(1 / 3), pytest.approx(850 / 1_775), True)
    # Every deal is won on the day already: none can be won sooner.
    assert found["cycle_days"] == (30.0, pytest.approx(10.0), False)


def test_where_even_the_extreme_does_not_do_it_the_extreme_is_shown() -> None:
    found = levers(question(goal=5_000_000.0))
    assert found["average_price"] == (100_000.0, 300_000.0, False)
    assert found["appointment_to_meeting"] == (0.5, 1.0, False)
    assert found["win_rate"][2]
    assert found["quota"][2]


def test_where_no_meeting_is_won_in_time_only_a_shorter_cycle_or_a_smaller_quota_helps() -> None:
    curve = [0.0] * 29 + [1.0] * 64
    found = levers(question(goal=1_000_000.0, curve=curve, expected=600_000.0))
    assert {name for name, (_, _, reachable) in found.items() if reachable} == {"cycle_days", "quota"}
    assert found["quota"][1] == pytest.approx(600_000.0)
    now, needed, _ = found["cycle_days"]
    assert needed < now


def test_insured_meetings_that_do_not_fit_ask_too_though_the_plan_itself_fits() -> None:
    plain = question(goal=1_000_000.0)
    insured = replace(plain, insured_meetings=np.array([85.0]))
    assert fits(plain, PARAMETERS).all()
    assert set(plan_levers(["A"], insured, PARAMETERS)["target"]) == {"insurance"}
    assert set(plan_levers(["A"], question(goal=1_700_000.0), PARAMETERS)["target"]) == {"plan"}
    assert levers(insured)["win_rate"] == (0.2, pytest.approx(0.2 * 9_775 / 9_000), True)


def test_a_plan_held_to_the_even_pace_fits_and_only_the_quota_asks() -> None:
    curve = [0.0] * 20 + [1.0] * 73
    held = question(goal=1_000_000.0, curve=curve, catch_up=1.0)
    assert set(plan_levers(["A"], held, PARAMETERS)["target"]) == {"quota"}
    likely = replace(held, is_unlikely=np.array([False]))
    assert plan_levers(["A"], likely, PARAMETERS).is_empty()


def test_a_covered_month_that_funds_the_next_ones_fits_with_a_smaller_quota() -> None:
    found = levers(question(goal=1_700_000.0, expected=2_000_000.0, curve=[0.0] * 93))
    assert found["quota"] == (1_700_000.0, pytest.approx(1_700_000 * 9_000 / 9_775), True)


def test_a_day_that_is_not_over_does_not_count_where_deals_are_faster() -> None:
    curve = [0.0] * 41 + [1.0] * 52
    asked = question(curve=curve)
    # At one and a half times the speed, 27 days are worth 40.5, and nothing is won before the 41st.
    faster = with_lever(asked, "cycle_days", np.array([20.0]))
    assert faster.situation.won_in_time[0] == 0.0
    assert with_lever(asked, "cycle_days", np.array([19.0])).situation.won_in_time[0] > 0.0


def test_nobody_is_asked_without_a_goal_or_a_day() -> None:
    asked = question(goal=9_000_000.0)
    no_day = replace(asked, situation=replace(asked.situation, days_left=np.array([0])))
    assert plan_levers(["A"], no_day, PARAMETERS).is_empty()
    assert plan_levers(["A"], question(goal=0.0), PARAMETERS).is_empty()
    assert plan_levers(["A"], asked, PARAMETERS, np.array([False])).is_empty()


CURVES = st.lists(st.floats(0, 1), min_size=1, max_size=95).map(
    lambda steps: np.cumsum(steps) / max(sum(steps), 1)
)


@settings(max_examples=25, deadline=None)
@given(
    goal=st.floats(1_000, 1e8),
    expected_share=st.floats(0, 1.2),
    win_rate=st.floats(0.01, 1),
    touch_to_appointment=st.floats(0.01, 1),
    booked=st.integers(0, 80),
    working_minutes=st.floats(0, 20_000),
    insured=st.sampled_from([0.0, 3.0, 90.0]),
    catch_up=st.sampled_from([1.0, 1.6, np.inf]),
    curve=CURVES,
)
def test_at_the_needed_value_the_plan_fits_and_just_before_it_does_not(
    goal: float, expected_share: float, insured: float, **values: Any
) -> None:
    asked = question(goal=goal, expected=goal * expected_share, insured=insured, **values)
    rows = plan_levers(["A"], asked, PARAMETERS)
    quota = replace(asked, catch_up=np.full(1, np.inf))
    assert rows.is_empty() == bool(fits(asked, PARAMETERS)[0] & fits(quota, PARAMETERS)[0])
    if rows["target"].first() != "insurance":
        asked = replace(asked, insured_meetings=np.zeros(1))
    if rows["target"].first() == "quota":
        asked = replace(asked, catch_up=np.full(1, np.inf))
    for *_, name, now, needed, reachable in rows.iter_rows():
        at_needed = with_lever(asked, name, np.array([needed]))
        assert bool(fits(at_needed, PARAMETERS)[0]) == reachable
        assert (needed >= now) == (name in GOES_UP)
        if reachable:
            before = np.array([needed + (now - needed) * 1e-6])
            assert not fits(with_lever(asked, name, before), PARAMETERS)[0]


@settings(max_examples=10, deadline=None)
@given(goal=st.floats(1_000_000, 1e7), more=st.floats(1.0, 3.0), curve=CURVES)
def test_a_larger_quota_never_needs_less_of_a_lever(goal: float, more: float, curve: Any) -> None:
    small, large = (levers(question(goal=amount, curve=curve)) for amount in (goal, goal * more))
    for name, (_, needed, reachable) in small.items():
        now_needed, now_reachable = large[name][1:]
        assert reachable or not now_reachable
        if name in GOES_UP and now_reachable:
            assert now_needed >= needed * (1 - 1e-9)


def test_the_order_of_levers_is_fixed_and_each_rep_answers_for_itself() -> None:
    one = question(goal=1_700_000.0)
    rows = plan_levers(["A"], one, PARAMETERS)
    assert rows["lever"].to_list() == list(LEVERS)
    assert rows.filter(pl.col("needed").is_nan()).is_empty()


def test_a_goal_of_won_deals_has_no_price_to_raise() -> None:
    deals = quotas({"A": 17.0}).with_columns(measure=pl.lit("won_deals"))
    found = make_plans(inputs(quotas=deals)).levers
    assert set(found["target"]) == {"plan"}
    assert found["lever"].to_list() == [name for name in LEVERS if name != "average_price"]
    money = make_plans(inputs(quotas=quotas({"A": 1_700_000.0})))
    assert "average_price" in set(money.levers["lever"])
    assert "levers" in money.plans["note_codes"][0]
