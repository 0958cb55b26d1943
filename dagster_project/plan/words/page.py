"""A plan in full for the terminal: the tree with its coefficients, month → week → day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from dagster_project.calendars import week_start
from dagster_project.plan.columns import COEFFICIENT_SCHEMA, WEEK_SCHEMA
from dagster_project.plan.words.staircase import (
    current_steps,
    goal_amount,
    goal_lines,
    insurance_lines,
    needed,
    note_lines,
    own_measures,
    promised_this_week,
)
from dagster_project.wording import NOTHING, aligned, counted, counted_things, day, money, rate, words

Row = Mapping[str, Any]
# Which coefficient leads to which step of the tree; the column of the plan is named like the coefficient.
TREE = (
    ("average_price", "won_deals"),
    ("win_rate", "meetings"),
    ("appointment_to_meeting", "appointments"),
    ("touch_to_appointment", "touches"),
)
DAY_FIGURES = ("average_cycle_days", "cycle_days")


@dataclass(frozen=True)
class PlanPage:
    """One scope's plan and what stands beside it; frames may be empty where a plan is from before they were kept.

    Attributes:
        plan: one row of ``columns.PLAN_COLUMNS``.
        steps: its steps.
        weeks, coefficients: of its reset (``columns``).
    """

    plan: Row
    steps: pl.DataFrame
    weeks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WEEK_SCHEMA))
    coefficients: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COEFFICIENT_SCHEMA))


def plan_text(page: PlanPage, language: str, day_lines: Sequence[str] = ()) -> str:
    """Goal and chance; the tree; month → week → day; insurance; the day as already put into words; notes."""
    said = words(language)
    parts = [
        goal_lines(page.plan, language),
        _titled(said["backcast"], tree_lines(page, language)),
        _titled(said["stairs"], stair_lines(page, language)),
        insurance_lines(page.plan, language),
        day_lines,
        note_lines(page.plan, language),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _titled(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def tree_lines(page: PlanPage, language: str) -> list[str]:
    """Missing money ÷ each coefficient → activity; where each coefficient came from, last month's beside it."""
    plan, said = page.plan, words(language)
    has_goal = plan["goal_amount"] is not None
    gap = [f"{said['gap']} {goal_amount(plan, 'gap_amount', language)}"] if has_goal else []
    head = ["", said["now"], said["last_month"], said["interval"], "", ""]
    known = {row["measure"]: row for row in page.coefficients.iter_rows(named=True)}
    numbers = needed(plan) if has_goal else {}
    rows = [
        [*_coefficient_cells(plan, name, known.get(name), language), *_reached(measure, numbers, language)]
        for name, measure in TREE
    ]
    if plan.get("goal_measure") == "won_deals":
        # Every deal counts 1: there is no price to divide by.
        rows[0][:-1] = [""] * (len(rows[0]) - 1)
    cycle = [*_coefficient_cells(plan, "average_cycle_days", known.get("average_cycle_days"), language), ""]
    shown = [*rows, cycle] if cycle[1] != NOTHING else rows
    return [*gap, *aligned([head, *shown], left=(0, 4, 5))]


def _coefficient_cells(plan: Row, name: str, known: Row | None, language: str) -> list[str]:
    said = words(language)
    sign = "" if name in DAY_FIGURES else "÷ "
    row: Row = known or {}
    interval = [
        figure_text(name, row.get(end), plan["currency"], language) for end in ("lower_80", "upper_80")
    ]
    return [
        f"{sign}{said[name]}",
        figure_text(name, plan.get(name), plan["currency"], language),
        figure_text(name, row.get("last_month_value"), plan["currency"], language),
        NOTHING if NOTHING in interval else said["from_to"].join(interval),
        said[f"from_{row['origin']}"] if row.get("origin") else "",
    ]


def _reached(measure: str, numbers: Mapping[str, int | None], language: str) -> list[str]:
    if measure not in numbers:
        return [""]
    return [f"→ {counted_things(numbers[measure], measure, language)}"]


def figure_text(name: str, value: float | None, currency: str | None, language: str) -> str:
    """A coefficient as it is read: money, days or a rate."""
    if value is None:
        return NOTHING
    if name == "average_price":
        return money(value, currency, language)
    if name in DAY_FIGURES:
        return f"{value:.0f}{words(language)['days']}"
    return rate(value)


def stair_lines(page: PlanPage, language: str) -> list[str]:
    """One line per month, week and day of this week, one column per measure: promised, done, still to do."""
    said, plan = words(language), page.plan
    measures = own_measures(plan)
    if plan["goal_amount"] is None and not page.steps["target"].sum():
        return []
    rows = [
        *_last_week_rows(page, language),
        (said["done"], {measure: plan[f"done_{measure}"] for measure in measures}),
        *_period_rows(page, "month", language),
    ]
    for name, numbers in _period_rows(page, "week", language):
        is_first = name == _week_name(page, language)
        rows += [*(_this_week_rows(page, language) if is_first else []), (name, numbers)]
        rows += [(f"  {label}", days) for label, days in _period_rows(page, "day", language) if is_first]
    table = [["", *(said[measure] for measure in measures)]]
    table += [
        [name, *(counted(numbers.get(measure), language) for measure in measures)] for name, numbers in rows
    ]
    return aligned(table) if len(table) > 1 else []


def _last_week_rows(page: PlanPage, language: str) -> list[tuple[str, dict[str, int]]]:
    weeks = page.weeks.drop_nulls("last_week_promised")
    if weeks.is_empty():
        return []
    said = words(language)
    promised = dict(weeks.select("measure", "last_week_promised").iter_rows())
    done = dict(weeks.select("measure", "last_week_done").iter_rows())
    return [(said["last_week_promised"], promised), (said["last_week_done"], done)]


def _this_week_rows(page: PlanPage, language: str) -> list[tuple[str, dict[str, int]]]:
    now = current_steps(page.plan, page.steps)
    promised = promised_this_week(now)
    if not promised:
        return []
    said = words(language)
    done = dict(now.filter(pl.col("level") == "week").select("measure", "done").iter_rows())
    return [(said["promised"], promised), (said["week_done"], done)]


def _period_rows(page: PlanPage, level: str, language: str) -> list[tuple[str, dict[str, int]]]:
    """Targets by measure of each period of a level, in order; of days only those of the plan date's week."""
    plan_date = page.plan["plan_date"]
    steps = page.steps.filter(pl.col("plan_id") == page.plan["plan_id"], pl.col("level") == level)
    if level == "day":
        steps = steps.filter(pl.col("period_start") < week_start(plan_date) + timedelta(days=7))
    periods = steps.partition_by("period_start", "period_end", as_dict=True, maintain_order=True)
    return [
        (
            _period_name(level, start, end, plan_date, language),
            dict(rows.select("measure", "target").iter_rows()),
        )
        for (start, end), rows in sorted(periods.items())
    ]


def _period_name(level: str, start: date, end: date, plan_date: date, language: str) -> str:
    said = words(language)
    if level == "day":
        today = f" {said['day']}" if start == plan_date else ""
        return f"{day(start, language, with_weekday=True)}{today}"
    last = "" if start == end else f"{said['from_to']}{day(end, language)}"
    span = f"{day(start, language)}{last}"
    return f"{said[level]} {span}" if start <= plan_date <= end else span


def _week_name(page: PlanPage, language: str) -> str:
    """Name of the first week still planned."""
    names = [name for name, _ in _period_rows(page, "week", language)]
    return names[0] if names else ""
