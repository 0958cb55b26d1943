"""People from a CSV: what the org does not know of country, working time, dates of employment and role.

Columns ``rep_email_or_id[,country,region,working_share,weekdays,first_day,last_day,role]``; an empty cell leaves what
the org and the settings say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dagster_project.calendars import BusinessCalendar, CalendarError
from dagster_project.plan.people.csv_cells import (
    Cell,
    CsvShape,
    Record,
    check_once,
    date_of,
    read_records,
    rep_ids,
    rep_of,
    word_of,
)

SHAPE = CsvShape(
    "rep_file",
    required=("rep_email_or_id",),
    optional=("country", "region", "working_share", "weekdays", "first_day", "last_day", "role"),
)
SCHEMA = pl.Schema(
    {
        "rep_id": pl.String,
        "country_code": pl.String,
        "region": pl.String,
        "working_share": pl.Float64,
        "weekdays": pl.String,
        "first_date": pl.Date,
        "last_date": pl.Date,
        "role": pl.String,
    }
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
JAPANESE_WEEKDAYS = "月火水木金土日"
ROLE_WORDS: Mapping[str, str] = {
    "full": "full",
    "field": "field",
    "inside_sales": "inside_sales",
    "inside sales": "inside_sales",
    "フィールドセールス": "field",
    "インサイドセールス": "inside_sales",
}
SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")
A_DATE_TO_BE_SURE_OF = date(2026, 1, 1)


def with_rep_file(reps: pl.DataFrame, path: Path, country_code: str) -> pl.DataFrame:
    """The reps, with what the file says in place of what was there; columns of ``SCHEMA`` are added where missing.

    Args:
        reps: one row per rep with rep_id and email.
        country_code: the organisation's, for a rep with a region alone.

    Raises:
        CsvFileError: see ``read_rep_file``.
    """
    told = read_rep_file(path, reps, country_code)
    columns = [name for name in SCHEMA if name != "rep_id"]
    kept = reps.with_columns(
        pl.lit(None, SCHEMA[name]).alias(name) for name in columns if name not in reps.columns
    )
    return (
        kept.join(told, on="rep_id", how="left", suffix="_told", maintain_order="left")
        .with_columns(pl.coalesce(f"{name}_told", name).alias(name) for name in columns)
        .select(kept.columns)
    )


def read_rep_file(path: Path, reps: pl.DataFrame, country_code: str) -> pl.DataFrame:
    """One row per rep named in the file, as ``SCHEMA``; null where it says nothing.

    Raises:
        CsvFileError: the file cannot be read, a rep is unknown, ambiguous or named twice, a country or region has no
            known holidays, or a share, weekday, date or role cannot be read.
    """
    ids = rep_ids(reps)
    lines: dict[object, int] = {}
    rows = []
    for record in read_records(path, SHAPE):
        row = _row(record, ids, country_code)
        check_once(record, "rep_email_or_id", (row["rep_id"],), f"line for {row['rep_id']}", lines)
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def _row(record: Record, ids: Mapping[str, list[str]], country_code: str) -> dict[str, object]:
    country, region = _place(record.cell("country"), record.cell("region"), country_code)
    first, last = date_of(record.cell("first_day")), date_of(record.cell("last_day"))
    if first and last and last < first:
        raise record.cell("last_day").refuse("before the first day", "swap the two dates or correct one")
    return {
        "rep_id": rep_of(record.cell("rep_email_or_id"), ids),
        "country_code": country,
        "region": region,
        "working_share": _share(record.cell("working_share")),
        "weekdays": _weekdays(record.cell("weekdays")),
        "first_date": first,
        "last_date": last,
        "role": word_of(record.cell("role"), ROLE_WORDS),
    }


def _place(country: Cell, region: Cell, country_code: str) -> tuple[str | None, str | None]:
    code, part = country.value.upper() or None, region.value.upper() or None
    for cell, subdivision in ((country, None), (region, part)):
        try:
            BusinessCalendar(code or country_code, subdivision).is_business_day(A_DATE_TO_BE_SURE_OF)
        except CalendarError as error:
            raise cell.refuse("no public holidays known", error.remedy) from error
    return code, part


def _share(cell: Cell) -> float | None:
    """Of a full day: 0.6 or 60%."""
    if not cell.value:
        return None
    match = SHARE.fullmatch(cell.value)
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise cell.refuse("not a share of a full day", "write it as 0.6 or 60%; 0 is on leave")
    return share


def _weekdays(cell: Cell) -> str | None:
    """Names of ``WEEKDAYS`` in the order of the week, from `Mon Tue`, `Monday,Tuesday`, `月火` or `月・火`."""
    if not cell.value:
        return None
    words = [word for word in re.split(r"[\s,;/・、]+", cell.value) if word]
    japanese = all(
        set(word.removesuffix("曜日").removesuffix("曜")) <= set(JAPANESE_WEEKDAYS) for word in words
    )
    if japanese:
        shown = {
            JAPANESE_WEEKDAYS.index(sign)
            for word in words
            for sign in word.removesuffix("曜日").removesuffix("曜")
        }
    else:
        shown = {_weekday(cell, word) for word in words}
    return " ".join(WEEKDAYS[number] for number in sorted(shown))


def _weekday(cell: Cell, word: str) -> int:
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    found = [number for number, name in enumerate(names) if len(word) >= 3 and name.startswith(word.lower())]
    if not found:
        raise cell.refuse(f"{word!r} is no weekday", "write them as Mon Tue Thu or 月火木")
    return found[0]
