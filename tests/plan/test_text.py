"""Figures as people of the locale write them; the staircase of the worked example."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dagster_project.plan.plan import make_plans
from dagster_project.plan.text import aligned, money, percent, staircase
from tests.plan.frames import inputs, quotas, reps


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_000_000, "JPY", "100万円"),
        (9_800, "JPY", "9,800円"),
        (9_999.6, "JPY", "1万円"),
        (985_000, "JPY", "98.5万円"),
        (999_999, "JPY", "100万円"),
        (12_345_678, "JPY", "1,235万円"),
        (99_999_999, "JPY", "1億円"),
        (123_456_789, "JPY", "1億2,346万円"),
        (Decimal("1200000000.0000"), "JPY", "12億円"),
        (0, "JPY", "0円"),
        (-20_000, "JPY", "-2万円"),
        (120_000, "USD", "12万ドル"),
        (500, "EUR", "500ユーロ"),
        (None, "JPY", "-"),
    ],
)
def test_money_in_japanese(amount: float | None, currency: str, text: str) -> None:
    assert money(amount, currency, "ja") == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_000_000, "JPY", "¥1,000,000"),
        (1_234.5, "JPY", "¥1,234"),
        (1_234.5, "USD", "$1,234.50"),
        (950, "EUR", "€950"),
        (-3, "USD", "-$3"),
        (7, "CHF", "CHF 7"),
    ],
)
def test_money_in_english(amount: float, currency: str, text: str) -> None:
    assert money(amount, currency, "en") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.556, "56%"), (0.0, "0%"), (0.004, "<1%"), (0.997, ">99%"), (1.0, "100%"), (None, "-")],
)
def test_no_chance_is_called_certain_that_is_not(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_columns_line_up_with_wide_characters() -> None:
    assert aligned([["アポ", "1"], ["a", "22"]]) == ["アポ   1", "a     22"]


def test_staircase_in_japanese() -> None:
    tables = make_plans(inputs(reps=reps("A", language="ja")))
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert "目標 100万円  受注済 0円  残り 100万円" in text
    assert "不足 100万円 → 受注 10件 → 初回商談 50件 → アポ 100件 → 接触(架電・メール) 300件" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["初回商談", "50件", "13件", "3件", "0件"] in rows
    assert ["アポ", "100件", "25件", "5件", "0件"] in rows


def test_staircase_in_english() -> None:
    tables = make_plans(inputs())
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert "Gap ¥1,000,000 → 10 won deals → 50 meetings → 100 appointments → 300 touches" in text
    assert ["touches", "300", "75", "15", "0"] in [line.split() for line in text.splitlines()]


def test_staircase_without_quota_says_what_to_do() -> None:
    tables = make_plans(inputs(quotas=quotas({}), reps=reps("A", language="ja")))
    text = staircase(tables.plans.row(0, named=True), tables.steps)
    assert text.startswith("目標 未登録")
    assert "CSV" in text


def test_an_unknown_language_is_shown_in_english() -> None:
    tables = make_plans(inputs(reps=reps("A", language="fr")))
    assert "Business days left 20" in staircase(tables.plans.row(0, named=True), tables.steps)
