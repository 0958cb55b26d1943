"""Absences and company days from a CSV: ``rep_email_or_id,from_date[,to_date,part]``; without a rep it is everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dagster_project.plan.input_frames import SCHEMAS
from dagster_project.plan.people.csv_cells import (
    CsvShape,
    Record,
    date_of,
    read_records,
    rep_ids,
    rep_of,
    word_of,
)

SHAPE = CsvShape("absence_file", required=("rep_email_or_id", "from_date"), optional=("to_date", "part"))
PART_WORDS: Mapping[str, str] = {
    "day": "day",
    "morning": "morning",
    "afternoon": "afternoon",
    "am": "morning",
    "pm": "afternoon",
    "終日": "day",
    "全休": "day",
    "午前": "morning",
    "午前休": "morning",
    "午後": "afternoon",
    "午後休": "afternoon",
}
SPANS = pl.Schema({"rep_id": pl.String, "from_date": pl.Date, "to_date": pl.Date, "part": pl.String})


def read_absence_file(path: Path, reps: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """One row per rep (null: everybody), date and part, from ``first`` to ``last``; shaped like the plan's absences.

    Args:
        reps: rep_id and email.

    Raises:
        CsvFileError: the file cannot be read, a rep is unknown or ambiguous, a date is missing or cannot be read, an
            absence ends before it begins, or a part of the day is unknown.
    """
    ids = rep_ids(reps)
    spans = pl.DataFrame([_span(record, ids) for record in read_records(path, SHAPE)], schema=SPANS)
    clipped = spans.with_columns(
        pl.col("from_date").clip(lower_bound=first), pl.col("to_date").clip(upper_bound=last)
    ).filter(pl.col("from_date") <= pl.col("to_date"))
    return (
        clipped.with_columns(absence_date=pl.date_ranges("from_date", "to_date"))
        .explode("absence_date")
        .select(list(SCHEMAS["absences"]))
    )


def _span(record: Record, ids: Mapping[str, list[str]]) -> dict[str, object]:
    rep, start = record.cell("rep_email_or_id"), record.cell("from_date")
    from_date, to_date = date_of(start), date_of(record.cell("to_date"))
    if from_date is None:
        raise start.refuse("no date", "write it as 2026-11-03")
    if to_date is not None and to_date < from_date:
        raise record.cell("to_date").refuse("before from_date", "swap the two dates or correct one")
    return {
        "rep_id": rep_of(rep, ids) if rep.value else None,
        "from_date": from_date,
        "to_date": to_date or from_date,
        "part": word_of(record.cell("part"), PART_WORDS) or "day",
    }
