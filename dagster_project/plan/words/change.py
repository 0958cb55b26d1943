"""What one changed coefficient does to a plan: every number before → after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from dagster_project.plan.words.page import PlanPage, figure_text
from dagster_project.plan.words.staircase import current_steps, needed, note_lines, own_measures
from dagster_project.wording import aligned, counted, goal_amount, percent, rounded, words

# A trial's name → the plan's column; the others are called the same.
COLUMN_OF = {"cycle_days": "average_cycle_days"}
CHANCES = (("with_plan", "probability_of_quota"), ("at_pace", "probability_at_pace"))


def change_text(before: PlanPage, after: PlanPage, what_if: Mapping[str, float], language: str) -> str:
    """The trial in one line, then a table before → after, then what the plan then has to say about itself."""
    said = words(language)
    rows = [
        ["", said["now"], "", said["then"], said["change"]],
        *_count_rows(before, after, language),
        *_money_rows(before, after, language),
        *_chance_rows(before, after, language),
    ]
    notes = [said["stays_open"], *note_lines(after.plan, language)]
    return "\n".join([_trial_line(before, what_if, language), "", *aligned(rows), "", *notes])


def _trial_line(before: PlanPage, what_if: Mapping[str, float], language: str) -> str:
    said, currency = words(language), before.plan["currency"]
    tried = [
        f"{said[name]} {figure_text(name, value, currency, language)} "
        f"({said['now']} {figure_text(name, before.plan.get(COLUMN_OF.get(name, name)), currency, language)})"
        for name, value in what_if.items()
    ]
    return f"{said['what_if']}: {', '.join(tried)}"


def _count_rows(before: PlanPage, after: PlanPage, language: str) -> list[list[str]]:
    said, measures = words(language), own_measures(before.plan)
    groups = (
        (said["needed"], _needed(before), _needed(after)),
        (said["month"], _planned(before), _planned(after)),
        (said["day"], _today(before), _today(after)),
    )
    rows = [
        (f"{name}: {said[measure]}", old[measure], new[measure])
        for name, old, new in groups
        for measure in measures
        if measure in old or measure in new
    ]
    rows.append((said["insurance_meetings"], _insured(before), _insured(after)))
    return [_row(name, old, new, language) for name, old, new in rows if (old, new) != (None, None)]


def _needed(page: PlanPage) -> dict[str, int | None]:
    return needed(page.plan) if page.plan["goal_amount"] is not None else {}


def _planned(page: PlanPage) -> dict[str, int | None]:
    return {measure: page.plan.get(f"planned_{measure}") for measure in own_measures(page.plan)}


def _today(page: PlanPage) -> dict[str, int | None]:
    now = current_steps(page.plan, page.steps).filter(pl.col("level") == "day")
    numbers: dict[str, int | None] = dict(now.select("measure", "target").iter_rows())
    return {measure: numbers.get(measure, 0) for measure in own_measures(page.plan)}


def _insured(page: PlanPage) -> int | None:
    number: int | None = page.plan["insurance_meetings"]
    return number


def _row(name: str, old: int | None, new: int | None, language: str) -> list[str]:
    change = "" if old is None or new is None or old == new else _signed(new - old, counted, language)
    return [name, counted(old, language), "→", counted(new, language), change]


def _signed(difference: int, written: Any, language: str) -> str:
    sign = "+" if difference > 0 else "-"
    return f"{sign}{written(abs(difference), language)}"


def _money_rows(before: PlanPage, after: PlanPage, language: str) -> list[list[str]]:
    name, unit = "expected_amount", (before.plan.get("goal_measure"), before.plan["currency"], language)
    old, new = before.plan.get(name), after.plan.get(name)
    if old is None or new is None:
        return []
    shown = [goal_amount(amount, *unit) for amount in (old, new)]
    # What rounding hides is no change to speak of.
    change = "" if shown[0] == shown[1] else f"{'+' if new > old else ''}{goal_amount(new - old, *unit)}"
    return [[words(language)[name], shown[0], "→", shown[1], change]]


def _chance_rows(before: PlanPage, after: PlanPage, language: str) -> list[list[str]]:
    said = words(language)
    rows = []
    for word, column in CHANCES:
        old, new = before.plan.get(column), after.plan.get(column)
        if old is None and new is None:
            continue
        points = 0 if old is None or new is None else rounded(100 * new) - rounded(100 * old)
        change = f"{points:+d}{said['points']}" if points else ""
        rows.append([f"{said['chance']} {said[word]}", percent(old), "→", percent(new), change])
    return rows
