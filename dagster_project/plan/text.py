"""Figures as people of the locale write them, and a rep's staircase for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from unicodedata import east_asian_width

import polars as pl

SYMBOLS = MappingProxyType({"JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"})
JAPANESE_UNITS = MappingProxyType({"JPY": "円", "USD": "ドル", "EUR": "ユーロ", "GBP": "ポンド"})
MAN = 10_000
OKU = 100_000_000

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ja": MappingProxyType(
            {
                "goal": "目標",
                "pace": "仮の目標(自分のペース)",
                "no_goal": "目標 未登録",
                "won": "受注済",
                "remaining": "残り",
                "in_flight": "進行中",
                "expected": "期待額",
                "chance": "達成確率",
                "gap": "不足",
                "days_left": "残り営業日",
                "won_deals": "受注",
                "meetings": "初回商談",
                "appointments": "アポ",
                "touches": "接触(架電・メール)",
                "month": "今月残り",
                "week": "今週",
                "day": "今日",
                "done": "済",
                "insurance": "保険",
                "note": "注",
                "count": "件",
                "days": "日",
            }
        ),
        "en": MappingProxyType(
            {
                "goal": "Quota",
                "pace": "Goal (own pace)",
                "no_goal": "No quota set",
                "won": "won",
                "remaining": "to go",
                "in_flight": "In flight",
                "expected": "expected",
                "chance": "chance of quota",
                "gap": "Gap",
                "days_left": "Business days left",
                "won_deals": "won deals",
                "meetings": "meetings",
                "appointments": "appointments",
                "touches": "touches",
                "month": "rest of month",
                "week": "this week",
                "day": "today",
                "done": "done",
                "insurance": "Insurance",
                "note": "Note",
                "count": "",
                "days": "",
            }
        ),
    }
)
LEVELS = ("month", "week", "day")
MEASURES = ("won_deals", "meetings", "appointments", "touches")


def money(amount: float | None, currency: str, language: str) -> str:
    """Money as the language writes it: 1億2,346万円, 98.5万円, 9,800円; ¥1,000,000, $1,234.50, €950.

    Japanese rounds to 万 from 100万 on and to a tenth of it below. No amount is a dash.
    """
    if amount is None:
        return "-"
    sign = "-" if amount < 0 else ""
    if language == "ja":
        return sign + _japanese_number(abs(float(amount))) + JAPANESE_UNITS.get(currency, f" {currency}")
    return sign + SYMBOLS.get(currency, f"{currency} ") + _grouped(abs(float(amount)), currency)


def _japanese_number(amount: float) -> str:
    if round(amount) < MAN:
        return f"{round(amount):,}"
    tenths = round(amount / (MAN / 10))
    if tenths < 1000:
        return f"{tenths / 10:g}万"
    oku, man = divmod(round(amount / MAN), OKU // MAN)
    return (f"{oku:,}億" if oku else "") + (f"{man:,}万" if man else "")


def _grouped(amount: float, currency: str) -> str:
    is_whole = currency == "JPY" or round(amount, 2) == round(amount)
    return f"{round(amount):,}" if is_whole else f"{amount:,.2f}"


def percent(share: float | None) -> str:
    """A share as whole percent; never 0 % or 100 % for what is not certain; a dash for none."""
    if share is None:
        return "-"
    if 0.0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1.0:
        return ">99%"
    return f"{round(share * 100)}%"


def counted(number: int | None, language: str) -> str:
    """A number of things: 1,200件 in Japanese, 1,200 in English; a dash for none."""
    return "-" if number is None else f"{number:,}{_words(language)['count']}"


def _words(language: str) -> Mapping[str, str]:
    return WORDS.get(language, WORDS["en"])


def staircase(plan: Mapping[str, Any], steps: pl.DataFrame, *, language: str | None = None) -> str:
    """A rep's plan for the terminal: goal, tree, then month → week → day.

    Args:
        plan: one row of ``PlanTables.plans`` (``row(…, named=True)``).
        steps: ``PlanTables.steps``; those of other plans are left out.
        language: ja or en; the rep's own by default.
    """
    chosen = language or str(plan["language"])
    words = _words(chosen)
    lines = [*_goal_lines(plan, words, chosen), "", *_table(plan, steps, words, chosen)]
    if plan["insurance_meetings"] is not None:
        insurance = counted(plan["insurance_meetings"], chosen)
        chance = percent(plan["insurance_probability"])
        lines.append(f"{words['insurance']} ({chance}): {words['meetings']} {insurance}")
    if plan["note"]:
        lines.append(f"{words['note']}: {plan['note']}")
    return "\n".join(lines)


def _goal_lines(plan: Mapping[str, Any], words: Mapping[str, str], language: str) -> list[str]:
    def amount(column: str) -> str:
        return money(plan[column], plan["currency"], language)

    days = f"{words['days_left']} {plan['business_days_left']}{words['days']}"
    expected = f"{words['expected']} {amount('in_flight_expected_amount')}"
    in_flight = f"{words['in_flight']} {counted(plan['in_flight_deals'], language)} ({expected})"
    if plan["goal_amount"] is None:
        return [f"{words['no_goal']}  {days}", f"{in_flight}  {words['won']} {amount('won_amount_to_date')}"]
    goal = words["goal"] if plan["quota_amount"] is not None else words["pace"]
    return [
        f"{goal} {amount('goal_amount')}  {words['won']} {amount('won_amount_to_date')}"
        f"  {words['remaining']} {amount('remaining_amount')}",
        f"{in_flight}  {words['chance']} {percent(plan['probability_of_quota'])}  {days}",
        " → ".join([f"{words['gap']} {amount('gap_amount')}", *_tree(plan, words, language)]),
    ]


def _tree(plan: Mapping[str, Any], words: Mapping[str, str], language: str) -> list[str]:
    numbers = {measure: plan[f"needed_{measure}"] for measure in MEASURES} | {
        "won_deals": plan["new_won_deals"]
    }
    shown = {measure: counted(number, language) for measure, number in numbers.items()}
    if language == "ja":
        return [f"{words[measure]} {number}" for measure, number in shown.items()]
    return [f"{number} {words[measure]}" for measure, number in shown.items()]


def _table(
    plan: Mapping[str, Any], steps: pl.DataFrame, words: Mapping[str, str], language: str
) -> list[str]:
    targets = {
        (level, measure): target
        for level, measure, target in steps.filter(
            pl.col("plan_id") == plan["plan_id"],
            pl.col("period_start") <= plan["plan_date"],
            pl.col("period_end") >= plan["plan_date"],
        )
        .select("level", "measure", "target")
        .iter_rows()
    }
    rows = [["", *(words[level] for level in LEVELS), words["done"]]]
    for measure in MEASURES:
        done = plan[f"done_{measure}"]
        numbers = [counted(targets.get((level, measure)), language) for level in LEVELS]
        rows.append([words[measure], *numbers, counted(done, language)])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, columns lined up in a terminal, where a Japanese character takes two places."""
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) if place == 0 else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
