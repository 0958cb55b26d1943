"""Leads: the ones that became deals, the ones that did not, and the touches they had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.accounts import account_names, person_names
from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.crm_opportunities import Ledger, first_contacts, lead_sources
from connectors.sandbox.generator.days import dates, day_number, timestamps
from connectors.sandbox.generator.draws import BoolArray, IntArray, categories, integers, poisson, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import (
    BUSINESS_DAYS_PER_MONTH,
    KEY_EPOCH_DAY,
    NEVER,
    seller_first_days,
    seller_last_days,
)
from connectors.sandbox.generator.people import logging_shares, seller_is_japanese
from connectors.sandbox.generator.pipeline import Pipeline
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import (
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
from connectors.sandbox.generator.words import LEAD_SOURCE_SHARES, LEAD_SOURCES, TITLE_SHARES, TITLES

CONVERTED_SHARE = 0.35
GIVEN_UP_DAYS = 45
STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
COMPANY_KEY_OFFSET = 1 << 40
MAXIMUM_TOUCHES = 3


@dataclass(frozen=True)
class Leads:
    """One element per lead; `deal` is −1 and `converts_at` NEVER for those that come to nothing."""

    number: IntArray
    seller: IntArray
    created_day: IntArray
    created_at: IntArray
    deal: IntArray
    converts_at: IntArray


def all_leads(pipeline: Pipeline) -> Leads:
    """Every lead up to the last simulated day."""
    vain, won_over = _vain_leads(pipeline), _converting_leads(pipeline)
    return Leads(*(np.concatenate(pair) for pair in zip(vain, won_over, strict=True)))


def _vain_leads(pipeline: Pipeline) -> tuple[IntArray, ...]:
    spec, calendar = pipeline.spec, pipeline.calendar
    days = calendar.business_days
    days = days[(days >= day_number(spec.first_date)) & (days <= pipeline.last_day)]
    works = (days[:, None] >= seller_first_days(spec)) & (days[:, None] <= seller_last_days(spec))
    mean = works * spec.leads_per_rep_month / BUSINESS_DAYS_PER_MONTH
    count = np.minimum(
        poisson(spec.seed, "lead/intake", mean, days[:, None], np.arange(spec.sellers)[None, :]).ravel(), 63
    )
    cell = np.repeat(np.arange(len(count)), count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    day, seller = days[cell // spec.sellers], cell % spec.sellers
    number = (((day - KEY_EPOCH_DAY) * 4096 + seller) * 64 + within) * 2
    at = calendar.instants(day, 8 * 3600 + integers(spec.seed, "lead/second", 10 * 3600, number))
    return number, seller, day, at, np.full(len(day), -1), np.full(len(day), NEVER)


def _converting_leads(pipeline: Pipeline) -> tuple[IntArray, ...]:
    spec, deals, calendar = pipeline.spec, pipeline.deals, pipeline.calendar
    came = (deals.deal_type == 0) & (uniform(spec.seed, "lead/converts", deals.key) < CONVERTED_SHARE)
    deal = np.flatnonzero(came)
    number = deals.key[deal] * 2 + 1
    day = calendar.shift(deals.created_day[deal], -2 - integers(spec.seed, "lead/before", 9, number))
    at = calendar.instants(day, 8 * 3600 + integers(spec.seed, "lead/second", 3600, number))
    return (
        number,
        deals.seller[deal],
        day,
        at,
        deal,
        calendar.instants(deals.created_day[deal], deals.created_second[deal]),
    )


@dataclass(frozen=True)
class LeadTouches:
    """One element per touch of a lead: position of the lead, order, instant and day."""

    lead: IntArray
    order: IntArray
    at: IntArray
    day: IntArray


def lead_touches(pipeline: Pipeline, leads: Leads) -> LeadTouches:
    """One to three touches some business days apart; a quarter of the leads that come to nothing never get one."""
    spec, calendar = pipeline.spec, pipeline.calendar
    delay = np.floor(uniform(spec.seed, "lead/delay", leads.number) ** 2 * 6).astype(np.int64)
    delay = np.where(leads.deal >= 0, np.minimum(delay, 1), delay)
    count = 1 + integers(spec.seed, "lead/touches", MAXIMUM_TOUCHES, leads.number)
    ignored = (uniform(spec.seed, "lead/ignored", leads.number) < 0.25) & (leads.deal < 0)
    count = np.where(ignored, 0, count)
    lead, order = (each.ravel() for each in np.indices((len(count), MAXIMUM_TOUCHES)))
    wanted = order < count[lead]
    lead, order = lead[wanted], order[wanted]
    day = calendar.shift(leads.created_day[lead], delay[lead] + order * 2)
    hour = np.where(order + delay[lead] == 0, 18 * 3600, 9 * 3600)
    at = calendar.instants(
        day, hour + integers(spec.seed, "lead/touch second", 3600, leads.number[lead], order)
    )
    logged = (
        uniform(spec.seed, "lead/logged", leads.number[lead], order)
        < logging_shares(spec)[leads.seller[lead]]
    )
    keep = (at < leads.converts_at[lead]) & (at > leads.created_at[lead]) & logged
    keep &= day <= seller_last_days(spec)[leads.seller[lead]]
    return LeadTouches(lead[keep], order[keep], at[keep], day[keep])


def _lead_states(
    leads: Leads, touches: LeadTouches, spec: OrganizationSpec, now: int
) -> tuple[IntArray, IntArray]:
    """Index of each lead's status and when it came about."""
    first = np.full(len(leads.number), NEVER)
    np.minimum.at(first, touches.lead, touches.at)
    given_up = leads.created_at + GIVEN_UP_DAYS * 86400
    gives_up = (
        (uniform(spec.seed, "lead/given up", leads.number) < 0.6) & (leads.deal < 0) & (given_up <= now)
    )
    converted = leads.converts_at <= now
    status = np.select([converted, gives_up, first <= now], [2, 3, 1], 0)
    since = np.select(
        [converted, gives_up, first <= now], [leads.converts_at, given_up, first], leads.created_at
    )
    return status, since


