"""The samples docs/plan.md shows, made by the shipped functions; ``python -m tests.plan.page_samples`` writes them anew.

A sample stands below its marker ``<!-- sample: name -->``: a fenced block, or the lines up to the next empty one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dagster_project.plan.chances.probability import (
    KnownRate,
    UncertainRate,
    WonFromNew,
    chance_of_at_least,
    fewest_meetings,
    poisson_binomial,
)
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.plan import make_plans
from dagster_project.plan.tree import Coefficients, back_cast, whole
from dagster_project.plan.what_if import NAMES, parse_what_if
from dagster_project.plan.whole_numbers import largest_remainder
from dagster_project.plan.words.change import change_text
from dagster_project.plan.words.notes import sentence
from dagster_project.plan.words.page import PlanPage, plan_text
from dagster_project.publish.day_text import RepDay, day_lines
from dagster_project.wording import counted_things, money, percent, rate
from tests.plan.day_frames import blocks_of, day_of
from tests.plan.frames import inputs, reps

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plan.md"
_SAMPLE = re.compile(
    r"<!-- sample: (?P<name>[\w-]+) -->\n(?P<shown>```\n.*?\n```(?=\n)|(?!```).+?(?=\n\n|\n\Z))", re.DOTALL
)
WORKED = Coefficients(100_000, 0.2, 0.5, 1 / 3)
IN_FLIGHT = (0.6,) * 3 + (0.35,) * 5 + (0.15,) * 8


def rendered(page: str) -> str:
    """The page with every sample as it is made now."""
    return _SAMPLE.sub(lambda found: f"<!-- sample: {found['name']} -->\n{SAMPLES[found['name']]()}", page)


def _fenced(text: str) -> str:
    return f"```\n{text}\n```"


def worked_page(language: str, **what_if: float) -> PlanPage:
    """The method's worked example as a rep's plan on the first day of a month of four weeks."""
    people = reps("A", language=language)
    tables = make_plans(inputs(reps=people, parameters=PlanParameters(what_if=what_if)))
    own = pl.col("scope_kind") == "rep"
    return PlanPage(
        tables.plans.row(by_predicate=own, named=True),
        tables.steps.filter(own),
        tables.weeks.filter(own),
        tables.coefficients.filter(own),
    )


def _tree_sentence() -> str:
    """The example in the words of the method, each number from the tree."""
    tree = back_cast(1_000_000, WORKED)
    names = {"won_deals": WORKED.average_price} | {
        "meetings": WORKED.win_rate,
        "appointments": WORKED.appointment_to_meeting,
        "touches": WORKED.touch_to_appointment,
    }
    steps = [
        f"÷ {money(float(np.asarray(by)), 'JPY', 'en') if name == 'won_deals' else rate(float(np.asarray(by)))} = "
        f"{counted_things(int(whole(getattr(tree, name))), name, 'en')}"
        for name, by in names.items()
    ]
    return f"{money(1_000_000, 'JPY', 'en')} {'; '.join(steps)}."


def _money_sentence() -> str:
    amounts = {"ja": ((985_000, "JPY"), (123_456_789, "JPY")), "en": ((1_000_000, "JPY"), (1_234.5, "USD"))}
    shown = {
        language: " and ".join(money(*amount, language) for amount in each)
        for language, each in amounts.items()
    }
    return f"Money is written as people of the language write it: {shown['ja']} in Japanese, {shown['en']} in English."


def _week_sentence() -> str:
    """A week of four equal ones, as the plan lays it."""
    steps = worked_page("en").steps.filter(pl.col("level") == "week")
    a_week = {
        name: sorted(set(steps.filter(pl.col("measure") == name)["target"].to_list()))
        for name in ("appointments", "meetings", "touches")
    }
    shown = [f"{' or '.join(map(str, numbers))} {name}" for name, numbers in a_week.items()]
    return f"A week of four: {', '.join(shown)}."


def _coin_flip() -> str:
    chance = chance_of_at_least(10, np.ones(1), KnownRate(0.2)(50, 10))
    return f"50 meetings at {rate(0.2)} give 10 wins or more with probability {chance:.3f}."


def _insurance_table() -> str:
    rows: dict[str, tuple[WonFromNew, Any]] = {
        "win rate .20, known": (KnownRate(0.2), None),
        "win rate Beta(10, 40)": (UncertainRate(10, 40), None),
        "win rate .20, known, 16 deals in flight": (KnownRate(0.2), poisson_binomial(IN_FLIGHT)),
        "win rate Beta(10, 40), 16 deals in flight": (UncertainRate(10, 40), poisson_binomial(IN_FLIGHT)),
    }
    lines = ["| meetings for 10 won deals with a chance of | 50% | 80% | 90% |", "| --- | --- | --- | --- |"]
    for name, (new, in_flight) in rows.items():
        numbers = [fewest_meetings(10, chance, new, in_flight) for chance in (0.5, 0.8, 0.9)]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _weeks_table() -> str:
    lines = ["| business days a week | meetings, 50 in all |", "| --- | --- |"]
    for weights in ((5, 5, 5, 5), (2, 5, 5, 5, 4)):
        laid = largest_remainder(np.array([50]), np.array([weights]))[0]
        lines.append(f"| {', '.join(map(str, weights))} | {', '.join(map(str, laid))} |")
    return "\n".join(lines)


def _what_if() -> str:
    tried = parse_what_if(["win_rate=.25"])
    before, after = worked_page("en"), worked_page("en", **tried)
    return _fenced(f"$ gyakusan plan A --what-if win_rate=.25\n\n{change_text(before, after, tried, 'en')}")


def _the_day() -> str:
    """The worked example's first day, with nothing in the calendar yet."""
    blocks = RepDay(pl.DataFrame(), blocks_of(day_of()))
    return _fenced("\n".join(day_lines(blocks, "ja", in_short=True)))


def _bad_input() -> str:
    texts = {
        "no quota, and no pace of the rep's own": sentence("no_quota", "en"),
        "a quota of zero": sentence("quota_zero", "en"),
        "a negative quota": sentence("quota_negative", "en"),
        "a quota with too many digits": sentence("quota_too_large", "en", goal="…"),
        "goals of two measures or currencies": sentence("other_goals", "en", goals="8 deals"),
        "deals in a currency without a rate": sentence("other_currency", "en", deals="…"),
        "a quota already passed": sentence("quota_passed", "en"),
        "a rep with no history": sentence("from_default", "en", measures="win rate, …"),
        "a month with no business day left": sentence("no_day_left", "en"),
        "a quota out of all proportion": sentence("cut", "en", largest="…"),
        "a chance that is next to nothing": sentence("below_floor", "en", chance=percent(0.04), expected="…"),
    }
    return "\n".join(
        [
            "| input | what the plan says |",
            "| --- | --- |",
            *(f"| {on} | {said} |" for on, said in texts.items()),
        ]
    )


@cache
def _staircase(language: str) -> str:
    return _fenced(plan_text(worked_page(language), language))


SAMPLES: Mapping[str, Callable[[], str]] = {
    "money": _money_sentence,
    "tree": _tree_sentence,
    "week": _week_sentence,
    "coin-flip": _coin_flip,
    "insurance": _insurance_table,
    "weeks": _weeks_table,
    "staircase-en": lambda: _staircase("en"),
    "staircase-ja": lambda: _staircase("ja"),
    "what-if": _what_if,
    "what-if-names": lambda: f"Names: {', '.join(f'`{name}`' for name in NAMES)}.",
    "day": _the_day,
    "bad-input": _bad_input,
}

if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
