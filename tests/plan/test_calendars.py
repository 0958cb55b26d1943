"""Business days of country, company and rep; weeks of a month."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.calendars import (
    BusinessCalendar,
    CalendarError,
    month_end,
    week_start,
    weeks_of_month,
)

JAPAN = BusinessCalendar()


def test_japanese_holidays_are_no_business_days() -> None:
    november = JAPAN.business_days(date(2026, 11, 1), date(2026, 11, 30))
    assert date(2026, 11, 3) not in november
    assert date(2026, 11, 23) not in november
    assert len(november) == 19


def test_another_country_has_its_own_holidays() -> None:
    assert BusinessCalendar("US").is_business_day(date(2026, 11, 3))
    assert not BusinessCalendar("US").is_business_day(date(2026, 11, 26))


def test_a_region_has_its_own_holidays() -> None:
    assert not BusinessCalendar("DE", "BY").is_business_day(date(2026, 1, 6))
    assert BusinessCalendar("DE", "BE").is_business_day(date(2026, 1, 6))


def test_company_days_and_absences_are_no_business_days() -> None:
    company = BusinessCalendar(company_days_off=frozenset({date(2026, 12, 30)}))
    days = company.business_days(date(2026, 12, 28), date(2026, 12, 31), absences={date(2026, 12, 29)})
    assert days == [date(2026, 12, 28), date(2026, 12, 31)]


def test_weekend_follows_the_country() -> None:
    assert BusinessCalendar("IL").is_business_day(date(2026, 11, 15))  # a Sunday
    assert not BusinessCalendar("IL").is_business_day(date(2026, 11, 13))  # a Friday


def test_next_business_day_passes_over_a_long_weekend() -> None:
    assert JAPAN.next_business_day(date(2026, 11, 20)) == date(2026, 11, 24)


def test_an_unknown_country_is_named() -> None:
    with pytest.raises(CalendarError, match=r"'ZZ'.*country_code"):
        BusinessCalendar("ZZ").is_business_day(date(2026, 11, 2))


def test_a_company_that_never_opens_ends_in_an_error() -> None:
    closed = frozenset(date(2026, 1, 1) + timedelta(days=offset) for offset in range(800))
    with pytest.raises(CalendarError, match="no business day"):
        BusinessCalendar(company_days_off=closed).next_business_day(date(2026, 1, 5))


def test_weeks_are_clipped_to_the_month() -> None:
    weeks = weeks_of_month(date(2026, 10, 15))
    assert [(week.start.day, week.end.day) for week in weeks] == [
        (1, 4),
        (5, 11),
        (12, 18),
        (19, 25),
        (26, 31),
    ]


@given(st.dates(date(2000, 1, 1), date(2080, 12, 31)))
def test_weeks_cover_each_day_of_the_month_once(day: date) -> None:
    weeks = weeks_of_month(day)
    days = [week.start + timedelta(days=n) for week in weeks for n in range((week.end - week.start).days + 1)]
    assert days == [day.replace(day=1) + timedelta(days=n) for n in range(month_end(day).day)]
    assert all(week_start(week.start) == week_start(week.end) for week in weeks)
