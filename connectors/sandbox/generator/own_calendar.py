"""What is in a rep's calendar besides deals: team meetings, days off, and touches to past customers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.accounts import CONTACTS_PER_ACCOUNT_LIMIT, account_created_days
from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.crm_activities import event_times
from connectors.sandbox.generator.days import day_number, month_starts, months_of
from connectors.sandbox.generator.draws import IntArray, integers, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import (
    ACCOUNTS_PER_SELLER_LIMIT,
    KEY_EPOCH_DAY,
    account_is_customer,
    seller_first_days,
    seller_last_days,
)
from connectors.sandbox.generator.leads import done_task_columns
from connectors.sandbox.generator.people import logging_shares, seller_is_japanese
from connectors.sandbox.generator.pipeline import Pipeline
from connectors.sandbox.generator.tables import (
    audit,
    booleans,
    constant,
    seller_user_numbers,
    table,
    take,
    user_ids,
)

TEAM_MEETING, DAY_OFF, PAST_CUSTOMER = range(3)
DAY_OFF_SHARE = 0.5
PAST_CUSTOMER_SHARE = 0.12


def _number(day: IntArray, seller: IntArray, source: int) -> IntArray:
    """Apart from the numbers of tasks on leads (below 2^40) and on deals (above 2^50)."""
    return (1 << 44) + ((day - KEY_EPOCH_DAY) * 4096 + seller) * 8 + source


def _working_cells(pipeline: Pipeline, days: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of a day and a seller who works then."""
    spec = pipeline.spec
    works = (days[:, None] >= seller_first_days(spec)) & (days[:, None] <= seller_last_days(spec))
    row, seller = np.nonzero(works)
    return days[row], seller


def _business_days(pipeline: Pipeline) -> IntArray:
    days = pipeline.calendar.business_days
    return days[(days >= day_number(pipeline.spec.first_date)) & (days <= pipeline.last_day)]


def _subjects(pipeline: Pipeline, seller: IntArray, japanese: str, english: str) -> Column:
    return take((english, japanese), seller_is_japanese(pipeline.spec)[seller].astype(np.int64))


def team_meetings(pipeline: Pipeline, now: int) -> pa.Table:
    """Half an hour every Monday that is a business day, in the calendar two weeks ahead."""
    days = _business_days(pipeline)
    day, seller = _working_cells(pipeline, days[(days + 3) % 7 == 0])
    created = pipeline.calendar.instants(
        np.maximum(day - 14, seller_first_days(pipeline.spec)[seller] - 1), 9 * 3600
    )
    keep = created <= now
    day, seller, created = day[keep], seller[keep], created[keep]
    start = pipeline.calendar.instants(day, 9 * 3600)
    times = event_times(start, start + 1800, day, np.full(len(day), 30))
    return _own_events(
        pipeline, day, seller, created, times, TEAM_MEETING, ("チーム定例", "Team meeting", "Busy")
    )


def days_off(pipeline: Pipeline, now: int) -> pa.Table:
    """All-day absences, every other month or so, entered 25 days ahead; all-day events run in UTC days as in Salesforce."""
    spec = pipeline.spec
    first, last = months_of(np.array([day_number(spec.first_date), pipeline.last_day]))
    month, seller = (
        each.ravel()
        for each in np.meshgrid(np.arange(first, last + 1), np.arange(spec.sellers), indexing="ij")
    )
    takes = uniform(spec.seed, "day off/taken", month, seller) < DAY_OFF_SHARE
    day = month_starts(month) + integers(spec.seed, "day off/day", 28, month, seller)
    day = pipeline.calendar.on_or_after(day)
    works = (
        (day >= seller_first_days(spec)[seller])
        & (day <= seller_last_days(spec)[seller])
        & (day <= pipeline.last_day)
    )
    created = pipeline.calendar.instants(np.maximum(day - 25, seller_first_days(spec)[seller] - 1), 18 * 3600)
    keep = takes & works & (created <= now)
    day, seller, created = day[keep], seller[keep], created[keep]
    times = event_times(day * 86400, day * 86400, day, np.full(len(day), 1440))
    return _own_events(
        pipeline, day, seller, created, times, DAY_OFF, ("休暇", "Out of office", "OutOfOffice")
    )


def _own_events(
    pipeline: Pipeline,
    day: IntArray,
    seller: IntArray,
    created: IntArray,
    times: dict[str, Column],
    source: int,
    words: tuple[str, str, str],
) -> pa.Table:
    owner, count = seller_user_numbers(seller), len(day)
    return table(
        {
            "Id": record_ids("Event", _number(day, seller, source)),
            "IsDeleted": booleans(np.zeros(count, dtype=bool)),
            "Subject": _subjects(pipeline, seller, words[0], words[1]),
            "OwnerId": user_ids(owner),
            "IsAllDayEvent": booleans(np.full(count, source == DAY_OFF)),
            **times,
            "ShowAs": constant(words[2], count),
            "EventSubtype": constant("Event", count),
            "IsArchived": booleans(np.zeros(count, dtype=bool)),
            **audit(created, owner),
        }
    )


def past_customer_touches(pipeline: Pipeline, now: int) -> pa.Table:
    """Calls and mails to existing customers, on the account rather than on a deal."""
    spec = pipeline.spec
    day, seller = _working_cells(pipeline, _business_days(pipeline))
    number = _number(day, seller, PAST_CUSTOMER)
    pick = integers(spec.seed, "past customer/account", spec.accounts_per_rep, number)
    account = seller * ACCOUNTS_PER_SELLER_LIMIT + pick
    at = pipeline.calendar.instants(
        day, 9 * 3600 + integers(spec.seed, "past customer/second", 10_800, number)
    )
    keep = (
        uniform(spec.seed, "past customer/touched", number)
        < PAST_CUSTOMER_SHARE * logging_shares(spec)[seller]
    )
    keep &= account_is_customer(spec, account) & (account_created_days(spec, account) < day) & (at <= now)
    day, seller, number, account, at = (each[keep] for each in (day, seller, number, account, at))
    is_call = uniform(spec.seed, "touch/kind", number) < 0.6
    kind = np.where(is_call, 0, 1)
    owner = seller_user_numbers(seller)
    calls = _subjects(pipeline, seller, "架電: その後のご状況", "Call: how is it going")
    mails = _subjects(pipeline, seller, "メール: 新機能のご案内", "Email: what is new")
    return table(
        {
            "Id": record_ids("Task", number),
            "IsDeleted": booleans(np.zeros(len(day), dtype=bool)),
            "WhoId": record_ids("Contact", account * CONTACTS_PER_ACCOUNT_LIMIT + 1),
            "WhatId": record_ids("Account", account),
            "AccountId": record_ids("Account", account),
            "Subject": pc.if_else(pa.array(is_call), calls, mails),
            "OwnerId": user_ids(owner),
            "TaskSubtype": take(("Call", "Email"), kind),
            "CallType": take(("Outbound",), kind * 0, ~is_call),
            **done_task_columns(at, day),
            **audit(at, owner),
        }
    )
