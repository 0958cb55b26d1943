"""Calendar: days as whole numbers since 1970-01-01, business days, month ends, and local times as UTC instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.draws import BoolArray, IntArray
from connectors.sandbox.generator.spec import OrganizationSpec

EPOCH = date(1970, 1, 1)
LEAD_DAYS = 200
TAIL_DAYS = 460


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The inverse of `day_number`."""
    return EPOCH + timedelta(days=int(number))


def months_of(days: IntArray) -> IntArray:
    """Months since 1970-01 of each day."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_starts(months: IntArray) -> IntArray:
    """First day of each month (months since 1970-01)."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def month_ends(days: IntArray) -> IntArray:
    """Last day of the month of each day."""
    return month_starts(months_of(days) + 1) - 1


@dataclass(frozen=True)
class WorkCalendar:
    """Business days and zone offsets from `first` (a day number) on, one array element per day."""

    first: int
    business: BoolArray
    next_business: IntArray
    ordinal: IntArray
    business_days: IntArray
    offset_seconds: IntArray

    def on_or_after(self, days: IntArray) -> IntArray:
        """The next business day, the day itself included."""
        return self.next_business[self._index(days)]

    def shift(self, days: IntArray, count: npt.ArrayLike) -> IntArray:
        """The business day `count` business days after (or before) the next business day on or after each day."""
        position = self.ordinal[self._index(days)] + np.asarray(count, dtype=np.int64)
        return self.business_days[np.clip(position, 0, len(self.business_days) - 1)]

    def instants(self, days: IntArray, local_seconds: npt.ArrayLike) -> IntArray:
        """UTC seconds since 1970 of a local time of day."""
        return (
            days * 86400 + np.asarray(local_seconds, dtype=np.int64) - self.offset_seconds[self._index(days)]
        )

    def local_days(self, instants: IntArray) -> IntArray:
        """Local calendar day of UTC seconds."""
        offset = self.offset_seconds[self._index(instants // 86400)]
        return (instants + offset) // 86400

    def _index(self, days: IntArray) -> IntArray:
        return np.clip(days - self.first, 0, len(self.business) - 1)


@lru_cache(maxsize=16)
def _calendar(first: int, last: int, country: str, time_zone: str) -> WorkCalendar:
    days = np.arange(first, last + 1)
    years = range(day_of(first).year, day_of(last).year + 1)
    public = np.array(sorted(day_number(day) for day in holidays.country_holidays(country, years=years)))
    weekday = (days + 3) % 7
    business = (weekday < 5) & ~np.isin(days, public) & ~_new_year(days)
    business_days = days[business]
    position = np.minimum(np.searchsorted(business_days, days), len(business_days) - 1)
    zone = ZoneInfo(time_zone)
    offset = [_offset_seconds(day_of(int(day)), zone) for day in days]
    return WorkCalendar(first, business, business_days[position], position, business_days, np.array(offset))


def _new_year(days: IntArray) -> BoolArray:
    """29 December to 3 January: the usual company holidays."""
    month_day = np.array([day_of(int(day)).strftime("%m%d") for day in days])
    return np.isin(month_day, ["1229", "1230", "1231", "0101", "0102", "0103"])


def _offset_seconds(day: date, zone: ZoneInfo) -> int:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).astimezone(zone)
    offset = noon.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def work_calendar(spec: OrganizationSpec) -> WorkCalendar:
    """The organisation's calendar, with room before its history and after its clock."""
    first, last = day_number(spec.first_date) - LEAD_DAYS, day_number(spec.local_today) + TAIL_DAYS
    return _calendar(first, last, spec.country, spec.time_zone)


def timestamps(instants: IntArray, missing: BoolArray | None = None) -> Column:
    """UTC seconds as timestamp[us, UTC]; null where `missing`."""
    plain = pa.array(instants.astype("datetime64[s]").astype("datetime64[us]"), mask=missing)
    zoned: Column = plain.cast(pa.timestamp("us", tz="UTC"))
    return zoned


def dates(days: IntArray, missing: BoolArray | None = None) -> Column:
    """Day numbers as date32; null where `missing`."""
    return pa.array(days.astype(np.int32), type=pa.int32(), mask=missing).cast(pa.date32())


def money(amounts: IntArray, missing: BoolArray | None = None) -> Column:
    """Whole amounts as decimal128(18, 4); null where `missing`."""
    whole = pa.array(amounts.astype(np.int64), mask=missing)
    return whole.cast(pa.decimal128(23, 4)).cast(pa.decimal128(18, 4))