def leads_table(book: Ledger, leads: Leads, touches: LeadTouches, now: int) -> pa.Table:
    """One row per lead known by now."""
    status, since = _lead_states(leads, touches, book.pipeline.spec, now)
    last = np.full(len(leads.number), -1)
    past = touches.at <= now
    np.maximum.at(last, touches.lead[past], touches.day[past])
    rows = np.flatnonzero(leads.created_at <= now)
    return _lead_rows(book, leads, rows, status[rows], since[rows], last[rows])


def _lead_rows(
    book: Ledger, leads: Leads, rows: IntArray, status: IntArray, since: IntArray, last: IntArray
) -> pa.Table:
    spec, deals = book.pipeline.spec, book.pipeline.deals
    number, count = leads.number[rows], len(rows)
    deal = leads.deal[rows]
    japanese = uniform(spec.seed, "lead/language", number) < spec.japanese_share
    last_name, first_name, full_name = person_names(spec, "lead", number, japanese)
    company = np.where(leads.deal[rows] >= 0, _of_deal(deals.account, deal), COMPANY_KEY_OFFSET + number)
    source = np.where(
        leads.deal[rows] >= 0, lead_sources(spec, _of_deal(deals.key, deal)), _own_source(spec, number)
    )
    owner, off = seller_user_numbers(leads.seller[rows]), status != 2
    return table(
        {
            "Id": record_ids("Lead", number),
            "IsDeleted": booleans(np.zeros(count, dtype=bool)),
            "LastName": last_name,
            "FirstName": first_name,
            "Name": full_name,
            "Title": take(TITLES, categories(spec.seed, "lead/title", TITLE_SHARES, number)),
            "Company": account_names(spec, company),
            "Email": join("l", numerals(number), "@example.com"),
            "Phone": join("03-0000-", numerals(1000 + number % 9000)),
            "LeadSource": take(LEAD_SOURCES, source),
            "Status": take(STATUSES, status),
            "OwnerId": user_ids(owner),
            "HasOptedOutOfEmail": booleans(uniform(spec.seed, "lead/no mail", number) < 0.04),
            "DoNotCall": booleans(uniform(spec.seed, "lead/no call", number) < 0.03),
            "IsConverted": booleans(~off),
            "ConvertedDate": dates(book.pipeline.calendar.local_days(np.where(off, 0, since)), off),
            "ConvertedAccountId": record_ids("Account", _of_deal(deals.account, deal), off),
            "ConvertedContactId": record_ids("Contact", _of_deal(first_contacts(book.pipeline), deal), off),
            "ConvertedOpportunityId": record_ids("Opportunity", _of_deal(deals.key, deal), off),
            "LastActivityDate": dates(last, last < 0),
            **audit(leads.created_at[rows], owner, since),
        }
    )


