"""Which notes a plan carries: read off its row, put into words by ``notes``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from dagster_project.plan.counts import LARGEST_COUNT
from dagster_project.plan.inputs import PlanParameters
from dagster_project.plan.notes import MEASURE_WORDS, joined, origin_notes, sentence
from dagster_project.plan.text import counted, money, percent

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
    if row["goal_source"] == "none":
        return [_note(row, "no_quota"), *_left_out(row)]
    origins = {measure: str(row[f"{measure}_origin"]) for measure in MEASURE_WORDS}
    return [
        *_about_goal(row),
        *_about_limits(row, parameters),
        *_left_out(row),
        *origin_notes(origins, row["language"]),
    ]


def _note(row: Row, code: str, **values: str) -> Note:
    return code, sentence(code, row["language"], **values)


def _about_goal(row: Row) -> list[Note]:
    notes = []
    if row["goal_source"] == "own_pace":
        notes.append(_note(row, "own_pace", goal=money(row["goal_amount"], row["currency"], row["language"])))
    if row["goal_amount"] == 0:
        notes.append(_note(row, "quota_zero"))
    elif row["remaining_amount"] == 0:
        notes.append(_note(row, "quota_passed"))
    elif row["in_flight_expected_amount"] >= row["remaining_amount"]:
        notes.append(_note(row, "covered"))
    return notes


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
    if row["is_cut"]:
        notes.append(_note(row, "cut", largest=f"{LARGEST_COUNT:,}"))
    if row["probability_of_quota"] is not None and row["insurance_meetings"] is None:
        notes.append(_note(row, "insurance_out_of_reach", chance=percent(parameters.insurance_probability)))
    return notes


def _catch_up(row: Row) -> Note:
    # More than fits in the days left is no number to show: "more than 60" says all there is to know.
    most = int(row["most_meetings"])
    fits = np.isfinite(row["asked_meetings"]) and row["asked_meetings"] <= most
    number = counted(int(np.ceil(row["asked_meetings"])) if fits else most, row["language"])
    more = {"ja": f"{number}超", "en": f"more than {number}"}
    asked = number if fits else more.get(row["language"], more["en"])
    return _note(row, "catch_up_limited", asked=asked, times=f"{row['catch_up_limit']:.1f}")


def _left_out(row: Row) -> list[Note]:
    other_currency = row["won_other_currency"] + row["open_other_currency"]
    counts = {"without_forecast": row["open_without_forecast"], "other_currency": other_currency}
    return [_note(row, code, deals=f"{deals:,}") for code, deals in counts.items() if deals]
