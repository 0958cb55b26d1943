"""Coefficients set by hand: what people may write, and what it does to the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.plan.coefficients import rep_coefficients, share_won_by_day
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.what_if import NAMES, WhatIfError, parse_what_if
from dagster_project.wording import amount_in, money
from tests.plan.frames import inputs, reps, velocity, win_curve


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("win_rate=.25", "win_rate", 0.25),
        ("win_rate=0.25", "win_rate", 0.25),
        ("win_rate=25%", "win_rate", 0.25),
        ("win_rate = 25 %", "win_rate", 0.25),
        ("win_rate=２５％", "win_rate", 0.25),
        ("Win-Rate=12.5%", "win_rate", 0.125),
        ("touch_to_appointment=1", "touch_to_appointment", 1.0),
        ("average_price=120万", "average_price", 1_200_000.0),
        ("average_price=1億2,346万円", "average_price", 123_460_000.0),
        ("average_price=¥1,200,000", "average_price", 1_200_000.0),
        ("average_price=$1,234.50", "average_price", 1_234.5),
        ("cycle_days=30", "cycle_days", 30.0),
        ("cycle_days=30日", "cycle_days", 30.0),
        ("cycle_days=30 days", "cycle_days", 30.0),
    ],
)
def test_numbers_as_people_write_them(text: str, name: str, value: float) -> None:
    assert parse_what_if([text]) == {name: pytest.approx(value)}


def test_several_at_once() -> None:
    assert parse_what_if(["win_rate=25%", "average_price=98.5万"]) == {
        "win_rate": 0.25,
        "average_price": 985_000.0,
    }
    assert parse_what_if([]) == {}


@pytest.mark.parametrize(
    "text",
    [
        "win_rate=25",
        "win_rate=0",
        "win_rate=-0.2",
        "win_rate=nan",
        "win_rate=inf",
        "win_rate=",
        "win_rate",
        "win_rate=a quarter",
        "win_rate=101%",
        "win_rate=1e-9",
        "average_price=0",
        "average_price=20%",
        "average_price=999999兆",
        "cycle_days=0",
        "cycle_days=99999",
    ],
)
def test_an_absurd_value_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(WhatIfError) as refused:
        parse_what_if([text])
    assert text.partition("=")[0] in str(refused.value)
    assert "write " in str(refused.value)


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(WhatIfError) as refused:
        parse_what_if(["winrate=.25"])
    assert all(name in str(refused.value) for name in NAMES)


def test_one_name_given_twice_is_refused() -> None:
    with pytest.raises(WhatIfError, match="twice"):
        parse_what_if(["win_rate=.25", "win_rate=.3"])


@given(st.integers(0, 10**15))
def test_money_that_is_shown_can_be_typed_in(amount: int) -> None:
    shown = money(amount, "JPY", "ja")
    read = amount_in(shown)
    assert read is not None
    assert money(read, "JPY", "ja") == shown


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_none(text: str) -> None:
    read = amount_in(text)
    assert read is None or read >= 0


def trial(**what_if: float) -> PlanParameters:
    return PlanParameters(what_if=what_if)


def test_the_coefficient_is_the_one_tried_and_says_so() -> None:
    row = rep_coefficients(inputs(parameters=trial(win_rate=0.25, average_price=5e4))).row(0, named=True)
    assert (row["win_rate"], row["win_rate_origin"]) == (0.25, "what_if")
    assert (row["average_price"], row["average_price_origin"]) == (5e4, "what_if")
    assert (row["appointment_to_meeting"], row["appointment_to_meeting_origin"]) == (0.5, "organization")


def test_without_a_trial_nothing_changes() -> None:
    example = inputs(reps=reps("A", "B"))
    assert rep_coefficients(example).equals(rep_coefficients(replace(example, parameters=trial())))


def test_half_the_cycle_wins_by_day_d_what_was_won_by_day_2d() -> None:
    example = inputs(
        win_by_horizon=win_curve({day: day / 60 * 0.2 for day in range(61)}), revenue_velocity=velocity()
    )
    measured = share_won_by_day(example, 60)
    faster = share_won_by_day(replace(example, parameters=trial(cycle_days=20.0)), 60)
    assert np.allclose(faster[:31], measured[::2])
    assert faster[30:].tolist() == [1.0] * 31


def test_the_cycle_also_stretches_the_curve_of_an_organisation_without_wins() -> None:
    example = inputs(win_by_horizon=win_curve({0: 0.0, 60: 0.0}), revenue_velocity=velocity())
    measured = share_won_by_day(example, 60)
    slower = share_won_by_day(replace(example, parameters=trial(cycle_days=80.0)), 60)
    assert np.allclose(slower[::2], measured[:31])
