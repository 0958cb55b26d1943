"""Absences and company days from a CSV."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project.plan.people.absence_file import read_absence_file
from dagster_project.plan.people.csv_cells import CsvFileError
from tests.plan.frames import reps

REPS = reps("005A", "005B")
HEADER = "rep_email_or_id,from_date,to_date,part\n"


def read(folder: Path, text: str, encoding: str = "utf-8") -> list[tuple[object, ...]]:
    path = folder / "absences.csv"
    path.write_bytes(text.encode(encoding))
    return read_absence_file(path, REPS, date(2026, 11, 1), date(2026, 11, 30)).rows()


def test_a_day_a_half_and_everybody(tmp_path: Path) -> None:
    text = (
        HEADER + "005a@example.com,2026-11-12,2026-11-13,\n005B,2026/11/20,,morning\n,2026年11月30日,,day\n"
    )
    assert read(tmp_path, text) == [
        ("005A", date(2026, 11, 12), "day"),
        ("005A", date(2026, 11, 13), "day"),
        ("005B", date(2026, 11, 20), "morning"),
        (None, date(2026, 11, 30), "day"),
    ]


def test_the_shortest_file(tmp_path: Path) -> None:
    assert read(tmp_path, "rep_email_or_id,from_date\n005A,2026-11-12\n") == [
        ("005A", date(2026, 11, 12), "day")
    ]
    assert read(tmp_path, HEADER) == []


def test_as_excel_in_japan_saves_it(tmp_path: Path) -> None:
    text = HEADER + "005A,2026年11月12日,,午後休\r\n005B,2026/11/12,2026/11/12,午前\r\n"
    assert [part for _, _, part in read(tmp_path, text, "cp932")] == ["afternoon", "morning"]


def test_a_long_leave_is_clipped_to_what_is_asked_for(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + "005A,2020-01-01,2030-12-31,\n005B,2026-12-01,2026-12-24,\n")
    assert [day for _, day, _ in found] == [date(2026, 11, day) for day in range(1, 31)]
    assert {rep for rep, _, _ in found} == {"005A"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rep_email_or_id,to_date\n", r"no column from_date \(.*absences.csv, line 1\)"),
        ("rep_email_or_id,from_date,until_date,to_dat\n", r"unknown column 'to_dat'.*did you mean to_date"),
        (HEADER + "005b@exampel.com,2026-11-12,,\n", r"no such rep.*line 2.*did you mean 005b@example.com"),
        (HEADER + "005A,,,\n", r"no date: '' \(.*line 2, column from_date\); write it as"),
        (HEADER + "005A,12/11/2026,,\n", r"not a date: '12/11/2026' \(.*column from_date"),
        (HEADER + "005A,2026-11-13,2026-11-12,\n", r"before from_date: '2026-11-12' \(.*column to_date"),
        (
            HEADER + "005A,2026-11-12,,evening\n",
            r"not a part: 'evening' \(.*column part\); write day or morning",
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CsvFileError, match=r"absence file.*gone\.csv.*setting absence_file"):
        read_absence_file(tmp_path / "gone.csv", REPS, date(2026, 11, 1), date(2026, 11, 30))


def test_an_absence_of_a_rep_keeps_its_type_in_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "absences.csv"
    path.write_text(HEADER)
    found = read_absence_file(path, REPS, date(2026, 11, 1), date(2026, 11, 30))
    assert found.schema == {"rep_id": pl.String, "absence_date": pl.Date, "part": pl.String}
