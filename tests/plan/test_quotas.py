"""Quotas from a CSV: what people write is read, and what cannot be read is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project.plan.goals.fiscal import FiscalCalendar
from dagster_project.plan.goals.quota_months import MonthWeights
from dagster_project.plan.goals.quotas import QuotaPeriods, read_quota_file, with_quota_file
from dagster_project.plan.people.csv_cells import CsvFileError
from tests.plan.frames import quotas, reps

REPS = reps("005A", "005B")
HEADER = "rep_email_or_id,month,quota_amount,currency\n"


def read(folder: Path, text: str, encoding: str = "utf-8") -> pl.DataFrame:
    path = folder / "quotas.csv"
    path.write_bytes(text.encode(encoding))
    return read_quota_file(path, REPS, "JPY")


def test_email_or_id_month_and_amount(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + "005A@example.com,2026-11,1000000,USD\n005B,2026/12,500000.5,\n")
    assert table.rows() == [
        ("005A", date(2026, 11, 1), 1_000_000.0, "USD", "csv", "revenue"),
        ("005B", date(2026, 12, 1), 500_000.5, "JPY", "csv", "revenue"),
    ]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("100万", 1e6),
        ('"¥1,000,000"', 1e6),
        ("１００万円", 1e6),
        ("1.5億", 1.5e8),
        ('"$2,500"', 2500.0),
        ("0", 0.0),
    ],
)
def test_amounts_as_people_write_them(tmp_path: Path, written: str, amount: float) -> None:
    assert read(tmp_path, HEADER + f"005A,2026-11,{written},\n")["quota_amount"].to_list() == [amount]


@pytest.mark.parametrize(
    "written", ["2026-11", "2026/11", "2026-11-01", "2026/11/1", "2026年11月", "2026年11月1日"]
)
def test_months_as_people_write_them(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, HEADER + f"005A,{written},1,\n")["month_start_date"].to_list() == [
        date(2026, 11, 1)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_encodings_that_excel_writes(tmp_path: Path, encoding: str) -> None:
    text = "rep_email_or_id,month,quota_amount,担当\r\n005A,2026-11,100万,田中\r\n\r\n"
    assert read(tmp_path, text, encoding)["quota_amount"].to_list() == [1e6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rep,month\n",
            r"no column rep_email_or_id, quota_amount \(.*quotas.csv, line 1\); begin the file with",
        ),
        ("", r"no column rep_email_or_id, month, quota_amount"),
        (
            HEADER + "005A,2026-13,1,\n",
            r"not a month: '2026-13' \(.*line 2, column month\); write it as 2026-11",
        ),
        (HEADER + "005A,11月,1,\n", r"line 2, column month"),
        (HEADER + "005A,2026-11,lots,\n", r"not an amount.*'lots' \(.*line 2, column quota_amount\)"),
        (HEADER + "005A,2026-11,-5,\n", r"column quota_amount"),
        (HEADER + f"005A,2026-11,{'9' * 400},\n", r"too large an amount.*column quota_amount"),
        (HEADER + "005A,2026-11,,\n", r"column quota_amount"),
        (HEADER + "005A,2026-11\n", r"column quota_amount"),
        (HEADER + "005A,2026-11,1,yen!\n", r"not a currency.*column currency"),
        (
            HEADER + "005b@exampel.com,2026-11,1,\n",
            r"column rep_email_or_id\).*did you mean 005b@example.com",
        ),
        (
            HEADER + "005A,2026-11,1,\n\n005A,2026/11,2,\n",
            r"second quota for 005A in 2026-11 \(the first is on line 2\).*line 4",
        ),
        (HEADER + '005A,2026-11,"1,\n', r"not a well-formed CSV"),
    ],
)
def test_a_malformed_file_names_line_column_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CsvFileError, match=r"gone\.csv.*quota_file"):
        read_quota_file(tmp_path / "gone.csv", REPS, "JPY")


def test_an_email_of_two_users_asks_for_the_id(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text(HEADER + "same@example.com,2026-11,1,\n")
    shared = REPS.with_columns(email=pl.lit("Same@example.com"))
    with pytest.raises(CsvFileError, match="005A or 005B"):
        read_quota_file(path, shared, "JPY")


def test_the_file_fills_only_what_the_org_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text(HEADER + "005A,2027-02,1,\n005B,2027-02,2,\n005A,2027-03,3,\n")
    merged = with_quota_file(quotas({"005A": 9.0}), path, REPS, "JPY").sort("rep_id", "month_start_date")
    assert merged["quota_amount"].to_list() == [9.0, 3.0, 2.0]
    assert merged["source"].to_list() == ["forecasting_quota", "csv", "csv"]


PERIODS = QuotaPeriods(
    FiscalCalendar(
        {
            (2026, 1): (date(2026, 4, 1), date(2026, 6, 30)),
            (2026, 2): (date(2026, 7, 1), date(2026, 9, 30)),
            (2026, 3): (date(2026, 10, 1), date(2026, 12, 31)),
            (2026, 4): (date(2027, 1, 1), date(2027, 3, 31)),
        }
    ),
    MonthWeights("even"),
)


def read_periods(folder: Path, lines: str) -> pl.DataFrame:
    path = folder / "quotas.csv"
    path.write_text("rep_email_or_id,month,quota_amount,measure\n" + lines)
    return read_quota_file(path, REPS, "JPY", PERIODS)


@pytest.mark.parametrize(
    ("written", "first", "months"),
    [
        ("2026-Q4", date(2027, 1, 1), 3),
        ("2026Q4", date(2027, 1, 1), 3),
        ("FY2026-Q2", date(2026, 7, 1), 3),
        ("fy2026 q2", date(2026, 7, 1), 3),
        ("2026年度第2四半期", date(2026, 7, 1), 3),
        ("２０２６年度第２四半期", date(2026, 7, 1), 3),
        ("2026-H1", date(2026, 4, 1), 6),
        ("2026年度上期", date(2026, 4, 1), 6),
        ("2026年度下半期", date(2026, 10, 1), 6),
        ("2026", date(2026, 4, 1), 12),
        ("FY2026", date(2026, 4, 1), 12),
        ("2026年度", date(2026, 4, 1), 12),
        ("FY2019-Q4", date(2020, 1, 1), 3),
        ("FY2031", date(2031, 4, 1), 12),
    ],
)
def test_fiscal_periods_as_people_write_them(tmp_path: Path, written: str, first: date, months: int) -> None:
    """In a fiscal year that begins in April; years the calendar does not hold follow from those it does."""
    found = read_periods(tmp_path, f"005A,{written},120,\n").sort("month_start_date")
    assert found["month_start_date"][0] == first
    assert len(found) == months
    assert found["quota_amount"].sum() == 120.0


def test_quarters_are_calendar_quarters_where_no_fiscal_ones_are_known(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + "005A,2026-Q4,300,\n")
    assert table["month_start_date"].to_list() == [date(2026, month, 1) for month in (10, 11, 12)]


def test_a_year_of_weeks_the_org_has_not_defined_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text(HEADER + "005A,FY2028-Q1,1,\n")
    weeks = QuotaPeriods(FiscalCalendar({(2026, 1): (date(2026, 2, 1), date(2026, 5, 2))}))
    with pytest.raises(
        CsvFileError, match=r"not a period of the fiscal calendar known.*line 2, column month"
    ):
        read_quota_file(path, REPS, "JPY", weeks)


def test_a_month_goes_before_its_quarter(tmp_path: Path) -> None:
    found = read_periods(tmp_path, "005A,2026-Q2,300,\n005A,2026-08,7,\n")
    assert found["quota_amount"].to_list() == [100.0, 7.0, 100.0]


def test_measures(tmp_path: Path) -> None:
    """A revenue velocity is money a day; it becomes money of each calendar day of its period."""
    lines = '005A,2026-11,10件,受注件数\n005A,2026-11,100万,\n005B,2026-11,"10,000",revenue_velocity\n'
    found = (
        read_periods(tmp_path, lines)
        .select("rep_id", "measure", "quota_amount")
        .sort("rep_id", "measure")
        .rows()
    )
    assert found == [
        ("005A", "revenue", 1e6),
        ("005A", "won_deals", 10.0),
        ("005B", "revenue_velocity", 300_000.0),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("005A,2026-11,2.5,won_deals", "not a number of deals"),
        ("005A,2026-11,10万,won_deals", "not a number of deals"),
        ("005A,2026-11,99999999,won_deals", "too many deals"),
        ("005A,2026-11,1,deal_count", "not a measure"),
        ("005A,2026-Q5,1,", "write it as 2026-11, a quarter as 2026-Q3"),
        ("005A,9999,1,", "not a month"),
        ("005A,FY2026,1e9,", "not an amount"),
        ("005A,FY2026,900000000000,revenue_velocity", "too large an amount"),
        (
            "005A,2026-Q2,1,\n005A,FY2026-Q2,1,",
            r"second quota for 005A in FY2026-Q2 \(the first is on line 2\)",
        ),
    ],
)
def test_malformed_periods_and_measures_name_their_cell(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read_periods(tmp_path, line + "\n")


def test_a_quota_in_deals_stands_beside_the_org_s_revenue(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text("rep_email_or_id,month,quota_amount,measure\n005A,2027-02,8,won_deals\n005A,2027-02,5,\n")
    merged = with_quota_file(quotas({"005A": 9.0}), path, REPS, "JPY").sort("measure")
    assert merged.select("measure", "quota_amount").rows() == [("revenue", 9.0), ("won_deals", 8.0)]


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    path = tmp_path / "quotas.csv"
    path.write_text(page.split("```csv\n")[1].split("```")[0])
    people = reps("005A", "005B").with_columns(email=pl.Series(["yuko@example.com", "ken@example.com"]))
    found = read_quota_file(path, people, "JPY", PERIODS)
    sums = found.group_by("measure").agg(pl.len(), pl.col("quota_amount").sum()).sort("measure").rows()
    assert sums == [("revenue", 4, 4.2e7), ("revenue_velocity", 6, 183 * 300_000.0), ("won_deals", 1, 10.0)]
