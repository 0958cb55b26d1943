"""The files and figures that docs/people.md shows."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl

from dagster_project.calendars import BusinessCalendar
from dagster_project.plan.people.absence_file import read_absence_file
from dagster_project.plan.people.queries import ROLE_VALUES
from dagster_project.plan.people.rep_file import with_rep_file
from dagster_project.plan.people.working_days import working_days
from tests.plan.frames import inputs, reps

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "people.md").read_text(encoding="utf-8")
NAMES = ("tanaka", "suzuki", "smith", "sato", "mori")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def test_the_page_s_files_give_the_page_s_days(tmp_path: Path) -> None:
    rep_file, absence_file = tmp_path / "reps.csv", tmp_path / "absences.csv"
    for path, text in zip(
        (rep_file, absence_file), re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL), strict=True
    ):
        path.write_text(text, encoding="utf-8")
    people = reps(*NAMES)
    given = inputs(
        plan_date=date(2026, 11, 2),
        calendar=BusinessCalendar(),
        reps=with_rep_file(people, rep_file, "JP"),
        absences=read_absence_file(absence_file, people, FIRST, LAST),
    )
    units = working_days(given, NAMES, FIRST, LAST).units
    told = re.findall(r"^\| (\w+)@example.com \| (\d+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    found = [
        (name, str(int((row > 0).sum())), f"{row.sum() / 100:.1f}")
        for name, row in zip(NAMES, units, strict=True)
    ]
    assert told == found
    roles = dict(given.reps.select("rep_id", "role").iter_rows())
    assert roles == {
        "tanaka": "full",
        "suzuki": "full",
        "smith": "full",
        "sato": "inside_sales",
        "mori": "field",
    }


def test_the_page_s_thresholds_are_those_of_the_query() -> None:
    assert ROLE_VALUES == {
        "least_touches": 30,
        "least_expected_meetings": 5.0,
        "largest_own_share": 0.1,
        "least_days_at_work": 60,
        "least_touches_led": 10,
    }
    assert "at least 30 touches over at least 60 days" in PAGE


def test_every_column_of_the_page_is_read(tmp_path: Path) -> None:
    """An empty file of each header is well-formed."""
    rep_header, absence_header = re.findall(r"```csv\n(.*)\n", PAGE)
    (tmp_path / "reps.csv").write_text(rep_header + "\n")
    (tmp_path / "absences.csv").write_text(absence_header + "\n")
    assert with_rep_file(reps("A"), tmp_path / "reps.csv", "JP").height == 1
    absences: pl.DataFrame = read_absence_file(tmp_path / "absences.csv", reps("A"), FIRST, LAST)
    assert absences.is_empty()
