"""Which notes a plan carries: read off its row, put into words by ``notes``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from dagster_project.plan.counts import LARGEST_COUNT
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.people.roles import INSIDE_SALES
from dagster_project.plan.words.notes import (
    day_of_month,
    joined,
    more_of,
    origin_notes,
    sentence,
)
from dagster_project.wording import counted, goal_amount, money, percent, words

COEFFICIENTS = ("average_price", "win_rate", "appointment_to_meeting", "touch_to_appointment")
RATES = ("win_rate", "appointment_to_meeting", "touch_to_appointment")
ROUNDING_SLACK = 1e-6
Row = Mapping[str, Any]
Note = tuple[str, str]


def plan_notes(table: pl.DataFrame, parameters: PlanParameters) -> tuple[list[str], list[str]]:
    """One note per row of the plan's working table, and its codes as a comma list (for tests and filters)."""
    notes = [_row_notes(row, parameters) for row in table.iter_rows(named=True)]
    languages = table["language"].to_list()
    texts = [
        joined([text for _, text in row], language) for row, language in zip(notes, languages, strict=True)
    ]
    return texts, [",".join(code for code, _ in row) for row in notes]


def _row_notes(row: Row, parameters: PlanParameters) -> list[Note]:
    if row["scope_kind"] != "rep":
        mixed = [_note(row, "mixed_currencies")] if row["is_mixed"] else []
        return [*mixed, *_about_pace(row, parameters)]
    if row["goal_source"] == "none":
        # Inside sales have no quota of their own: their part is what their team's field reps need.
        missing = [] if row["role"] == INSIDE_SALES else [_note(row, "no_quota")]
        return [*missing, *_about_working_time(row), *_left_out(row)]
    origins = {measure: str(row[f"{measure}_origin"]) for measure in COEFFICIENTS}
    return [
        *_about_goal(row),
        *_about_pace(row, parameters),
        *_about_limits(row, parameters),
        *_about_levers(row),
        *_left_out(row),
        *origin_notes(origins, row["language"]),
    ]


def _note(row: Row, code: str, **values: str) -> Note:
    return code, sentence(code, row["language"], **values)


def _about_goal(row: Row) -> list[Note]:
    notes = []
    if row["goal_source"] == "own_pace":
        notes.append(_note(row, "own_pace", goal=money(row["goal_amount"], row["currency"], row["language"])))
    if row["is_too_large"]:
        notes.append(_note(row, "quota_too_large", goal=_in_goal_unit(row, row["goal_amount"])))
    if row["is_negative"]:
        notes.append(_note(row, "quota_negative"))
    elif row["goal_amount"] == 0:
        notes.append(_note(row, "quota_zero"))
    elif row["remaining_amount"] == 0:
        notes.append(_note(row, "quota_passed"))
    elif row["in_flight_expected_amount"] >= row["remaining_amount"]:
        notes.append(_note(row, "covered"))
    if row["other_goals"]:
        notes.append(_note(row, "other_goals", goals=_other_goals(row)))
    return notes


def _in_goal_unit(row: Row, amount: float) -> str:
    return goal_amount(amount, row["goal_measure"], row["currency"], row["language"])


def _other_goals(row: Row) -> str:
    """What is not planned for, in its own unit."""
    texts = [
        goal_amount(goal["quota_amount"], goal["goal_measure"], goal["currency"], row["language"])
        for goal in row["other_goals"]
    ]
    return ("、" if row["language"] == "ja" else ", ").join(texts)


def _about_pace(row: Row, parameters: PlanParameters) -> list[Note]:
    """What a slow week asks of the days left; where quota is all but out of reach, that instead."""
    chance, language = row["probability_of_quota"], row["language"]
    if chance is not None and chance < parameters.lowest_probability:
        expected = goal_amount(row["expected_amount"], row["goal_measure"], row["currency"], language)
        return [_note(row, "below_floor", chance=percent(chance), expected=expected)]
    if not row["catch_up"]:
        return []
    more = [more_of(lag["measure"], lag["more_a_day"], language) for lag in row["catch_up"]]
    joint = "、" if language == "ja" else ", "
    until = day_of_month(row["catch_up_until"], language)
    return [_note(row, "catch_up", more=joint.join(more), until=until)]


