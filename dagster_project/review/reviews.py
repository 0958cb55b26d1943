"""Every rep's review of one day, from the plan of the morning and what the CRM shows by the evening (method §5, Rhythm)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from dagster_project.review.inputs import MEASURES, ReviewInputs
from dagster_project.review.keys import REVIEW_TYPE, review_key
from dagster_project.review.text import RepDay, description, subject

REVIEW_SCHEMA: Final = pl.Schema(
    {
        "plan_date": pl.Date,
        "rep_id": pl.String,
        "action_key": pl.String,
        "next_date": pl.Date,
        "language": pl.String,
        **{f"{measure}_{kind}": pl.Int64 for measure in MEASURES for kind in ("planned", "done")},
        "cards_done": pl.Int64,
        "cards_left": pl.Int64,
        "subject": pl.String,
        "description": pl.String,
    }
)
STATUS: Final = "Not Started"
PRIORITY: Final = "Normal"


def make_reviews(inputs: ReviewInputs) -> pl.DataFrame:
    """One row per active rep who has a plan for the day, by rep id, as ``REVIEW_SCHEMA``."""
    days = _rep_days(inputs)
    rows = [_row(rep_id, of) for rep_id, of in days.items()]
    plain = pl.DataFrame(rows, schema={n: t for n, t in REVIEW_SCHEMA.items() if n != "action_key"})
    return plain.with_columns(action_key=review_key(pl.col("rep_id"), pl.col("plan_date"))).select(
        list(REVIEW_SCHEMA)
    )


def sync_reviews(reviews: pl.DataFrame) -> pl.DataFrame:
    """One row per review, columns named as on Task; about no record, so that it hangs on no deal and no account."""
    return reviews.select(
        GyakusanActionKey__c="action_key",
        OwnerId="rep_id",
        Subject="subject",
        Description="description",
        ActivityDate="plan_date",
        Priority=pl.lit(PRIORITY),
        Status=pl.lit(STATUS),
        GyakusanActionType__c=pl.lit(REVIEW_TYPE),
    )


def _rep_days(inputs: ReviewInputs) -> dict[str, RepDay]:
    targets = _targets(inputs, inputs.day)
    ahead = _targets(inputs, inputs.next_day)
    done: dict[str, dict[str, int]] = {}
    for rep_id, measure, number in inputs.done.iter_rows():
        done.setdefault(rep_id, {})[measure] = number
    cards = cards_with_outcome(inputs)
    finished = dict(cards.filter("is_done").group_by("rep_id").len().iter_rows())
    left = _lists(cards.filter(~pl.col("is_done")), "subject")
    starts, names = _lists(inputs.meetings, "starts"), _lists(inputs.meetings, "name")
    return {
        rep_id: RepDay(
            day=inputs.day,
            next_day=inputs.next_day,
            language=language,
            targets=targets[rep_id],
            done=done.get(rep_id, {}),
            cards_done=finished.get(rep_id, 0),
            cards_left=left.get(rep_id, []),
            next_targets=ahead.get(rep_id, {}),
            meetings=list(zip(starts.get(rep_id, []), names.get(rep_id, []), strict=True)),
        )
        for rep_id, language in inputs.reps.iter_rows()
        if rep_id in targets
    }


def _targets(inputs: ReviewInputs, day: date) -> dict[str, dict[str, int]]:
    """Target by rep and measure, the measures in the order of ``MEASURES``."""
    of_day = inputs.targets.filter(pl.col("day") == day)
    found: dict[str, dict[str, int]] = {rep_id: {} for rep_id in of_day["rep_id"].unique()}
    for measure in MEASURES:
        rows = of_day.filter(pl.col("measure") == measure)
        for rep_id, target in rows.select("rep_id", "target").iter_rows():
            found[rep_id][measure] = target
    return found


def cards_with_outcome(inputs: ReviewInputs) -> pl.DataFrame:
    """Cards with `is_done`, those left in the order to take them up; cards turned down or deleted are neither.

    Done is seen in the CRM: the task is finished, or its owner did something on the opportunity that day. Data cards are
    done when their task is.
    """
    worked_on = inputs.worked_on.with_columns(is_worked_on=pl.lit(True))
    cards = inputs.cards.join(inputs.card_tasks, on="action_key", how="left").join(
        worked_on, on=["rep_id", "opportunity_id"], how="left"
    )
    acted = pl.col("is_worked_on").fill_null(False) & ~pl.col("is_data_card")
    return (
        cards.filter(~pl.col("is_turned_down").fill_null(False) | pl.col("is_done").fill_null(False))
        .with_columns(is_done=pl.col("is_done").fill_null(False) | acted)
        .sort("rep_id", "is_data_card", pl.col("rank").fill_null(0), "action_key")
    )


def _lists(rows: pl.DataFrame, column: str) -> dict[str, list[str]]:
    return dict(rows.group_by("rep_id", maintain_order=True).agg(column).iter_rows())


def _row(rep_id: str, of: RepDay) -> Mapping[str, object]:
    counts = {
        f"{measure}_{kind}": values.get(measure, 0)
        for measure in MEASURES
        for kind, values in (("planned", of.targets), ("done", of.done))
    }
    return {
        "plan_date": of.day,
        "rep_id": rep_id,
        "next_date": of.next_day,
        "language": of.language,
        **counts,
        "cards_done": of.cards_done,
        "cards_left": len(of.cards_left),
        "subject": subject(of),
        "description": description(of),
    }
