"""Quotas of longer periods come down to months that add up, by the own seasonality or evenly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.calendars import BusinessCalendar, month_end
from dagster_project.plan.goals.quota_months import (
    PERIOD_QUOTA_SCHEMA,
    MonthWeights,
    month_number,
    months_touched,
    quota_months,
    split,
)
from dagster_project.plan.goals.seasonality import month_weights, seasonal_shares

EVENLY = MonthWeights("even")
# Twice as much is won in March, and in every third month a half more: a season, and months of the quarter.
SEASON = np.array([1.0, 1.0, 2.0] + [1.0, 1.0, 1.5] * 3)


def quota(start: date, end: date, amount: object, **others: object) -> dict[str, Any]:
    given = {"rep_id": "A", "measure": "revenue", "currency": "JPY", "source": "csv", **others}
    return {**given, "start_date": start, "end_date": end, "quota_amount": Decimal(str(amount))}


def months(weights: MonthWeights, *quotas: dict[str, Any]) -> list[tuple[int, Decimal]]:
    table = quota_months(pl.DataFrame(list(quotas), schema=PERIOD_QUOTA_SCHEMA), weights)
    return [(month.month, amount) for month, amount in table["month_start_date", "quota_amount"].iter_rows()]


def won_months(first: date, amounts: list[float]) -> pl.DataFrame:
    starts = months_touched(first, first + timedelta(days=31 * len(amounts)))[: len(amounts)]
    return pl.DataFrame(
        {"month_start_date": starts, "won_amount": amounts, "won_deals": [1.0] * len(amounts)},
        schema={"month_start_date": pl.Date, "won_amount": pl.Float64, "won_deals": pl.Float64},
    )


def test_a_quarter_evenly_gives_the_odd_yen_to_the_first_months() -> None:
    found = months(EVENLY, quota(date(2026, 10, 1), date(2026, 12, 31), 1_000_000))
    assert found == [(10, Decimal(333_334)), (11, Decimal(333_333)), (12, Decimal(333_333))]


def test_cents_where_a_currency_has_them_and_whole_deals() -> None:
    quarter = date(2026, 10, 1), date(2026, 12, 31)
    dollars = months(EVENLY, quota(*quarter, "100.00", currency="USD"))
    assert [amount for _, amount in dollars] == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    deals = months(EVENLY, quota(*quarter, 10, measure="won_deals"))
    assert [amount for _, amount in deals] == [4, 3, 3]


def test_two_years_alike_are_followed_to_the_full() -> None:
    weights = MonthWeights("seasonal", won_months(date(2024, 1, 1), [*SEASON, *SEASON]), date(2025, 12, 31))
    found = months(weights, quota(date(2026, 1, 1), date(2026, 3, 31), 4_000_000))
    assert found == [(1, Decimal(1_000_000)), (2, Decimal(1_000_000)), (3, Decimal(2_000_000))]


def test_one_year_tells_the_months_of_the_quarter_only() -> None:
    weights = MonthWeights("seasonal", won_months(date(2025, 1, 1), [1.0, 1.0, 2.0] * 4), date(2025, 12, 31))
    found = months(weights, quota(date(2026, 1, 1), date(2026, 6, 30), 8_000_000))
    assert [int(amount) for _, amount in found] == [1_000_000, 1_000_000, 2_000_000] * 2


def test_less_than_a_year_is_spread_evenly() -> None:
    weights = MonthWeights(
        "seasonal", won_months(date(2025, 2, 1), [1.0, 1.0, 9.0] * 3 + [1.0, 1.0]), date(2025, 12, 31)
    )
    assert months(weights, quota(date(2026, 1, 1), date(2026, 3, 31), 300)) == [(1, 100), (2, 100), (3, 100)]


def test_a_season_that_may_be_chance_is_left_out() -> None:
    years = np.random.default_rng(7).lognormal(0.0, 0.6, 36)
    shares = seasonal_shares(years, 12)
    raw = years.reshape(3, 12) / years.reshape(3, 12).sum(axis=1, keepdims=True)
    assert np.abs(shares - 1 / 12).sum() < 0.5 * np.abs(raw.mean(axis=0) - 1 / 12).sum()


def test_shrinking_predicts_the_next_year_better_than_raw_shares_and_than_even_ones() -> None:
    random = np.random.default_rng(11)
    errors = np.zeros(3)
    for _ in range(200):
        season = random.lognormal(0.0, 0.2, 12)
        years = season * random.lognormal(0.0, 0.35, (3, 12))
        truth = season / season.sum()
        raw = (years / years.sum(axis=1, keepdims=True)).mean(axis=0)
        found = (seasonal_shares(years.ravel(), 12), raw, np.full(12, 1 / 12))
        errors += [((shares - truth) ** 2).sum() for shares in found]
    assert errors[0] < errors[1]
    assert errors[0] < errors[2]


def test_the_season_is_that_of_the_months_named_however_late_it_is_known() -> None:
    """A quota of next January to March, three months after the last known one."""
    shares = month_weights(np.roll(np.tile(SEASON, 3), 3)[:33], 3, months_between=0)
    later = month_weights(np.tile(SEASON, 3)[:33], 3, months_between=3)
    assert later == pytest.approx([0.25, 0.25, 0.5])
    assert shares != pytest.approx(later)


def test_a_running_month_is_no_history_and_later_wins_do_not_move_a_quota() -> None:
    past = won_months(date(2024, 1, 1), [*SEASON, *SEASON])
    with_more = won_months(date(2024, 1, 1), [*SEASON, *SEASON, 900.0, 1.0])
    quarter = quota(date(2026, 1, 1), date(2026, 3, 31), 4_000_000)
    assert months(MonthWeights("seasonal", with_more, date(2026, 2, 10)), quarter) == months(
        MonthWeights("seasonal", past, date(2025, 12, 31)), quarter
    )


def test_a_months_own_quota_goes_before_a_share_of_the_quarter() -> None:
    quarter = quota(date(2026, 7, 1), date(2026, 9, 30), 3000)
    august = quota(date(2026, 8, 1), date(2026, 8, 31), 1500)
    assert months(EVENLY, august, quarter) == [(7, 1000), (8, 1500), (9, 1000)]


def test_of_two_quotas_of_one_period_the_last_counts() -> None:
    november = date(2026, 11, 1), date(2026, 11, 30)
    assert months(EVENLY, quota(*november, 1), quota(*november, 2)) == [(11, 2)]


def test_quarters_of_weeks_are_spread_by_business_days_and_add_up_in_the_month_they_share() -> None:
    """Thirteen weeks from 1 February 2026, and thirteen more: May belongs to both, 1 day to the first."""
    days = frozenset(BusinessCalendar("GB").business_days(date(2026, 1, 1), date(2026, 12, 31)))
    first = quota(date(2026, 2, 1), date(2026, 5, 2), 6400)
    second = quota(date(2026, 5, 3), date(2026, 8, 1), 6300)
    weights = MonthWeights("even", business_days=days)
    alone, both = dict(months(weights, first)), dict(months(weights, first, second))
    assert alone == {2: 2000, 3: 2200, 4: 2100, 5: 100}
    assert sum(both.values()) == 12700
    assert both[5] == alone[5] + dict(months(weights, second))[5]


def test_a_period_without_a_business_day_still_gets_its_quota() -> None:
    found = months(MonthWeights("even"), quota(date(2026, 12, 30), date(2027, 1, 2), 400))
    assert found == [(12, 200), (1, 200)]


amounts = st.decimals(min_value=-(10**13), max_value=9 * 10**13, places=4)
histories = st.lists(st.floats(0, 1e12) | st.just(float("nan")), max_size=50)


@given(
    amounts,
    st.sampled_from(["JPY", "USD", "KRW", None]),
    st.sampled_from(["revenue", "won_deals", "revenue_velocity"]),
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.sampled_from([1, 3, 6, 12]) | st.integers(1, 400).map(lambda days: -days),
    st.sampled_from(["seasonal", "even"]),
    histories,
)
def test_months_add_up_to_the_quota(
    amount: Decimal,
    currency: str | None,
    measure: str,
    day: date,
    length: int,
    spread: Any,
    history: list[float],
) -> None:
    """Whatever the weights, period, currency and fiscal start; negative lengths are days."""
    start = day.replace(day=1) if length > 0 else day
    end = start + timedelta(days=-length - 1)
    if length > 0:
        last = month_number(start) + length - 1
        end = month_end(date(last // 12, last % 12 + 1, 1))
    weights = MonthWeights(spread, won_months(date(2019, 1, 1), history), date(2023, 6, 30))
    row = quota(start, end, amount, currency=currency, measure=measure)
    found = months(weights, row)
    assert sum(part for _, part in found) == amount
    assert len(found) == month_number(end) - month_number(start) + 1
    assert all(part >= 0 if amount >= 0 else part <= 0 for _, part in found)
    unit = Decimal(1) if measure == "won_deals" or currency in ("JPY", "KRW") else Decimal("0.01")
    assert all(part % unit == 0 for _, part in found[:-1])


@given(
    st.integers(0, 10**17),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=12),
    st.sampled_from([1, 100]),
)
def test_a_split_is_within_one_unit_of_its_share(amount: int, weights: list[int], unit: int) -> None:
    total = sum(weights)
    if not total:
        return
    parts = split(amount, weights, unit)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) <= 2 * unit * total
