"""Quotas from a CSV: what people write is read, and what cannot be read is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project.plan.quotas import QuotaFileError, read_quota_file, with_quota_file
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
        ("005A", date(2026, 11, 1), 1_000_000.0, "USD", "csv"),
        ("005B", date(2026, 12, 1), 500_000.5, "JPY", "csv"),
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
    with pytest.raises(QuotaFileError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(QuotaFileError, match=r"gone\.csv.*quota_file"):
        read_quota_file(tmp_path / "gone.csv", REPS, "JPY")


def test_an_email_of_two_users_asks_for_the_id(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text(HEADER + "same@example.com,2026-11,1,\n")
    shared = REPS.with_columns(email=pl.lit("Same@example.com"))
    with pytest.raises(QuotaFileError, match="005A or 005B"):
        read_quota_file(path, shared, "JPY")


def test_the_file_fills_only_what_the_org_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text(HEADER + "005A,2027-02,1,\n005B,2027-02,2,\n005A,2027-03,3,\n")
    merged = with_quota_file(quotas({"005A": 9.0}), path, REPS, "JPY").sort("rep_id", "month_start_date")
    assert merged["quota_amount"].to_list() == [9.0, 3.0, 2.0]
    assert merged["source"].to_list() == ["forecasting_quota", "csv", "csv"]
