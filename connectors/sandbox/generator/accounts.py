"""Customers: accounts and the people who work there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.days import WorkCalendar, day_number, money
from connectors.sandbox.generator.draws import BoolArray, IntArray, categories, integers, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import (
    ACCOUNTS_PER_SELLER_LIMIT,
    NEVER,
    account_is_customer,
    account_pool,
    account_segments,
    seller_first_days,
    seller_last_days,
)
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import (
    ADMINISTRATOR,
    audit,
    booleans,
    constant,
    join,
    numerals,
    seller_user_numbers,
    table,
    take,
    user_ids,
)
from connectors.sandbox.generator.words import (
    CITIES,
    COMPANY_FIELDS,
    COMPANY_STEMS,
    DECISION_MAKER_TITLES,
    DEPARTMENTS,
    ENGLISH_FIRST_NAMES,
    ENGLISH_LAST_NAMES,
    JAPANESE_FIRST_NAMES,
    JAPANESE_LAST_NAMES,
    PREFECTURES,
    TITLE_SHARES,
    TITLES,
)

CONTACTS_PER_ACCOUNT_LIMIT = 4


def account_keys(spec: OrganizationSpec, calendar: WorkCalendar, now: int) -> IntArray:
    """Every account whose people are known by `now` (UTC seconds), seller by seller."""
    pool = int(account_pool(spec, np.array([day_number(spec.local_today)]))[0])
    key = (np.arange(spec.sellers)[:, None] * ACCOUNTS_PER_SELLER_LIMIT + np.arange(pool)[None, :]).ravel()
    return key[calendar.instants(account_created_days(spec, key), 9 * 3600) <= now]


def account_created_days(spec: OrganizationSpec, accounts: IntArray) -> IntArray:
    """Day each account was created: before history, or when the seller's pool grew to hold it."""
    first = day_number(spec.first_date)
    added = accounts % ACCOUNTS_PER_SELLER_LIMIT - spec.accounts_per_rep
    rate = max(spec.new_accounts_per_rep_month, 1e-9)
    grown = first + np.ceil((added + 1) / rate * 30.44).astype(np.int64)
    before = first - 1 - integers(spec.seed, "account/day", 60, accounts)
    created = np.where(added >= 0, grown, before)
    joined = seller_first_days(spec)[accounts // ACCOUNTS_PER_SELLER_LIMIT]
    return np.where(joined > first, np.maximum(created, joined), created)


def account_is_japanese(spec: OrganizationSpec, accounts: IntArray) -> BoolArray:
    """Whether people at the account write in Japanese."""
    return uniform(spec.seed, "account/language", accounts) < spec.japanese_share


def account_names(spec: OrganizationSpec, accounts: IntArray) -> Column:
    """Company names; some look alike, as they do."""
    stem = take(COMPANY_STEMS, integers(spec.seed, "account/stem", len(COMPANY_STEMS), accounts))
    field = integers(spec.seed, "account/field", len(COMPANY_FIELDS), accounts)
    japanese = take([each[0] for each in COMPANY_FIELDS], field)
    english = take([each[1] for each in COMPANY_FIELDS], field)
    form = uniform(spec.seed, "account/form", accounts)
    in_front, full_width = pa.array(form < 0.45), pa.array(form > 0.93)
    name = pc.if_else(in_front, join("株式会社", stem, japanese), join(stem, japanese, "株式会社"))
    name = pc.if_else(full_width, join("(株)", stem, japanese), name)
    is_japanese = pa.array(account_is_japanese(spec, accounts))
    named: Column = pc.if_else(is_japanese, name, join(stem, " ", english, " Inc."))
    return named


def account_owners(spec: OrganizationSpec, accounts: IntArray, today: int) -> tuple[IntArray, BoolArray]:
    """User number of each account's owner now, and whether it changed because the first owner left."""
    seller = accounts // ACCOUNTS_PER_SELLER_LIMIT
    left = seller_last_days(spec)[seller] < today
    successor = integers(spec.seed, "account/successor", max(spec.reps - spec.late_joiners, 1), accounts)
    return seller_user_numbers(np.where(left, successor, seller)), left


def inherited_at(spec: OrganizationSpec, calendar: WorkCalendar, accounts: IntArray) -> IntArray:
    """When each account and its people went to a successor (UTC seconds); 0 where they did not."""
    _, inherited = account_owners(spec, accounts, day_number(spec.local_today))
    left = seller_last_days(spec)[accounts // ACCOUNTS_PER_SELLER_LIMIT]
    return np.where(inherited, calendar.instants(np.where(left < NEVER, left, 0), 20 * 3600), 0)


def accounts_table(spec: OrganizationSpec, calendar: WorkCalendar, keys: IntArray) -> pa.Table:
    """One row per account."""
    today, count = day_number(spec.local_today), len(keys)
    owner, _ = account_owners(spec, keys, today)
    created = calendar.instants(account_created_days(spec, keys), 7 * 3600 + keys % 3600)
    bands = np.array([segment.employees for segment in spec.segments])[account_segments(spec, keys)]
    employees = bands[:, 0] + integers(spec.seed, "account/employees", bands[:, 1] - bands[:, 0], keys)
    place = integers(spec.seed, "account/place", len(PREFECTURES), keys)
    field = integers(spec.seed, "account/field", len(COMPANY_FIELDS), keys)
    customer = account_is_customer(spec, keys).astype(np.int64)
    no_number = uniform(spec.seed, "account/no employees", keys) < 0.05 * spec.mess
    return table(
        {
            "Id": record_ids("Account", keys),
            "IsDeleted": booleans(np.zeros(count, dtype=bool)),
            "Name": account_names(spec, keys),
            "Type": take(("Prospect", "Customer"), customer),
            "Industry": take([each[2] for each in COMPANY_FIELDS], field),
            "NumberOfEmployees": pa.array(employees, mask=no_number),
            "AnnualRevenue": money(employees * 12_000_000, no_number),
            "BillingState": take(PREFECTURES, place),
            "BillingCity": take(CITIES, place),
            "BillingCountry": constant("日本", count),
            "Phone": join("03-0000-", numerals(1000 + keys % 9000)),
            "Website": join("https://www.example.co.jp/", numerals(keys)),
            "OwnerId": user_ids(owner),
            **audit(created, np.full(count, ADMINISTRATOR), inherited_at(spec, calendar, keys)),
        }
    )


def contact_keys(spec: OrganizationSpec, accounts: IntArray) -> IntArray:
    """Two to four people per account; number 0 may decide."""
    count = contacts_per_account(spec, accounts)
    place = np.arange(CONTACTS_PER_ACCOUNT_LIMIT)[None, :]
    keys = accounts[:, None] * CONTACTS_PER_ACCOUNT_LIMIT + place
    return keys[place < count[:, None]]


def contacts_per_account(spec: OrganizationSpec, accounts: IntArray) -> IntArray:
    """Number of people known at each account."""
    return 2 + integers(spec.seed, "account/contacts", CONTACTS_PER_ACCOUNT_LIMIT - 1, accounts)


def person_names(
    spec: OrganizationSpec, stream: str, keys: IntArray, japanese: BoolArray
) -> tuple[Column, Column, Column]:
    """Last name, first name and full name of each person."""
    drawn = [integers(spec.seed, f"{stream}/{part}", 10_000, keys) for part in ("last", "first")]
    is_japanese = pa.array(japanese)
    last = pc.if_else(
        is_japanese,
        take(JAPANESE_LAST_NAMES, drawn[0] % len(JAPANESE_LAST_NAMES)),
        take(ENGLISH_LAST_NAMES, drawn[0] % len(ENGLISH_LAST_NAMES)),
    )
    first = pc.if_else(
        is_japanese,
        take(JAPANESE_FIRST_NAMES, drawn[1] % len(JAPANESE_FIRST_NAMES)),
        take(ENGLISH_FIRST_NAMES, drawn[1] % len(ENGLISH_FIRST_NAMES)),
    )
    return last, first, pc.if_else(is_japanese, join(last, " ", first), join(first, " ", last))


def contact_titles(spec: OrganizationSpec, keys: IntArray, japanese: BoolArray) -> Column:
    """Job titles: number 0 of an account has one that decides, the others mostly do not; a few are unknown."""
    drawn = categories(spec.seed, "contact/title", TITLE_SHARES, keys)
    deciding = [TITLES.index(title) for title in DECISION_MAKER_TITLES]
    half = len(deciding) // 2
    pick = integers(spec.seed, "contact/decides", half, keys) + np.where(japanese, 0, half)
    title = np.where(keys % CONTACTS_PER_ACCOUNT_LIMIT == 0, np.array(deciding)[pick], drawn % 3)
    title = np.where((keys % CONTACTS_PER_ACCOUNT_LIMIT != 0) & ~japanese, TITLES.index("Manager"), title)
    return take(TITLES, title, uniform(spec.seed, "contact/no title", keys) < 0.06 * spec.mess)


def contacts_table(spec: OrganizationSpec, calendar: WorkCalendar, accounts: IntArray) -> pa.Table:
    """One row per person at a customer."""
    keys = contact_keys(spec, accounts)
    account, count = keys // CONTACTS_PER_ACCOUNT_LIMIT, len(keys)
    japanese = account_is_japanese(spec, account)
    last, first, full = person_names(spec, "contact", keys, japanese)
    owner, _ = account_owners(spec, account, day_number(spec.local_today))
    created = calendar.instants(account_created_days(spec, account), 8 * 3600 + keys % 3600)
    return table(
        {
            "Id": record_ids("Contact", keys),
            "IsDeleted": booleans(np.zeros(count, dtype=bool)),
            "AccountId": record_ids("Account", account),
            "LastName": last,
            "FirstName": first,
            "Name": full,
            "Title": contact_titles(spec, keys, japanese),
            "Department": take(
                DEPARTMENTS, integers(spec.seed, "contact/department", len(DEPARTMENTS), keys)
            ),
            "Email": join("c", numerals(keys), "@example.com"),
            "Phone": join("03-0000-", numerals(1000 + keys % 9000)),
            "OwnerId": user_ids(owner),
            "HasOptedOutOfEmail": booleans(uniform(spec.seed, "contact/no mail", keys) < 0.04),
            "DoNotCall": booleans(uniform(spec.seed, "contact/no call", keys) < 0.03),
            **audit(created, np.full(count, ADMINISTRATOR), inherited_at(spec, calendar, account)),
        }
    )
