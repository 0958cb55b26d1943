"""The staircase of the worked example."""

from __future__ import annotations

from dagster_project.plan.plan import make_plans
from dagster_project.plan.words.staircase import staircase
from tests.plan.frames import inputs, quotas, reps


def test_staircase_in_japanese() -> None:
    tables = make_plans(inputs(reps=reps("A", language="ja")))
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert "目標 100万円  受注済 0円  残り 100万円" in text
    assert "不足 100万円 → 受注 10件 → 初回商談 50件 → アポ 100件 → 接触(架電・メール) 300件" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["初回商談", "50件", "13件", "3件", "13件", "0件"] in rows
    assert ["アポ", "100件", "25件", "5件", "25件", "0件"] in rows


def test_staircase_in_english() -> None:
    tables = make_plans(inputs())
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert "Gap ¥1,000,000 → 10 won deals → 50 meetings → 100 appointments → 300 touches" in text
    assert ["touches", "300", "75", "15", "75", "0"] in [line.split() for line in text.splitlines()]


def test_staircase_without_quota_says_what_to_do() -> None:
    tables = make_plans(inputs(quotas=quotas({}), reps=reps("A", language="ja")))
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert text.startswith("目標 未登録")
    assert "CSV" in text


def test_an_unknown_language_is_shown_in_english() -> None:
    tables = make_plans(inputs(reps=reps("A", language="fr")))
    assert "business days left: 20" in staircase(tables.plans.row(0, named=True), tables.steps)