def _about_limits(row: Row, parameters: PlanParameters) -> list[Note]:
    notes = []
    if row["business_days_left"] == 0:
        notes.append(_note(row, "no_day_left"))
    if row["is_for_next_months"] or row["is_catch_up_limited"]:
        notes.append(_note(row, "next_months", share=percent(row["won_in_time_share"])))
    if row["is_catch_up_limited"]:
        notes.append(_catch_up(row))
    if row["is_day_limited"]:
        notes.append(_note(row, "day_limited"))
    notes += _about_working_time(row)
    if row["is_cut"]:
        notes.append(_note(row, "cut", largest=f"{LARGEST_COUNT:,}"))
    if row["probability_of_quota"] is not None and row["insurance_meetings"] is None:
        notes.append(_note(row, "insurance_out_of_reach", chance=percent(parameters.insurance_probability)))
    return notes


def _about_working_time(row: Row) -> list[Note]:
    """A promise, or a team's work laid on its inside sales, that takes more than the days left hold."""
    is_over = row["planned_minutes"] - row["rounding_minutes"] > row["working_minutes"]
    if row["is_day_limited"] or not is_over:
        return []
    minutes = {name: f"{row[f'{name}_minutes']:,}" for name in ("planned", "working")}
    return [_note(row, "over_working_time", **minutes)]


def _about_levers(row: Row) -> list[Note]:
    """What would have to be true for the whole plan to fit: each lever alone, and those that alone cannot."""
    language = row["language"]
    joint = "、" if language == "ja" else ", "
    enough = [change_of(lever, row) for lever in row["levers"] or () if lever["is_reachable"]]
    too_little = [
        words(language)[lever["lever"]] for lever in row["levers"] or () if not lever["is_reachable"]
    ]
    notes = [_note(row, "levers", levers=joint.join(enough))] if enough else []
    return notes + ([_note(row, "levers_out_of_reach", levers=joint.join(too_little))] if too_little else [])


def change_of(lever: Row, row: Row) -> str:
    """A lever's change in the rep's language, rounded to the side on which the plan fits: win rate 20% → 27%."""
    language, name = row["language"], lever["lever"]
    if name in RATES:
        now, needed = percent(lever["now"]), percent(math.ceil(lever["needed"] * 100 - ROUNDING_SLACK) / 100)
    elif name == "cycle_days":
        unit = "日" if language == "ja" else " days"
        now, needed = f"{lever['now']:.0f}{unit}", f"{math.floor(lever['needed'] + ROUNDING_SLACK)}{unit}"
    else:
        goal_unit = (row["goal_measure"], row["currency"], language)
        now, needed = (goal_amount(lever[side], *goal_unit) for side in ("now", "needed"))
    return f"{words(language)[name]} {now} → {needed}"


def _catch_up(row: Row) -> Note:
    # More than fits in the days left is no number to show: "more than 60" says all there is to know.
    most = int(row["most_meetings"])
    fits = np.isfinite(row["asked_meetings"]) and row["asked_meetings"] <= most
    number = counted(int(np.ceil(row["asked_meetings"])) if fits else most, row["language"])
    more = {"ja": f"{number}超", "en": f"more than {number}"}
    asked = number if fits else more.get(row["language"], more["en"])
    times = f"{row['catch_up_limit']:.1f}"
    if times == "1.0":
        return _note(row, "even_pace_kept", asked=asked)
    return _note(row, "catch_up_limited", asked=asked, times=times)


def _left_out(row: Row) -> list[Note]:
    other_currency = row["won_other_currency"] + row["open_other_currency"]
    counts = {"without_forecast": row["open_without_forecast"], "other_currency": other_currency}
    return [_note(row, code, deals=f"{deals:,}") for code, deals in counts.items() if deals]
