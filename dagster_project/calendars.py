"""Business days of a country, a company and a rep; weeks of a month (method §5, Calendar)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from dagster_project.errors import GyakusanError

if TYPE_CHECKING:
    from holidays import HolidayBase

ONE_DAY = timedelta(days=1)
# No country closes for longer; reaching it means that the company's days off leave no day at all.
LONGEST_CLOSURE_DAYS = 366


class CalendarError(GyakusanError):
    """The country has no known holidays, or a calendar never opens."""

    exit_code = 2


@dataclass(frozen=True)
class Week:
    """One Monday-based week, clipped to its month; both ends belong to it."""

    start: date
    end: date


@dataclass(frozen=True)
class BusinessCalendar:
    """When people of one country and company work.

    Attributes:
        country: ISO 3166 code, as the ``holidays`` package knows it.
        subdivision: state or region of it, where holidays differ.
        company_days_off: days on which this company alone is closed.
    """

    country: str = "JP"
    subdivision: str | None = None
    company_days_off: frozenset[date] = frozenset()

    def is_business_day(self, day: date, absences: Collection[date] = ()) -> bool:
        """Neither weekend nor public holiday nor company day off nor absence.

        Raises:
            CalendarError: the country or subdivision is unknown.
        """
        if day in self.company_days_off or day in absences:
            return False
        known = _public_holidays(self.country, self.subdivision)
        return day.weekday() not in known.weekend and day not in known

    def elsewhere(self, country: str | None, subdivision: str | None) -> BusinessCalendar:
        """The calendar of a colleague in another country or region; the same company is closed on the same days.

        Args:
            country: null: the same country.
            subdivision: null: the same region in the same country, else that of nobody in particular.
        """
        if country in (None, self.country):
            return replace(self, subdivision=subdivision or self.subdivision)
        return BusinessCalendar(str(country), subdivision, self.company_days_off)

    def is_first_of_week(self, day: date) -> bool:
        """A business day with none before it in its week, Monday to Sunday.

        Raises:
            CalendarError: the country or subdivision is unknown.
        """
        return self.is_business_day(day) and not self.business_days(week_start(day), day - ONE_DAY)

    def is_weekend(self, day: date) -> bool:
        """A day of the country's weekend, which is not Saturday and Sunday everywhere.

        Raises:
            CalendarError: the country or subdivision is unknown.
        """
        return day.weekday() in _public_holidays(self.country, self.subdivision).weekend

    def public_holiday_name(self, day: date) -> str | None:
        """The public holiday's name in the country's language; null where the day is none.

        Raises:
            CalendarError: the country or subdivision is unknown.
        """
        return _public_holidays(self.country, self.subdivision).get(day)

    def business_days(self, start: date, end: date, absences: Collection[date] = ()) -> list[date]:
        """Business days from ``start`` to ``end``, both included, in order; empty where start is after end."""
        days = (start + timedelta(days=offset) for offset in range((end - start).days + 1))
        return [day for day in days if self.is_business_day(day, absences)]

    def closed_weekdays(self, start: date, end: date) -> list[date]:
        """Weekdays from ``start`` to ``end`` on which nobody works, in order."""
        days = (start + timedelta(days=offset) for offset in range((end - start).days + 1))
        return [day for day in days if day.weekday() < 5 and not self.is_business_day(day)]

    def next_business_day(self, after: date) -> date:
        """The first business day later than ``after``.

        Raises:
            CalendarError: there is none within a year.
        """
        for offset in range(1, LONGEST_CLOSURE_DAYS + 1):
            day = after + timedelta(days=offset)
            if self.is_business_day(day):
                return day
        raise CalendarError(
            f"no business day within a year after {after}",
            where=f"calendar of {self.country}",
            remedy="shorten the list of company days off",
        )


@cache
def _public_holidays(country: str, subdivision: str | None) -> HolidayBase:
    import holidays

    try:
        known = holidays.country_holidays(country, subdiv=subdivision)
        # Names in the country's own language, whatever the locale of this machine.
        return holidays.country_holidays(country, subdiv=subdivision, language=known.default_language)
    except NotImplementedError as error:
        place = country if subdivision is None else f"{country}-{subdivision}"
        raise CalendarError(
            f"no public holidays known for {place!r}",
            where="setting country_code" if subdivision is None else "settings country_code and region",
            remedy=_known_places(country, subdivision),
        ) from error


def _known_places(country: str, subdivision: str | None) -> str:
    """What can be written instead; the regions where the country itself is known."""
    import holidays

    regions = holidays.list_supported_countries().get(country, [])
    if subdivision is None or country not in holidays.list_supported_countries():
        return "use an ISO 3166 code such as JP, US or DE"
    if not regions:
        return f"leave the region empty: {country} has the same holidays everywhere"
    close = get_close_matches(subdivision, regions, n=1, cutoff=0.4)
    return f"use an ISO 3166-2 code of {country}" + (
        f" such as {close[0]}" if close else f": {', '.join(regions)}"
    )


def month_start(day: date) -> date:
    """First day of the month of ``day``."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """Last day of the month of ``day``."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY


def week_start(day: date) -> date:
    """Monday of the week of ``day``."""
    return day - timedelta(days=day.weekday())


def weeks_of_month(day: date) -> list[Week]:
    """Weeks of the month of ``day``: Monday to Sunday, the first and last clipped to the month."""
    first, last = month_start(day), month_end(day)
    mondays = [week_start(first) + timedelta(weeks=number) for number in range(6)]
    return [
        Week(max(monday, first), min(monday + timedelta(days=6), last))
        for monday in mondays
        if monday <= last
    ]
