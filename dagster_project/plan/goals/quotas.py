"""Quotas from a CSV, for orgs that keep none in Salesforce (``rep_email_or_id,month,quota_amount[,currency,measure]``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from dagster_project.calendars import month_end
from dagster_project.plan.goals.fiscal import FiscalCalendar
from dagster_project.plan.goals.quota_months import PERIOD_QUOTA_SCHEMA, MonthWeights, quota_months
from dagster_project.plan.input_frames import SCHEMAS, conformed
from dagster_project.plan.inputs import LARGEST_MONEY
from dagster_project.plan.people.csv_cells import (
    Cell,
    CsvShape,
    Record,
    check_once,
    read_records,
    rep_ids,
    rep_of,
    word_of,
)

COLUMNS = ("rep_email_or_id", "month", "quota_amount")
SOURCE = "csv"
MONTH = re.compile(r"(\d{4})[-/年](\d{1,2})(?:[-/月](?:0?1日?)?)?")
# Quarters, halves and years are fiscal ones, however they are written.
YEAR = r"(?:FY ?)?(?P<year>\d{4})(?:年度|年)?"
FISCAL = re.compile(
    YEAR + r"(?:[-/ ]?(?:(?:Q|第)(?P<quarter>[1-4])(?:四半期)?|H(?P<half>[12])|(?P<kanji>上|下)(?:半)?期))?",
    re.IGNORECASE,
)
HALVES = {"1": 1, "2": 2, "上": 1, "下": 2}
AMOUNT = re.compile(r"[¥\\$€£]?(\d+(?:\.\d+)?)(億|万)?円?")
DEALS = re.compile(r"(\d+)件?")
MULTIPLES = {"": 1, "万": 10_000, "億": 100_000_000}
LARGEST_DEALS = 999_999
MEASURES = {
    "revenue": "revenue",
    "売上": "revenue",
    "受注金額": "revenue",
    "won_deals": "won_deals",
    "won deals": "won_deals",
    "受注件数": "won_deals",
    "revenue_velocity": "revenue_velocity",
    "revenue velocity": "revenue_velocity",
}

SHAPE = CsvShape("quota_file", required=COLUMNS, optional=("currency", "measure"))


@dataclass(frozen=True)
class QuotaPeriods:
    """What the periods of a quota file are read by.

    Attributes:
        fiscal: the organisation's quarters and years.
        weights: of the months of longer periods.
    """

    fiscal: FiscalCalendar = field(default_factory=FiscalCalendar)
    weights: MonthWeights = field(default_factory=MonthWeights)


def with_quota_file(
    quotas: pl.DataFrame,
    path: Path,
    reps: pl.DataFrame,
    currency: str,
    periods: QuotaPeriods | None = None,
) -> pl.DataFrame:
    """Quotas of the org, and from the CSV those of a rep, month and measure for which the org has none.

    Args:
        quotas: fct_quota, one row per rep and month.
        reps: dim_rep with rep_id and email.

    Raises:
        CsvFileError: see ``read_quota_file``.
    """
    org = conformed("quotas", quotas, SCHEMAS["quotas"])
    from_file = read_quota_file(path, reps, currency, periods)
    missing = from_file.join(org, on=["rep_id", "month_start_date", "measure"], how="anti")
    return pl.concat([org, missing])


def read_quota_file(
    path: Path, reps: pl.DataFrame, currency: str, periods: QuotaPeriods | None = None
) -> pl.DataFrame:
    """One row per rep, month and measure, shaped like fct_quota.

    Amounts may carry commas, a currency sign, 万 or 億; a period is a month (2026-11, 2026/11, 2026-11-01), or a fiscal
    quarter, half or year (2026-Q4, 2026年度第2四半期, 2026-H1, FY2026), which comes down to months. A measure is revenue,
    won_deals or revenue_velocity, the last as money a day. Columns beyond the declared ones are not read.

    Raises:
        CsvFileError: the file is missing or in an unknown encoding, a column is missing, a rep is unknown or
            ambiguous, a period, measure or amount cannot be read, or a rep has two quotas of one measure for one period.
    """
    by = periods or QuotaPeriods()
    ids = rep_ids(reps)
    lines: dict[object, int] = {}
    rows: list[dict[str, object]] = []
    for record in read_records(path, SHAPE):
        row = _row(record, ids, currency, by.fiscal)
        rows.append(row)
        key = (row["rep_id"], row["measure"], row["start_date"], row["end_date"])
        what = f"quota for {row['rep_id']} in {record.cell('month').value.replace('/', '-')}"
        check_once(record, "rep_email_or_id", key, what, lines)
    months = quota_months(pl.DataFrame(rows, schema=PERIOD_QUOTA_SCHEMA), by.weights)
    return conformed("quotas", months, SCHEMAS["quotas"])


def _row(
    record: Record, ids: Mapping[str, list[str]], currency: str, fiscal: FiscalCalendar
) -> dict[str, object]:
    start, end = _period(record.cell("month"), fiscal)
    measure = word_of(record.cell("measure"), MEASURES) or "revenue"
    amount = record.cell("quota_amount")
    days = (end - start).days + 1 if measure == "revenue_velocity" else 1
    return {
        "rep_id": rep_of(record.cell("rep_email_or_id"), ids),
        "measure": measure,
        "start_date": start,
        "end_date": end,
        "quota_amount": _deals(amount) if measure == "won_deals" else _money(amount, days),
        "currency": _currency(record.cell("currency"), currency),
        "source": SOURCE,
    }


def _period(cell: Cell, fiscal: FiscalCalendar) -> tuple[date, date]:
    month = MONTH.fullmatch(cell.value)
    if month and int(month[1]) and 1 <= int(month[2]) <= 12:
        start = date(int(month[1]), int(month[2]), 1)
        return start, month_end(start)
    named = FISCAL.fullmatch(cell.value)
    if not named or not 1900 <= int(named["year"]) <= 2200:
        raise cell.refuse("not a month", "write it as 2026-11, a quarter as 2026-Q3, a year as FY2026")
    period = fiscal.period(int(named["year"]), *_quarters(named))
    if period is None:
        raise cell.refuse("not a period of the fiscal calendar known", "write its months one by one")
    return period


def _quarters(named: re.Match[str]) -> tuple[int, int]:
    """First and last quarter of what is named."""
    if named["quarter"]:
        return int(named["quarter"]), int(named["quarter"])
    half = named["half"] or named["kanji"]
    return (2 * HALVES[half] - 1, 2 * HALVES[half]) if half else (1, 4)


def _money(cell: Cell, days: int) -> Decimal:
    match = AMOUNT.fullmatch(cell.value.replace(",", "").replace(" ", ""))
    if not match:
        raise cell.refuse("not an amount of zero or more", "write it as 1000000")
    # Compared before it is multiplied: a number of 400 digits is no decimal.
    if float(match[1]) * MULTIPLES[match[2] or ""] * days > LARGEST_MONEY:
        raise cell.refuse("too large an amount", "check its digits")
    amount = Decimal(match[1]) * MULTIPLES[match[2] or ""] * days
    return amount.quantize(Decimal("0.0001"))


def _deals(cell: Cell) -> Decimal:
    match = DEALS.fullmatch(cell.value.replace(",", "").replace(" ", ""))
    if not match:
        raise cell.refuse("not a number of deals", "write a whole number such as 10")
    if len(match[1]) > len(str(LARGEST_DEALS)):
        raise cell.refuse("too many deals", "check its digits")
    return Decimal(match[1])


def _currency(cell: Cell, default: str) -> str:
    if cell.value and not re.fullmatch(r"[A-Za-z]{3}", cell.value):
        raise cell.refuse("not a currency", "use an ISO code such as JPY, or leave it empty")
    return cell.value.upper() or default
