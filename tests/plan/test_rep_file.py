"""People from a CSV: what is written is read, and what cannot be read is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.plan.people.csv_cells import CsvFileError
from dagster_project.plan.people.rep_file import read_rep_file, with_rep_file
from tests.plan.frames import reps

REPS = reps("005A", "005B")
HEADER = "rep_email_or_id,country,region,working_share,weekdays,first_day,last_day,role\n"


def read(folder: Path, text: str, encoding: str = "utf-8") -> pl.DataFrame:
    path = folder / "reps.csv"
    path.write_bytes(text.encode(encoding))
    return read_rep_file(path, REPS, "JP")


def one(folder: Path, column: str, written: str) -> Any:
    row = read(folder, f"rep_email_or_id,{column}\n005A,{written}\n").row(0, named=True)
    names = {"country": "country_code", "first_day": "first_date", "last_day": "last_date"}
    return row[names.get(column, column)]


def test_a_whole_line_and_an_empty_one(tmp_path: Path) -> None:
    text = HEADER + "005A@example.com,US,CA,80%,Mon Tue,2026-11-16,2027/3/31,inside_sales\n005B,,,,,,,\n"
    assert read(tmp_path, text).rows() == [
        ("005A", "US", "CA", 0.8, "Mon Tue", date(2026, 11, 16), date(2027, 3, 31), "inside_sales"),
        ("005B", None, None, None, None, None, None, None),
    ]


def test_as_excel_in_japan_saves_it(tmp_path: Path) -> None:
    text = "rep_email_or_id,weekdays,first_day,role,備考\r\n005A,月・木,2026年11月16日,インサイドセールス,時短\r\n"
    row = read(tmp_path, text, "cp932").row(0, named=True)
    assert (row["weekdays"], row["first_date"], row["role"]) == (
        "Mon Thu",
        date(2026, 11, 16),
        "inside_sales",
    )


@pytest.mark.parametrize(
    ("column", "written", "read_as"),
    [
        ("working_share", "0.6", 0.6),
        ("working_share", "60%", 0.6),
        ("working_share", "６０％", 0.6),
        ("working_share", "1", 1.0),
        ("working_share", "0", 0.0),
        ("weekdays", "tue mon", "Mon Tue"),
        ("weekdays", '"Monday, Wednesday"', "Mon Wed"),
        ("weekdays", "月火木", "Mon Tue Thu"),
        ("weekdays", "月曜日・金曜", "Mon Fri"),
        ("weekdays", "日", "Sun"),
        ("country", "us", "US"),
        ("role", "Inside Sales", "inside_sales"),
        ("role", "フィールドセールス", "field"),
        ("last_day", "2026.11.30", date(2026, 11, 30)),
        ("last_day", "2026/11/30 0:00", date(2026, 11, 30)),
    ],
)
def test_as_people_write_it(tmp_path: Path, column: str, written: str, read_as: object) -> None:
    assert one(tmp_path, column, written) == read_as


@pytest.mark.parametrize(
    ("column", "written", "message"),
    [
        (
            "country",
            "Japan",
            r"no public holidays known: 'Japan' \(.*line 2, column country\); use an ISO 3166",
        ),
        ("region", "13", r"line 2, column region\); leave the region empty: JP has the same holidays"),
        (
            "working_share",
            "60",
            r"not a share of a full day: '60' \(.*column working_share\); write it as 0.6",
        ),
        ("working_share", "-1", r"column working_share"),
        ("working_share", "half", r"column working_share"),
        ("weekdays", "Mon Foo", r"'Foo' is no weekday.*column weekdays"),
        ("weekdays", "M", r"'M' is no weekday"),
        (
            "first_day",
            "16 Nov",
            r"not a date: '16 Nov' \(.*line 2, column first_day\); write it as 2026-11-03",
        ),
        ("first_day", "2026-11-31", r"not a date \(day .* month.*column first_day"),
        ("role", "insider", r"not a role: 'insider' \(.*column role\); write full or field or inside_sales"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, column: str, written: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        one(tmp_path, column, written)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rep,country\n", r"no column rep_email_or_id \(.*reps.csv, line 1\); begin the file with.*country"),
        ("rep_email_or_id,weekday\n", r"unknown column 'weekday' \(.*line 1\); did you mean weekdays\?"),
        (HEADER + "005c,,,,,,,\n", r"no such rep: '005c' \(.*line 2.*did you mean 005"),
        (HEADER + ",,,,,,,x\n", r"no such rep: '' \(.*line 2"),
        (
            HEADER + "005A,JP,,,,,,\n005a@example.com,US,,,,,,\n",
            r"a second line for 005A \(the first is on line 2\)",
        ),
        (
            HEADER + "005A,,,,,2026-12-01,2026-11-01,\n",
            r"before the first day: '2026-11-01' \(.*column last_day",
        ),
        (HEADER + "005A,US,CALI,,,,,\n", r"column region\); use an ISO 3166-2 code of US such as CA"),
    ],
)
def test_a_line_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read(tmp_path, text)


def test_the_file_goes_before_the_org_and_an_empty_cell_does_not(tmp_path: Path) -> None:
    path = tmp_path / "reps.csv"
    path.write_text("rep_email_or_id,role,first_day\n005A,full,\n005B,,2026-11-20\n")
    known = REPS.with_columns(role=pl.lit("field"), first_date=pl.lit(date(2026, 11, 5)))
    found = with_rep_file(known, path, "JP")
    assert found.select("rep_id", "role", "first_date", "working_share").rows() == [
        ("005A", "full", date(2026, 11, 5), None),
        ("005B", "field", date(2026, 11, 20), None),
    ]
    assert set(REPS.columns) <= set(found.columns)
