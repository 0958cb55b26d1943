"""Quotas from a CSV, for orgs that keep none in Salesforce (``rep_email_or_id,month,quota_amount[,currency]``)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

import polars as pl

from dagster_project.errors import GyakusanError
from dagster_project.plan.inputs import LARGEST_MONEY, SCHEMAS

COLUMNS = ("rep_email_or_id", "month", "quota_amount")
SOURCE = "csv"
MONTH = re.compile(r"(\d{4})[-/年](\d{1,2})(?:[-/月](?:0?1日?)?)?")
AMOUNT = re.compile(r"[¥\\$€£]?(\d+(?:\.\d+)?)(億|万)?円?")
MULTIPLES = {"": 1, "万": 10_000, "億": 100_000_000}
# Excel in Japan saves CSV in this encoding unless told otherwise.
ENCODINGS = ("utf-8-sig", "cp932")


class QuotaFileError(GyakusanError):
    """The quota CSV cannot be read; says file, line, column and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class _Cell:
    path: Path
    line: int
    column: str
    value: str

    def refuse(self, what: str, remedy: str) -> QuotaFileError:
        return QuotaFileError(
            f"{what}: {self.value!r}",
            where=f"{self.path}, line {self.line}, column {self.column}",
            remedy=remedy,
        )


def with_quota_file(quotas: pl.DataFrame, path: Path, reps: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Quotas of the org, and from the CSV those of a rep and month for which the org has none.

    Args:
        quotas: fct_quota, one row per rep and month.
        reps: dim_rep with rep_id and email.

    Raises:
        QuotaFileError: see ``read_quota_file``.
    """
    schema = SCHEMAS["quotas"]
    org = quotas.select(pl.col(name).cast(kind) for name, kind in schema.items())
    from_file = read_quota_file(path, reps, currency)
    missing = from_file.join(org, on=["rep_id", "month_start_date"], how="anti")
    return pl.concat([org, missing])


def read_quota_file(path: Path, reps: pl.DataFrame, currency: str) -> pl.DataFrame:
    """One row per rep and month, shaped like fct_quota.

    Amounts may carry commas, a currency sign, 万 or 億; months are 2026-11, 2026/11 or 2026-11-01. Columns beyond
    the declared ones are not read.

    Raises:
        QuotaFileError: the file is missing or in an unknown encoding, a column is missing, a rep is unknown or
            ambiguous, a month or amount cannot be read, or a rep has two quotas for one month.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    ids = _rep_ids(reps)
    lines: dict[tuple[str, date], int] = {}
    rows: list[dict[str, object]] = []
    try:
        _check_header(path, reader.fieldnames)
        for record in reader:
            if not any(value for value in record.values()):
                continue
            row = _row(path, reader.line_num, record, ids, currency)
            _check_once(path, reader.line_num, row, lines)
            rows.append(row)
    except csv.Error as error:
        raise QuotaFileError(
            f"not a well-formed CSV: {error}",
            where=f"{path}, line {reader.line_num}",
            remedy="mend the quotes",
        ) from error
    return pl.DataFrame(rows, schema=SCHEMAS["quotas"])


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise QuotaFileError(
            f"cannot read the quota file: {error.strerror}",
            where=str(path),
            remedy="check setting quota_file",
        ) from error
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise QuotaFileError("neither UTF-8 nor Shift JIS text", where=str(path), remedy="save it as CSV UTF-8")


def _rep_ids(reps: pl.DataFrame) -> dict[str, list[str]]:
    """Rep ids by lower-case email and by id; an email of several users leads to all of them."""
    found: dict[str, list[str]] = {}
    for rep_id, email in reps.select("rep_id", "email").iter_rows():
        for name in {rep_id, (email or "").strip().lower()} - {""}:
            found.setdefault(name, []).append(rep_id)
        # Salesforce shows 15 characters of an id in places; they name the same record.
        if len(rep_id) == 18:
            found.setdefault(rep_id[:15], []).append(rep_id)
    return found


def _check_header(path: Path, header: Sequence[str] | None) -> None:
    missing = [column for column in COLUMNS if column not in (header or ())]
    if missing:
        raise QuotaFileError(
            f"no column {', '.join(missing)}",
            where=f"{path}, line 1",
            remedy=f"begin the file with the line {','.join(COLUMNS)} (and currency, if you like)",
        )


def _row(
    path: Path, line: int, record: Mapping[str, str | None], ids: Mapping[str, list[str]], currency: str
) -> dict[str, object]:
    def cell(column: str) -> _Cell:
        return _Cell(path, line, column, normalize("NFKC", record.get(column) or "").strip())

    return {
        "rep_id": _rep(cell("rep_email_or_id"), ids),
        "month_start_date": _month(cell("month")),
        "quota_amount": _amount(cell("quota_amount")),
        "currency": _currency(cell("currency"), currency),
        "source": SOURCE,
    }


def _rep(cell: _Cell, ids: Mapping[str, list[str]]) -> str:
    found = ids.get(cell.value) or ids.get(cell.value.lower()) or []
    if len(found) == 1:
        return found[0]
    if found:
        raise cell.refuse(
            "several users have this email", f"use the id instead: {' or '.join(sorted(found))}"
        )
    close = get_close_matches(cell.value.lower(), list(ids), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise cell.refuse("no such rep", f"give the email or the Salesforce id of a user{hint}")


def _month(cell: _Cell) -> date:
    match = MONTH.fullmatch(cell.value)
    if not match or not 1 <= int(match[2]) <= 12:
        raise cell.refuse("not a month", "write it as 2026-11")
    return date(int(match[1]), int(match[2]), 1)


def _amount(cell: _Cell) -> float:
    match = AMOUNT.fullmatch(cell.value.replace(",", "").replace(" ", ""))
    if not match:
        raise cell.refuse("not an amount of zero or more", "write it as 1000000")
    amount = float(match[1]) * MULTIPLES[match[2] or ""]
    if amount > LARGEST_MONEY:
        raise cell.refuse("too large an amount", "check its digits")
    return amount


def _currency(cell: _Cell, default: str) -> str:
    if cell.value and not re.fullmatch(r"[A-Za-z]{3}", cell.value):
        raise cell.refuse("not a currency", "use an ISO code such as JPY, or leave it empty")
    return cell.value.upper() or default


def _check_once(path: Path, line: int, row: Mapping[str, object], lines: dict[tuple[str, date], int]) -> None:
    month = row["month_start_date"]
    assert isinstance(month, date)
    first = lines.setdefault((str(row["rep_id"]), month), line)
    if first != line:
        raise QuotaFileError(
            f"a second quota for {row['rep_id']} in {month:%Y-%m} (the first is on line {first})",
            where=f"{path}, line {line}, column rep_email_or_id",
            remedy="keep one of the two",
        )