def _of_deal(values: IntArray, deal: IntArray) -> IntArray:
    """The value of each deal; 0 where there is none (−1)."""
    return np.append(values, 0)[deal]


def _own_source(spec: OrganizationSpec, number: IntArray) -> IntArray:
    return categories(spec.seed, "lead/source", LEAD_SOURCE_SHARES, number)


def lead_tasks(book: Ledger, leads: Leads, touches: LeadTouches, now: int) -> pa.Table:
    """One task per touch; when a lead converts, its tasks go along to the contact and the deal."""
    spec, deals = book.pipeline.spec, book.pipeline.deals
    rows = np.flatnonzero((touches.at <= now) & (leads.created_at[touches.lead] <= now))
    lead, at = touches.lead[rows], touches.at[rows]
    number, seller = leads.number[lead] * 8 + touches.order[rows], leads.seller[lead]
    converted: BoolArray = leads.converts_at[lead] <= now
    deal = leads.deal[lead]
    is_call = uniform(spec.seed, "touch/kind", number) < 0.6
    japanese = pa.array(seller_is_japanese(spec)[seller])
    kind = np.where(is_call, 0, 1)
    person = record_ids("Contact", _of_deal(first_contacts(book.pipeline), deal))
    subject = pc.if_else(
        japanese, take(("架電", "メール: ご挨拶"), kind), take(("Call", "Email: introduction"), kind)
    )
    deleted_at = _of_deal(book.deleted_at, deal)
    removed = converted & (deleted_at < NEVER)
    modified = np.where(converted, leads.converts_at[lead], at)
    modified = np.where(removed, np.maximum(deleted_at, modified), modified)
    return table(
        {
            "Id": record_ids("Task", number),
            "IsDeleted": booleans(removed),
            "WhoId": pc.if_else(pa.array(converted), person, record_ids("Lead", leads.number[lead])),
            "WhatId": record_ids("Opportunity", _of_deal(deals.key, deal), ~converted),
            "AccountId": record_ids("Account", _of_deal(deals.account, deal), ~converted),
            "Subject": subject,
            "OwnerId": user_ids(seller_user_numbers(seller)),
            "TaskSubtype": take(("Call", "Email"), kind),
            "CallType": take(("Outbound",), kind * 0, ~is_call),
            **done_task_columns(at, touches.day[rows]),
            **audit(at, seller_user_numbers(seller), modified),
        }
    )


def done_task_columns(at: IntArray, day: IntArray) -> dict[str, Column]:
    """What every task logged as done has."""
    no = booleans(np.zeros(len(at), dtype=bool))
    return {
        "ActivityDate": dates(day),
        "Status": constant("Completed", len(at)),
        "Priority": constant("Normal", len(at)),
        "IsHighPriority": no,
        "IsClosed": booleans(np.ones(len(at), dtype=bool)),
        "CompletedDateTime": timestamps(at),
        "IsArchived": no,
    }
