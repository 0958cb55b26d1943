"""Date literals (TODAY, LAST_N_DAYS:7, THIS_QUARTER …) as half-open ranges of days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Range = tuple[date, date]
"""From the first day to the day after the last one."""


def add_months(day: date, months: int) -> date:
    """The first day of the month `months` after the month of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _days(today: date, first: int, after_last: int) -> Range:
    return today + timedelta(first), today + timedelta(after_last)


def _months(today: date, size: int, first: int, after_last: int, start_month: int = 1) -> Range:
    offset = (today.month - start_month) % 12 % size
    base = add_months(today, -offset)
    return add_months(base, first * size), add_months(base, after_last * size)


def _weeks(today: date, first: int, after_last: int) -> Range:
    # Salesforce's en_US week starts on Sunday.
    sunday = today - timedelta((today.weekday() + 1) % 7)
    return sunday + timedelta(7 * first), sunday + timedelta(7 * after_last)


PLAIN: Mapping[str, Callable[[date, int], Range]] = {
    "YESTERDAY": lambda today, fiscal: _days(today, -1, 0),
    "TODAY": lambda today, fiscal: _days(today, 0, 1),
    "TOMORROW": lambda today, fiscal: _days(today, 1, 2),
    "LAST_WEEK": lambda today, fiscal: _weeks(today, -1, 0),
    "THIS_WEEK": lambda today, fiscal: _weeks(today, 0, 1),
    "NEXT_WEEK": lambda today, fiscal: _weeks(today, 1, 2),
    "LAST_MONTH": lambda today, fiscal: _months(today, 1, -1, 0),
    "THIS_MONTH": lambda today, fiscal: _months(today, 1, 0, 1),
    "NEXT_MONTH": lambda today, fiscal: _months(today, 1, 1, 2),
    "LAST_90_DAYS": lambda today, fiscal: _days(today, -90, 1),
    "NEXT_90_DAYS": lambda today, fiscal: _days(today, 1, 91),
    "LAST_QUARTER": lambda today, fiscal: _months(today, 3, -1, 0),
    "THIS_QUARTER": lambda today, fiscal: _months(today, 3, 0, 1),
    "NEXT_QUARTER": lambda today, fiscal: _months(today, 3, 1, 2),
    "LAST_YEAR": lambda today, fiscal: _months(today, 12, -1, 0),
    "THIS_YEAR": lambda today, fiscal: _months(today, 12, 0, 1),
    "NEXT_YEAR": lambda today, fiscal: _months(today, 12, 1, 2),
    "LAST_FISCAL_QUARTER": lambda today, fiscal: _months(today, 3, -1, 0, fiscal),
    "THIS_FISCAL_QUARTER": lambda today, fiscal: _months(today, 3, 0, 1, fiscal),
    "NEXT_FISCAL_QUARTER": lambda today, fiscal: _months(today, 3, 1, 2, fiscal),
    "LAST_FISCAL_YEAR": lambda today, fiscal: _months(today, 12, -1, 0, fiscal),
    "THIS_FISCAL_YEAR": lambda today, fiscal: _months(today, 12, 0, 1, fiscal),
    "NEXT_FISCAL_YEAR": lambda today, fiscal: _months(today, 12, 1, 2, fiscal),
}
COUNTED: Mapping[str, Callable[[date, int, int], Range]] = {
    "LAST_N_DAYS": lambda today, n, fiscal: _days(today, -n, 1),
    "NEXT_N_DAYS": lambda today, n, fiscal: _days(today, 1, n + 1),
    "N_DAYS_AGO": lambda today, n, fiscal: _days(today, -n, -n + 1),
    "LAST_N_WEEKS": lambda today, n, fiscal: _weeks(today, -n, 0),
    "NEXT_N_WEEKS": lambda today, n, fiscal: _weeks(today, 1, n + 1),
    "N_WEEKS_AGO": lambda today, n, fiscal: _weeks(today, -n, -n + 1),
    "LAST_N_MONTHS": lambda today, n, fiscal: _months(today, 1, -n, 0),
    "NEXT_N_MONTHS": lambda today, n, fiscal: _months(today, 1, 1, n + 1),
    "N_MONTHS_AGO": lambda today, n, fiscal: _months(today, 1, -n, -n + 1),
    "LAST_N_QUARTERS": lambda today, n, fiscal: _months(today, 3, -n, 0),
    "NEXT_N_QUARTERS": lambda today, n, fiscal: _months(today, 3, 1, n + 1),
    "N_QUARTERS_AGO": lambda today, n, fiscal: _months(today, 3, -n, -n + 1),
    "LAST_N_YEARS": lambda today, n, fiscal: _months(today, 12, -n, 0),
    "NEXT_N_YEARS": lambda today, n, fiscal: _months(today, 12, 1, n + 1),
    "N_YEARS_AGO": lambda today, n, fiscal: _months(today, 12, -n, -n + 1),
    "LAST_N_FISCAL_QUARTERS": lambda today, n, fiscal: _months(today, 3, -n, 0, fiscal),
    "NEXT_N_FISCAL_QUARTERS": lambda today, n, fiscal: _months(today, 3, 1, n + 1, fiscal),
    "LAST_N_FISCAL_YEARS": lambda today, n, fiscal: _months(today, 12, -n, 0, fiscal),
    "NEXT_N_FISCAL_YEARS": lambda today, n, fiscal: _months(today, 12, 1, n + 1, fiscal),
}


def date_range(text: str, today: date, fiscal_start_month: int) -> Range | None:
    """The days a literal such as `LAST_N_DAYS:7` or `TODAY` covers; None when it is no date literal."""
    name, _, count = text.upper().partition(":")
    if count:
        counted = COUNTED.get(name)
        return counted(today, int(count), fiscal_start_month) if counted else None
    plain = PLAIN.get(name)
    return plain(today, fiscal_start_month) if plain else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a day starts in `zone`, as a naive UTC datetime (the form stored)."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
