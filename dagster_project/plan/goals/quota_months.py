"""Quotas of quarters, half-years and years brought down to months that add up to them (method §5, Calendar).

The quota is the promise: what is won of a quarter does not move its months. Their weights are those known on the day
before the period begins, so that a month's quota stays the same from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import ONE_DAY, month_end, month_start
from dagster_project.plan.columns import MONEY, Columns
from dagster_project.plan.goals.seasonality import month_weights
from dagster_project.wording import WITHOUT_CENTS

QuotaSpread = Literal["seasonal", "even"]
# Money is held in ten-thousandths; months get whole yen, cents or deals, and the last one what is finer than that.
TEN_THOUSANDTHS = 10_000
CENT = 100
LARGEST_QUOTA = 90_000_000_000_000 * TEN_THOUSANDTHS
WEIGHT_UNITS = 10**9
MEAN_MONTH_DAYS = 365.25 / 12

_PERIOD_QUOTA: Columns = {
    "rep_id": pl.String,
    "measure": pl.String,
    "start_date": pl.Date,
    "end_date": pl.Date,
    "quota_amount": MONEY,
    "currency": pl.String,
    "source": pl.String,
}
PERIOD_QUOTA_SCHEMA = pl.Schema(_PERIOD_QUOTA)
_MONTH_QUOTA: Columns = {
    "rep_id": pl.String,
    "measure": pl.String,
    "month_start_date": pl.Date,
    "quota_amount": MONEY,
    "currency": pl.String,
    "source": pl.String,
}
MONTH_QUOTA_SCHEMA = pl.Schema(_MONTH_QUOTA)
MONTH_KEY = ("rep_id", "measure", "month_start_date")


@dataclass(frozen=True)
class MonthWeights:
    """What the months of a period are weighed with.

    Attributes:
        spread: by the own seasonality, or evenly.
        won: month_start_date, won_amount and won_deals of each month in which something was won.
        known_to: what was won up to this day is known; a month that is not over by then is not used.
        business_days: days worked, for periods that are not whole months.
    """

    spread: QuotaSpread = "seasonal"
    won: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"month_start_date": pl.Date, "won_amount": pl.Float64, "won_deals": pl.Float64}
        )
    )
    known_to: date = date.min
    business_days: frozenset[date] = frozenset()

    @cached_property
    def _by_month(self) -> Mapping[str, Mapping[int, float]]:
        """Won by number of the month, per column; of months that are over."""
        over = self.won.filter(pl.col("month_start_date").dt.month_end() <= self.known_to)
        numbers = [month_number(month) for month in over["month_start_date"]]
        return {
            name: dict(zip(numbers, over[name].cast(pl.Float64).fill_nan(None).fill_null(0.0), strict=True))
            for name in ("won_amount", "won_deals")
        }

    def of_period(self, start: date, end: date, measure: str) -> dict[date, float]:
        """Weight of each month that the period touches, by its first day.

        Whole months are weighed by the season, parts of months (a fiscal calendar of weeks) by their business days.
        """
        months = months_touched(start, end)
        if start != month_start(start) or end != month_end(end):
            return {month: self._days(max(start, month), min(end, month_end(month))) for month in months}
        if self.spread == "even":
            return dict.fromkeys(months, 1.0)
        known, between = self._history(month_number(start), measure)
        return dict(zip(months, month_weights(known, len(months), between).tolist(), strict=True))

    def _days(self, first: date, last: date) -> float:
        worked = sum(first <= day <= last for day in self.business_days)
        # A month of holidays alone is a small part of its period, not none: some period may hold nothing else.
        return worked or ((last - first).days + 1) / WEIGHT_UNITS

    def _history(self, first_month: int, measure: str) -> tuple[NDArray[np.float64], int]:
        """Won in each month from the first with wins to the last known before the period, and months in between."""
        won = self._by_month["won_deals" if measure == "won_deals" else "won_amount"]
        last_over = month_number(self.known_to + ONE_DAY) - 1 if self.known_to < date.max else first_month
        last = min(first_month - 1, last_over)
        earlier = [month for month in won if month <= last]
        months = range(min(earlier), last + 1) if earlier else range(0)
        return np.array([won.get(month, 0.0) for month in months]), first_month - 1 - last


def month_number(day: date) -> int:
    """Months since the year 0."""
    return day.year * 12 + day.month - 1


def months_touched(start: date, end: date) -> list[date]:
    """First days of the months from ``start`` to ``end``, both included."""
    numbers = range(month_number(start), month_number(end) + 1)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def quota_months(quotas: pl.DataFrame, weights: MonthWeights) -> pl.DataFrame:
    """One row per rep, measure and month, as ``MONTH_QUOTA_SCHEMA``.

    A month's own quota goes before a share of a longer period's; periods of one length that share a month add up in
    it, in the currency of the last of them. Of several rows of one period the last counts.

    Args:
        quotas: as ``PERIOD_QUOTA_SCHEMA``; both dates belong to the period.
    """
    kept = (
        quotas.filter(pl.col("start_date") <= pl.col("end_date"))
        .unique(["rep_id", "measure", "start_date", "end_date"], keep="last", maintain_order=True)
        .sort("rep_id", "measure", "start_date", "end_date", maintain_order=True)
    )
    periods = kept.select("start_date", "end_date", "measure").unique().iter_rows()
    shares = {period: weights.of_period(*period) for period in periods}
    rows = [row for quota in kept.iter_rows(named=True) for row in _month_rows(quota, shares)]
    parts = pl.DataFrame(rows, schema={**MONTH_QUOTA_SCHEMA, "quota_amount": pl.Int64, "months": pl.Int64})
    return (
        parts.filter(pl.col("months") == pl.col("months").min().over(MONTH_KEY))
        .filter(pl.col("currency").eq_missing(pl.col("currency").last().over(MONTH_KEY)))
        .group_by(MONTH_KEY, maintain_order=True)
        .agg(pl.col("quota_amount").sum(), pl.col("currency", "source").last())
        .with_columns(pl.col("quota_amount").map_elements(_decimal, return_dtype=MONEY))
        .select(pl.col(name).cast(kind) for name, kind in MONTH_QUOTA_SCHEMA.items())
        .sort(MONTH_KEY)
    )


def _month_rows(
    quota: Mapping[str, Any], shares: Mapping[tuple[date, date, str], Mapping[date, float]]
) -> list[dict[str, object]]:
    start, end, currency = quota["start_date"], quota["end_date"], quota["currency"]
    by_month = shares[start, end, quota["measure"]]
    amount = int(quota["quota_amount"] * TEN_THOUSANDTHS)
    is_whole = quota["measure"] == "won_deals" or currency in WITHOUT_CENTS
    unit = TEN_THOUSANDTHS if is_whole else CENT
    parts = split(amount, [round(weight * WEIGHT_UNITS) for weight in by_month.values()], unit)
    return [
        {
            "rep_id": quota["rep_id"],
            "measure": quota["measure"],
            "month_start_date": month,
            "quota_amount": part,
            "currency": currency,
            "source": quota["source"],
            "months": max(round(((end - start).days + 1) / MEAN_MONTH_DAYS), 1),
        }
        for month, part in zip(by_month, parts, strict=True)
    ]


def split(amount: int, weights: Sequence[int], unit: int = 1) -> list[int]:
    """Parts of an amount in proportion to weights, in multiples of ``unit``, by largest remainder, exact at any size.

    What is finer than the unit goes to the last part; equal remainders to the earliest. A negative amount is split as
    its opposite.
    """
    if amount < 0:
        return [-part for part in split(-amount, weights, unit)]
    units, rest = divmod(min(amount, LARGEST_QUOTA), unit)
    total = sum(weights)
    quotients = [divmod(units * weight, total) for weight in weights]
    left_over = units - sum(whole for whole, _ in quotients)
    by_remainder = sorted(range(len(weights)), key=lambda place: (-quotients[place][1], place))
    extra = set(by_remainder[:left_over])
    parts = [(whole + (place in extra)) * unit for place, (whole, _) in enumerate(quotients)]
    return [*parts[:-1], parts[-1] + rest]


def _decimal(ten_thousandths: int) -> Decimal:
    return Decimal(max(-LARGEST_QUOTA, min(ten_thousandths, LARGEST_QUOTA))).scaleb(-4)
