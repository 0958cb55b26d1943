"""A plan as a staircase for the terminal, of one rep, a team or the organisation: short, as the day begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from dagster_project.plan.people.roles import FULL, PARTS
from dagster_project.plan.words.notes import separate
from dagster_project.wording import aligned, counted, counted_things, money, percent, words
from dagster_project.wording import goal_amount as in_goal_unit

LEVELS = ("month", "week", "day")
MEASURES = ("won_deals", "meetings", "appointments", "touches")


def staircase(plan: Mapping[str, Any], steps: pl.DataFrame, *, language: str | None = None) -> str:
    """Goal, chance and tree, then month → week → day.

    Args:
        plan: one row of ``PlanTables.plans`` (``row(…, named=True)``).
        steps: ``PlanTables.steps``; those of other plans are left out.
        language: ja or en; the plan's own by default.
    """
    chosen = language or str(plan["language"])
    lines = [*goal_lines(plan, chosen), *_tree_line(plan, chosen), "", *_table(plan, steps, chosen)]
    return "\n".join([*lines, *insurance_lines(plan, chosen), *note_lines(plan, chosen)])


def own_measures(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """The part of the tree that is the rep's own; all of it for teams."""
    return PARTS.get(plan.get("role") or FULL, MEASURES)


def goal_amount(plan: Mapping[str, Any], column: str, language: str) -> str:
    """An amount in the goal's unit; a goal of revenue velocity with what it is a day."""
    measure, amount = plan.get("goal_measure"), plan[column]
    text = in_goal_unit(amount, measure, plan["currency"], language)
    if measure != "revenue_velocity" or column != "goal_amount" or amount is None:
        return text
    a_day = money(float(amount) / plan["month_end_date"].day, plan["currency"], language)
    return f"{text} ({words(language)['a_day'].format(amount=a_day)})"


def goal_lines(plan: Mapping[str, Any], language: str) -> list[str]:
    """Goal, won, to go; open deals and days left; the chance with the plan and at today's pace."""
    said = words(language)

    def amount(column: str) -> str:
        return goal_amount(plan, column, language)

    days = said["days_left"].format(days=_days(plan))
    expected = f"{said['expected']} {amount('in_flight_expected_amount')}"
    in_flight = f"{said['in_flight']} {counted(plan['in_flight_deals'], language)} ({expected})"
    if plan["goal_amount"] is None:
        none = said["mixed_goals" if "mixed_currencies" in (plan["note_codes"] or "") else "no_goal"]
        return [f"{none}  {days}", f"{in_flight}  {said['won']} {amount('won_amount_to_date')}"]
    goal = said["goal"] if plan["quota_amount"] is not None else said["pace"]
    return [
        f"{goal} {amount('goal_amount')}  {said['won']} {amount('won_amount_to_date')}"
        f"  {said['remaining']} {amount('remaining_amount')}",
        f"{in_flight}  {days}",
        *_chance_lines(plan, language),
    ]


def _days(plan: Mapping[str, Any]) -> str:
    """Days left; half days and part-time count as what they are."""
    exact = plan.get("days_left")
    is_of_team = plan.get("scope_kind", "rep") != "rep"
    return f"{plan['business_days_left'] if exact is None or is_of_team else round(exact, 2):g}"


def _chance_lines(plan: Mapping[str, Any], language: str) -> list[str]:
    said = words(language)
    shown = [
        f"{said[word]} {percent(plan.get(column))}"
        for word, column in (("with_plan", "probability_of_quota"), ("at_pace", "probability_at_pace"))
        if plan.get(column) is not None
    ]
    return [f"{said['chance']}  {'  '.join(shown)}"] if shown else []


def _tree_line(plan: Mapping[str, Any], language: str) -> list[str]:
    if plan["goal_amount"] is None:
        return []
    start = f"{words(language)['gap']} {goal_amount(plan, 'gap_amount', language)}"
    numbers = needed(plan)
    return [" → ".join([start, *(counted_things(numbers[name], name, language) for name in MEASURES)])]


def needed(plan: Mapping[str, Any]) -> dict[str, int | None]:
    """The plain tree on what is missing, by measure."""
    return {
        measure: plan["new_won_deals" if measure == "won_deals" else f"needed_{measure}"]
        for measure in MEASURES
    }


def current_steps(plan: Mapping[str, Any], steps: pl.DataFrame) -> pl.DataFrame:
    """Steps of this plan whose period holds the plan date."""
    return steps.filter(
        pl.col("plan_id") == plan["plan_id"],
        pl.col("period_start") <= plan["plan_date"],
        pl.col("period_end") >= plan["plan_date"],
    )


def _table(plan: Mapping[str, Any], steps: pl.DataFrame, language: str) -> list[str]:
    said, now = words(language), current_steps(plan, steps)
    targets = {
        (level, measure): target
        for level, measure, target in now.select("level", "measure", "target").iter_rows()
    }
    promised = promised_this_week(now)
    rows = [["", *(said[level] for level in LEVELS), *([said["promised"]] if promised else []), said["done"]]]
    for measure in own_measures(plan):
        numbers = [targets.get((level, measure)) for level in LEVELS]
        numbers += [promised.get(measure)] if promised else []
        numbers.append(plan[f"done_{measure}"])
        rows.append([said[measure], *(counted(number, language) for number in numbers)])
    return aligned(rows)


def promised_this_week(now: pl.DataFrame) -> dict[str, int]:
    """What was promised for the week on its reset, by measure; empty for plans from before promises were kept."""
    if "promised" not in now.columns:
        return {}
    week = now.filter(pl.col("level") == "week").drop_nulls("promised")
    return dict(week.select("measure", "promised").iter_rows())


def insurance_lines(plan: Mapping[str, Any], language: str) -> list[str]:
    """The number of meetings that makes quota with the chosen chance, beside the plan and never instead of it."""
    if plan["insurance_meetings"] is None:
        return []
    said = words(language)
    meetings = counted_things(plan["insurance_meetings"], "meetings", language)
    return [f"{said['insurance']} ({percent(plan['insurance_probability'])}): {meetings}"]


def note_lines(plan: Mapping[str, Any], language: str) -> list[str]:
    """What the plan has to say about itself, a line for each."""
    name = words(language)["note"]
    return [f"{name}: {text}" for text in separate(plan["note"] or "", language)]
