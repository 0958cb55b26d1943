"""The dates and choices of a run, handed to dbt as small Parquet files (design decision 2).

dbt reads them as sources: changed ``--vars`` would force a full parse every night.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.calendars import BusinessCalendar
from dagster_project.errors import SettingsError

ROLLING_WINDOW_DAYS = (30, 90, 180, 365)
ALL_TIME = "all"

_PARAMETERS: dict[str, pa.DataType] = {
    "as_of_date": pa.date32(),
    "known_at": pa.timestamp("us", tz="UTC"),
    "time_zone": pa.string(),
    "minimum_at_risk": pa.int64(),
    "clock_stage_name": pa.string(),
    "country_code": pa.string(),
    "currency": pa.string(),
    "are_review_reasons_open": pa.bool_(),
    "quota_spread": pa.string(),
}
PARAMETERS_SCHEMA = pa.schema(_PARAMETERS)
_WINDOWS: dict[str, pa.DataType] = {
    "window_name": pa.string(),
    "days": pa.int64(),
    "from_date": pa.date32(),
    "to_date": pa.date32(),
}
WINDOWS_SCHEMA = pa.schema(_WINDOWS)
_DAYS_OFF: dict[str, pa.DataType] = {
    "date_day": pa.date32(),
    "is_weekend": pa.bool_(),
    "public_holiday_name": pa.string(),
    "is_company_holiday": pa.bool_(),
}
DAYS_OFF_SCHEMA = pa.schema(_DAYS_OFF)
# No org is older than Salesforce itself; plans and windows reach no further than two years ahead.
FIRST_DAY_OFF_YEAR = 1999
YEARS_AHEAD = 2


@dataclass(frozen=True)
class RunParameters:
    """What every mart of one run is computed as of."""

    as_of_date: date
    known_at: datetime
    time_zone: str
    minimum_at_risk: int
    clock_stage_name: str | None
    country_code: str
    currency: str
    are_review_reasons_open: bool = False
    quota_spread: str = "seasonal"
    region: str | None = None


def last_complete_day(now: datetime, time_zone: str) -> date:
    """The last day that is over in the organisation's zone (design decision 9)."""
    return now.astimezone(ZoneInfo(time_zone)).date() - timedelta(days=1)


def parse_window(text: str) -> tuple[str, date, date]:
    """Read ``FROM..TO`` (both ISO dates; the half-open window (FROM, TO]).

    Raises:
        SettingsError: when it is not two dates in order.
    """
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", text)
    try:
        start, end = (date.fromisoformat(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        start = end = None
    if start is None or end is None or start >= end:
        raise SettingsError(
            f"window {text!r} is not FROM..TO",
            where="--window or GYAKUSAN_WINDOWS",
            remedy="write two ISO dates in order, for example 2026-03-31..2026-09-30",
        )
    return text, start, end


def windows_table(custom: tuple[str, ...]) -> pa.Table:
    """One row per window: the rolling ones, all time, and the asked from–to ones."""
    rolling = [(f"{days}d", days, None, None) for days in ROLLING_WINDOW_DAYS]
    asked = [(name, None, start, end) for name, start, end in map(parse_window, custom)]
    rows = [*rolling, (ALL_TIME, None, None, None), *asked]
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, WINDOWS_SCHEMA, strict=True)],
        schema=WINDOWS_SCHEMA,
    )


def parameters_table(parameters: RunParameters) -> pa.Table:
    """One row: the parameters."""
    row = {name: getattr(parameters, name) for name in PARAMETERS_SCHEMA.names}
    row["known_at"] = parameters.known_at.astimezone(UTC)
    return pa.Table.from_pylist([row], schema=PARAMETERS_SCHEMA)


def days_off_table(
    country_code: str,
    company_holidays: Collection[date],
    as_of_date: date,
    first_year: int = FIRST_DAY_OFF_YEAR,
    region: str | None = None,
) -> pa.Table:
    """One row per date on which the country or the company does not work, from ``first_year`` to two years ahead.

    Raises:
        CalendarError: the country is unknown.
    """
    calendar = BusinessCalendar(country_code, region, frozenset(company_holidays))
    first, end = date(first_year, 1, 1), date(as_of_date.year + YEARS_AHEAD + 1, 1, 1)
    days = (first + timedelta(days=offset) for offset in range((end - first).days))
    rows = [
        {
            "date_day": day,
            "is_weekend": calendar.is_weekend(day),
            "public_holiday_name": calendar.public_holiday_name(day),
            "is_company_holiday": day in calendar.company_days_off,
        }
        for day in days
        if not calendar.is_business_day(day)
    ]
    return pa.Table.from_pylist(rows, schema=DAYS_OFF_SCHEMA)


def write_run_files(
    folder: Path,
    parameters: RunParameters,
    custom_windows: tuple[str, ...],
    company_holidays: Collection[date] = (),
) -> None:
    """Put the three files in place whole; dbt never sees half of one.

    Raises:
        CalendarError: no public holidays are known for the country.
        SettingsError: a window is not two dates in order.
    """
    days_off = days_off_table(
        parameters.country_code, company_holidays, parameters.as_of_date, region=parameters.region
    )
    for name, table in (
        ("parameters", parameters_table(parameters)),
        ("windows", windows_table(custom_windows)),
        ("days_off", days_off),
    ):
        write_whole(folder, name, table)


def write_whole(folder: Path, name: str, table: pa.Table) -> None:
    """Put one file of a run in place; dbt never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.parquet.tmp"
    pq.write_table(table, aside)
    aside.replace(folder / f"{name}.parquet")
