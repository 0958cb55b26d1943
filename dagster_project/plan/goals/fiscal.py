"""The organisation's fiscal quarters and years (method §5, Calendar)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from dagster_project.calendars import ONE_DAY

CALENDAR_QUARTERS = {
    (2000, quarter): (
        date(2000, 3 * quarter - 2, 1),
        date(2000 + quarter // 4, 3 * quarter % 12 + 1, 1) - ONE_DAY,
    )
    for quarter in (1, 2, 3, 4)
}


@dataclass(frozen=True)
class FiscalCalendar:
    """Fiscal quarters by number of their fiscal year and their own; calendar quarters where none are known.

    Attributes:
        quarters: (fiscal year, quarter) → first and last day.
    """

    quarters: Mapping[tuple[int, int], tuple[date, date]] = field(default_factory=dict)

    @classmethod
    def of(cls, quarters: pl.DataFrame) -> FiscalCalendar:
        """From dim_calendar's fiscal_year_number, fiscal_quarter_number and the quarter's first and last day."""
        return cls({(year, quarter): (start, end) for year, quarter, start, end in quarters.iter_rows()})

    def period(self, year: int, first_quarter: int, last_quarter: int) -> tuple[date, date] | None:
        """First and last day of some quarters of a fiscal year; None where a calendar of weeks does not reach."""
        first, last = self._quarter(year, first_quarter), self._quarter(year, last_quarter)
        return (first[0], last[1]) if first and last else None

    def _quarter(self, year: int, quarter: int) -> tuple[date, date] | None:
        known = self.quarters or CALENDAR_QUARTERS
        if (year, quarter) in known:
            return known[year, quarter]
        # Quarters of whole months come back every year; those of weeks are known only where the org defines them.
        alike = [(other, days) for (other, number), days in known.items() if number == quarter]
        after = [(days[0], days[1] + ONE_DAY, year - other) for other, days in alike]
        for start, end, years in after[-1:]:
            if start.day == end.day == 1:
                return _later(start, years), _later(end, years) - ONE_DAY
        return None


def _later(first_of_month: date, years: int) -> date:
    return first_of_month.replace(year=first_of_month.year + years)
