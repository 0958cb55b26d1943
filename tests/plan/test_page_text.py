"""The page of a plan where it differs from the usual: roles, goals in other units, no goal, a plan of a team."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dagster_project.plan.words.change import change_text
from dagster_project.plan.words.page import PlanPage, plan_text
from dagster_project.plan.words.staircase import staircase
from tests.plan.page_samples import worked_page


def page(**changes: Any) -> PlanPage:
    worked = worked_page("ja")
    return replace(worked, plan={**worked.plan, **changes})


@pytest.mark.parametrize(
    ("role", "measures"),
    [
        ("full", ["受注", "初回商談", "アポ", "接触(架電・メール)"]),
        ("field", ["受注", "初回商談"]),
        ("inside_sales", ["アポ", "接触(架電・メール)"]),
        (None, ["受注", "初回商談", "アポ", "接触(架電・メール)"]),
    ],
)
def test_each_role_sees_its_own_part_of_the_stairs(role: str | None, measures: list[str]) -> None:
    its = page(role=role)
    stairs = plan_text(its, "ja").split("月 → 週 → 日\n")[1].splitlines()
    assert stairs[0].split() == measures
    table = staircase(its.plan, its.steps).split("\n\n")[1].splitlines()[1 : 1 + len(measures)]
    assert [line.split()[0] for line in table] == measures


def test_a_goal_in_won_deals_has_no_price() -> None:
    text = plan_text(page(goal_measure="won_deals", goal_amount=10, gap_amount=10), "ja")
    assert "目標 10件" in text
    assert "不足 10件" in text
    assert "平均単価" not in text.split("注:")[0]
    assert "÷ 受注率" in text


def test_goals_in_several_units_are_not_called_no_goal() -> None:
    text = plan_text(page(goal_amount=None, quota_amount=None, note_codes="mixed_currencies"), "ja")
    assert text.startswith("目標 通貨・単位が複数")
    assert "→ 受注" not in text


def test_without_a_goal_nothing_is_asked_for() -> None:
    none = page(goal_amount=None, quota_amount=None, note_codes="no_quota")
    asked = replace(none, steps=none.steps.with_columns(target=pl.lit(0, pl.Int64)))
    assert plan_text(none, "ja").startswith("目標 未登録")
    assert "月 → 週 → 日" not in plan_text(asked, "ja")
    assert "月 → 週 → 日" in plan_text(none, "ja"), "a part of the team's numbers needs no own quota"


def test_half_days_and_part_time_count_as_what_they_are() -> None:
    assert "残り営業日 11.5日" in plan_text(page(days_left=11.5, business_days_left=12), "ja")
    team = page(scope_kind="team", days_left=64.0, business_days_left=12)
    assert "残り営業日 12日" in plan_text(team, "ja")


def test_the_chance_at_today_s_pace_stands_beside_that_with_the_plan() -> None:
    text = plan_text(page(probability_of_quota=0.42, probability_at_pace=0.003), "ja")
    assert "達成確率  計画どおりなら 42%  今のペースのままなら <1%" in text


def test_a_trial_shows_points_of_chance() -> None:
    before, after = page(probability_at_pace=0.30), page(probability_at_pace=0.445)
    text = change_text(before, after, {"win_rate": 0.25}, "ja")
    [line] = [line for line in text.splitlines() if "今のペース" in line]
    assert line.split()[-4:] == ["30%", "→", "45%", "+15ポイント"]


@pytest.mark.parametrize(
    ("amount", "shown"), [(Decimal("1000229"), "100万円"), (Decimal("1200000"), "+20万円")]
)
def test_a_change_of_money_that_rounding_hides_is_none(amount: Decimal, shown: str) -> None:
    text = change_text(page(), page(expected_amount=amount), {"win_rate": 0.25}, "ja")
    [line] = [line for line in text.splitlines() if "受注見込額" in line]
    assert line.split()[-1] == shown


def test_a_language_without_words_of_its_own_is_english() -> None:
    assert plan_text(page(), "fr") == plan_text(page(), "en")
