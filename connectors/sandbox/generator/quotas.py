"""Periods and quotas: what the organisation expects of each rep, set half a fiscal year at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from connectors.sandbox.generator.days import (
    WorkCalendar,
    dates,
    day_number,
    money,
    month_starts,
    months_of,
    timestamps,
)
from connectors.sandbox.generator.draws import FloatArray, IntArray, integers
from connectors.sandbox.generator.hazards import MAXIMUM_AGE_DAYS, calendar_factor, hazard_tables, rep_factors
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import monthly_intake, seller_first_days, seller_last_days
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import (
    ADMINISTRATOR,
    FIRST_SELLER,
    audit,
    booleans,
    constant,
    join,
    numerals,
    table,
    user_ids,
)

BUSINESS_DAY_SHARE = 0.665
QUOTA_FREE_MONTHS = 2
CALENDAR_EXPONENT = 0.55
MIXTURE = 0.85
"""What differing deals bring, against what the typical deal would (measured on an organisation of 150 reps)."""


def expected_win_days(spec: OrganizationSpec) -> FloatArray:
    """P(won on day t after creation) of a typical deal, t = 0 … 400, with the calendar evened out."""
    tables = hazard_tables(spec)
    pull = np.exp(_mean_log_factor(spec)) * rep_factors(spec)[: spec.reps].mean(axis=0)[:, None]
    forward, skip = tables.forward * pull, tables.skip * pull
    hazard = np.stack([forward, skip, tables.back, tables.lost]) * BUSINESS_DAY_SHARE
    total = hazard.sum(axis=0)
    leaves = -np.expm1(-total) / np.maximum(total, 1e-12) * hazard
    stays = np.exp(-total)
    inside = np.zeros_like(total)
    inside[0, 0] = 1.0
    won = np.zeros(MAXIMUM_AGE_DAYS + 1)
    for day in range(1, MAXIMUM_AGE_DAYS + 1):
        out = (leaves * inside).sum(axis=2)
        won[day] = out[0, -1]
        moved = inside * stays
        inside[:, 1:] = moved[:, :-1]
        inside[:, 0] = 0.0
        inside[1:, 0] += out[0, :-1]
        inside[2:, 0] += out[1, :-2]
        inside[:-1, 0] += out[2, 1:]
    return won


def _mean_log_factor(spec: OrganizationSpec) -> float:
    segments = sum(segment.share * segment.effect for segment in spec.segments)
    shares = np.array(spec.words_shares) / sum(spec.words_shares)
    return float(segments + shares @ np.array(spec.words_effect))


def mean_price(spec: OrganizationSpec) -> float:
    """Mean of the base amounts."""
    shares = sum(segment.share for segment in spec.segments)
    means = [s.share * s.median_price * np.exp(s.price_spread**2 / 2) for s in spec.segments]
    return float(sum(means) / shares)


def expected_bookings(spec: OrganizationSpec, months: IntArray) -> FloatArray:
    """What a typical rep is expected to win in each month (months since 1970-01), in money."""
    first = day_number(spec.first_date)
    last = int(month_starts(months[-1:] + 1)[0])
    days = np.arange(first, last)
    intake = monthly_intake(spec, months_of(days)) / 30.44 * (1 - spec.neglected_share)
    wins = np.convolve(intake, expected_win_days(spec))[: len(days)]
    factor = calendar_factor(spec, months_of(days), spec.win_factor_by_month_of_quarter)
    # Winning faster at quarter ends empties the pipeline: part of the factor is undone by the months after.
    by_month = wins * mean_price(spec) * factor**CALENDAR_EXPONENT * MIXTURE
    total = np.bincount(months_of(days) - int(months[0]), weights=by_month, minlength=len(months))
    return np.asarray(total, dtype=np.float64)


def _quota_months(spec: OrganizationSpec) -> IntArray:
    """Months with quotas: from the third of history, when a new pipeline can first bear some, to the end of the half-year
    set by now."""
    start = int(months_of(np.array([day_number(spec.first_date)]))[0])
    today = int(months_of(np.array([day_number(spec.local_today)]))[0])
    since = (today - (spec.fiscal_year_start_month - 1)) % 6
    return np.arange(start, max(today - since + 6, start + QUOTA_FREE_MONTHS + 1))


def quotas_table(spec: OrganizationSpec, calendar: WorkCalendar, now: int) -> pa.Table:
    """One row per seller and month; a half-year's quotas are entered five days before it begins."""
    months = _quota_months(spec)
    expected = expected_bookings(spec, months) / spec.quota_attainment
    month, seller = (
        each.ravel() for each in np.meshgrid(np.arange(len(months)), np.arange(spec.sellers), indexing="ij")
    )
    start = month_starts(months)[month]
    half = month_starts(months - (months - (spec.fiscal_year_start_month - 1)) % 6)[month]
    set_on = np.maximum(np.maximum(half, seller_first_days(spec)[seller]) - 5, day_number(spec.first_date))
    created = calendar.instants(set_on, 10 * 3600)
    size = 0.9 + 0.05 * integers(spec.seed, "quota/size", 5, seller)
    ramp = np.where(start < seller_first_days(spec)[seller] + 75, 0.4, 1.0)
    ramp = np.where(seller_first_days(spec)[seller] == day_number(spec.first_date), 1.0, ramp)
    step = spec.amount_step * 10
    amount = np.maximum(np.round(expected[month] * size * ramp / step), 1).astype(np.int64) * step
    works = (month_starts(months + 1)[month] > seller_first_days(spec)[seller]) & (
        start <= seller_last_days(spec)[seller]
    )
    keep = works & (month >= QUOTA_FREE_MONTHS) & (created <= now) & (seller >= spec.quotas_missing_reps)
    rows = np.flatnonzero(keep)
    return _quota_rows(spec, months[month[rows]], seller[rows], start[rows], amount[rows], created[rows])


