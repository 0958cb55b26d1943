"""Which opportunities come in, when, to whom, from which account and at what price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.generator.days import WorkCalendar, day_number, months_of
from connectors.sandbox.generator.draws import (
    BoolArray,
    FloatArray,
    IntArray,
    categories,
    integers,
    normal,
    poisson,
    uniform,
)
from connectors.sandbox.generator.hazards import deal_log_factors, words_levels
from connectors.sandbox.generator.spec import ACTION_TYPES, OrganizationSpec

NEVER = 1 << 40
BUSINESS_DAYS_PER_MONTH = 20.3
ACCOUNTS_PER_SELLER_LIMIT = 100_000
KEY_EPOCH_DAY = 10_957


@dataclass(frozen=True)
class Deals:
    """One element per opportunity ever created up to the last intake day, in order of `key`."""

    key: IntArray
    created_day: IntArray
    created_second: IntArray
    seller: IntArray
    account: IntArray
    segment: IntArray
    deal_type: IntArray
    words_level: IntArray
    log_factor: FloatArray
    base_amount: IntArray
    delete_day: IntArray
    transfer_day: IntArray
    transfer_to: IntArray
    reopen_after_days: IntArray
    neglected: BoolArray

    def __len__(self) -> int:
        return len(self.key)


def seller_first_days(spec: OrganizationSpec) -> IntArray:
    """First working day of each seller (day numbers); late joiners come half-way through the history."""
    first = day_number(spec.first_date)
    days = np.full(spec.sellers, first, dtype=np.int64)
    late = min(spec.late_joiners, spec.reps - 1)
    days[spec.reps - late : spec.reps] = first + 281 + 13 * np.arange(late)
    return days


def seller_last_days(spec: OrganizationSpec) -> IntArray:
    """Last working day of each seller: former reps leave after eleven months, the others stay."""
    days = np.full(spec.sellers, NEVER, dtype=np.int64)
    days[spec.reps :] = day_number(spec.first_date) + 334 + 20 * np.arange(spec.former_reps)
    return days


def monthly_intake(spec: OrganizationSpec, months: IntArray) -> FloatArray:
    """Expected new opportunities per active rep in each month (months since 1970-01)."""
    since = months - int(months_of(np.array([day_number(spec.first_date)]))[0])
    return np.asarray(spec.opportunities_per_rep_month * (1 + spec.monthly_growth) ** since, dtype=np.float64)


def account_pool(spec: OrganizationSpec, days: IntArray) -> IntArray:
    """Number of accounts each seller has on a day."""
    months = np.maximum(days - day_number(spec.first_date), 0) / 30.44
    return spec.accounts_per_rep + np.floor(months * spec.new_accounts_per_rep_month).astype(np.int64)


def account_segments(spec: OrganizationSpec, accounts: IntArray) -> IntArray:
    """Segment index of each account."""
    return categories(spec.seed, "account/segment", [segment.share for segment in spec.segments], accounts)


def account_is_customer(spec: OrganizationSpec, accounts: IntArray) -> BoolArray:
    """Whether the account already was a customer when history begins."""
    return uniform(spec.seed, "account/customer", accounts) < spec.existing_customer_share


def _arrivals(
    spec: OrganizationSpec, calendar: WorkCalendar, last_day: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Day, seller and number within the day of each new opportunity, ordered by day and seller."""
    days = calendar.business_days
    days = days[(days >= day_number(spec.first_date)) & (days <= last_day)]
    means = monthly_intake(spec, months_of(days)) / BUSINESS_DAYS_PER_MONTH
    sellers = np.arange(spec.sellers)
    works = (days[:, None] >= seller_first_days(spec)) & (days[:, None] <= seller_last_days(spec))
    counts = poisson(spec.seed, "intake", means[:, None] * works, days[:, None], sellers[None, :]).ravel()
    counts = np.minimum(counts, 255)
    total = int(counts.sum())
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    cell = np.repeat(np.arange(len(counts)), counts)
    return days[cell // spec.sellers], cell % spec.sellers, within


def new_deals(spec: OrganizationSpec, calendar: WorkCalendar, last_day: int) -> Deals:
    """Every opportunity created from the first day of history to `last_day`."""
    day, seller, within = _arrivals(spec, calendar, last_day)
    key = ((day - KEY_EPOCH_DAY) * 4096 + seller) * 256 + within
    pool = account_pool(spec, day)
    account = seller * ACCOUNTS_PER_SELLER_LIMIT + integers(spec.seed, "deal/account", pool, key)
    segment = account_segments(spec, account)
    existing = account_is_customer(spec, account) & (uniform(spec.seed, "deal/existing", key) < 0.8)
    deal_type = np.where(existing, 1 + integers(spec.seed, "deal/type", 2, key), 0)
    level = words_levels(spec, key)
    transfer_day, transfer_to = _transfers(spec, calendar, key, day, seller)
    return Deals(
        key=key,
        created_day=day,
        created_second=9 * 3600 + integers(spec.seed, "deal/second", 9 * 3600, key),
        seller=seller,
        account=account,
        segment=segment,
        deal_type=deal_type,
        words_level=level,
        log_factor=deal_log_factors(spec, key, segment, deal_type, level),
        base_amount=_base_amounts(spec, key, segment),
        delete_day=_delete_days(spec, calendar, key, day),
        transfer_day=transfer_day,
        transfer_to=transfer_to,
        reopen_after_days=_reopenings(spec, key),
        neglected=uniform(spec.seed, "deal/neglected", key) < spec.neglected_share,
    )


def _base_amounts(spec: OrganizationSpec, key: IntArray, segment: IntArray) -> IntArray:
    median = np.array([each.median_price for each in spec.segments])[segment]
    spread = np.array([each.price_spread for each in spec.segments])[segment]
    price = median * np.exp(spread * normal(spec.seed, "deal/price", key))
    return np.maximum(np.round(price / spec.amount_step), 1).astype(np.int64) * spec.amount_step


def _delete_days(spec: OrganizationSpec, calendar: WorkCalendar, key: IntArray, day: IntArray) -> IntArray:
    deleted = uniform(spec.seed, "deal/deleted", key) < 0.008 * spec.mess
    after = calendar.shift(day, 1 + integers(spec.seed, "deal/deleted after", 25, key))
    return np.where(deleted, after, NEVER)


def _reopenings(spec: OrganizationSpec, key: IntArray) -> IntArray:
    reopens = uniform(spec.seed, "deal/reopens", key) < 0.015 * spec.mess
    return np.where(reopens, 10 + integers(spec.seed, "deal/reopens after", 40, key), NEVER)


def _transfers(
    spec: OrganizationSpec, calendar: WorkCalendar, key: IntArray, day: IntArray, seller: IntArray
) -> tuple[IntArray, IntArray]:
    """When a deal changes owner (once at most) and to whom: by chance, or because its owner leaves."""
    moves = uniform(spec.seed, "deal/moves", key) < 0.03 * spec.mess
    by_chance = calendar.shift(day, 2 + integers(spec.seed, "deal/moves after", 30, key))
    leaves = seller_last_days(spec)[seller]
    on_leaving = np.where(leaves < NEVER, calendar.shift(np.minimum(leaves, 10**6), 0), NEVER)
    transfer_day = np.minimum(np.where(moves, by_chance, NEVER), on_leaving)
    settled = max(spec.reps - min(spec.late_joiners, spec.reps - 1), 1)
    offset = 1 + integers(spec.seed, "deal/moves to", max(settled - 1, 1), key)
    return transfer_day, (seller + offset) % settled


def natural_action_days(spec: OrganizationSpec, deals: Deals, action_type: str) -> IntArray:
    """Day on which each deal's owner does an action of this type unprompted (method §6); NEVER when not within a year."""
    drawn = uniform(spec.seed, f"action/{ACTION_TYPES.index(action_type)}", deals.key)
    after = np.floor(-np.log1p(-drawn) / max(spec.action_rate_per_day, 1e-9))
    return np.where(after < 366, deals.created_day + 1 + after.astype(np.int64), NEVER)