def _quota_rows(
    spec: OrganizationSpec,
    months: IntArray,
    seller: IntArray,
    start: IntArray,
    amount: IntArray,
    created: IntArray,
) -> pa.Table:
    count = len(seller)
    return table(
        {
            "Id": record_ids("ForecastingQuota", months * 4096 + seller),
            "IsDeleted": booleans(np.zeros(count, dtype=bool)),
            "QuotaAmount": money(amount),
            "QuotaOwnerId": user_ids(seller + FIRST_SELLER),
            "StartDate": dates(start),
            "PeriodId": record_ids("Period", months * 8),
            "IsAmount": booleans(np.ones(count, dtype=bool)),
            "IsQuantity": booleans(np.zeros(count, dtype=bool)),
            **audit(created, np.full(count, ADMINISTRATOR)),
        }
    )


def periods_table(spec: OrganizationSpec, calendar: WorkCalendar) -> pa.Table:
    """Months, quarters and years of the fiscal years of history and the one after now."""
    first, last = fiscal_year_start(spec, spec.first_date), fiscal_year_start(spec, spec.local_today)
    begin, end = first.year * 12 + first.month - 1 - 1970 * 12, (last.year - 1970) * 12 + last.month - 1 + 24
    parts = []
    for kind, length, code in (("Month", 1, 0), ("Quarter", 3, 1), ("Year", 12, 2)):
        parts.append(_period_rows(spec, calendar, np.arange(begin, end, length), kind, length, code))
    return pa.concat_tables(parts)


def _period_rows(
    spec: OrganizationSpec, calendar: WorkCalendar, months: IntArray, kind: str, length: int, code: int
) -> pa.Table:
    shifted = months - (spec.fiscal_year_start_month - 1)
    number = shifted % 12 // length + 1
    count = len(months)
    year = numerals(shifted // 12 + 1970)
    return table(
        {
            "Id": record_ids("Period", months * 8 + code),
            "OrganizationId": record_ids("Organization", np.ones(count, dtype=np.int64)),
            "Type": constant(kind, count),
            "StartDate": dates(month_starts(months)),
            "EndDate": dates(month_starts(months + length) - 1),
            "SystemModstamp": timestamps(calendar.instants(np.full(count, calendar.first), 3600)),
            "IsForecastPeriod": booleans(np.full(count, kind == "Month")),
            "Number": pa.array(number),
            "FullyQualifiedLabel": join("FY", year, f" {kind} ", numerals(number)),
        }
    )


def fiscal_year_start(spec: OrganizationSpec, day: date) -> date:
    """First day of the fiscal year a day is in."""
    year = day.year if day.month >= spec.fiscal_year_start_month else day.year - 1
    return date(year, spec.fiscal_year_start_month, 1)
