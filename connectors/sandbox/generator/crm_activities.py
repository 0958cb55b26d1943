"""Task and Event as the CRM would hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.activities import (
    CALL_IN,
    CALL_OUT,
    FIRST_MEETING,
    EventDraft,
    TaskDraft,
)
from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.crm_opportunities import Ledger, first_contacts
from connectors.sandbox.generator.days import dates, timestamps
from connectors.sandbox.generator.draws import BoolArray, IntArray, integers, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.notes import note_levels, note_texts
from connectors.sandbox.generator.people import seller_is_japanese, seller_teams
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import (
    FIRST_INSIDE_SALES,
    audit,
    booleans,
    constant,
    join,
    seller_user_numbers,
    table,
    take,
    user_ids,
)

TASK_SUBJECTS = {
    "ja": (
        "架電",
        "メール: ご提案の件",
        "受電",
        "メール受信: Re: お打ち合わせの件",
        "メール: 提案書送付",
        "見積書を作成する",
    ),
    "en": (
        "Call",
        "Email: following up",
        "Incoming call",
        "Email received: Re: our meeting",
        "Email: proposal sent",
        "Prepare quote",
    ),
}
EVENT_SUBJECTS = {"ja": ("初回商談", "打ち合わせ"), "en": ("First meeting", "Meeting")}
CANCELLED = {"ja": "【キャンセル】", "en": "Canceled: "}
SUBTYPES = ("Call", "Email", "Call", "Email", "Email", "Task")
CALL_RESULTS = ("接続", "不在", "留守番電話", "Connected", "No answer", "Left voicemail")


@dataclass(frozen=True)
class ActivityFigures:
    """Per deal of the pipeline: last day with something done (−1: none), whether something is open or overdue."""

    last_day: IntArray
    has_open: BoolArray
    has_overdue: BoolArray


def known_tasks(draft: TaskDraft, book: Ledger, now: int) -> TaskDraft:
    """Tasks made by now on deals that then existed, and not after a deal's deletion."""
    keep = (draft.created_at <= now) & (book.last[draft.deal] >= 0)
    keep &= draft.created_at < book.deleted_at[draft.deal]
    return TaskDraft(*(getattr(draft, each.name)[keep] for each in fields(TaskDraft)))


def known_events(draft: EventDraft, book: Ledger, now: int) -> EventDraft:
    """Appointments made by now on deals that then existed, and not after a deal's deletion."""
    keep = (draft.created_at <= now) & (book.last[draft.deal] >= 0)
    keep &= draft.created_at < book.deleted_at[draft.deal]
    return EventDraft(*(getattr(draft, each.name)[keep] for each in fields(EventDraft)))


def activity_figures(book: Ledger, events: EventDraft, tasks: TaskDraft, now: int) -> ActivityFigures:
    """What Salesforce rolls up to the opportunity."""
    calendar, count = book.pipeline.calendar, len(book.pipeline.deals)
    today = int(calendar.local_days(np.array([now]))[0])
    last = np.full(count, -1)
    done, past = tasks.done_at <= now, events.start_at <= now
    np.maximum.at(last, tasks.deal[done], tasks.due_day[done])
    np.maximum.at(last, events.deal[past], calendar.local_days(events.start_at[past]))
    has_open, has_overdue = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    has_open[tasks.deal[~done]] = True
    has_open[events.deal[~past]] = True
    has_overdue[tasks.deal[~done & (tasks.due_day < today)]] = True
    return ActivityFigures(last, has_open, has_overdue)


def _by_language(
    spec: OrganizationSpec, seller: IntArray, words: Mapping[str, Sequence[str]], index: IntArray
) -> Column:
    japanese = pa.array(seller_is_japanese(spec)[seller])
    chosen: Column = pc.if_else(japanese, take(words["ja"], index), take(words["en"], index))
    return chosen


def _deleted_at(book: Ledger, deal: IntArray, number: IntArray, created: IntArray, now: int) -> IntArray:
    """When a row went to the recycle bin: with its deal, or by hand a day later; NEVER if it did not."""
    spec = book.pipeline.spec
    by_hand = uniform(spec.seed, "activity/deleted", number) < 0.006 * spec.mess
    alone = np.where(by_hand & (created + 86400 <= now), created + 86400, NEVER)
    return np.minimum(alone, book.deleted_at[deal])


def inside_sales_of(spec: OrganizationSpec, book: Ledger, seller: IntArray, deal: IntArray) -> IntArray:
    """User number of the deal's inside sales, of the seller's team."""
    per_team = max(spec.inside_sales_reps // spec.teams, 1)
    place = integers(spec.seed, "task/inside", per_team, book.pipeline.deals.key[deal])
    inside = seller_teams(spec)[seller] + spec.teams * place
    return np.asarray(FIRST_INSIDE_SALES + np.minimum(inside, spec.inside_sales_reps - 1), dtype=np.int64)


def appointment_setters(spec: OrganizationSpec, book: Ledger, events: EventDraft) -> IntArray:
    """User number: who enters an appointment, the team's inside sales for first meetings, else the deal's owner."""
    owner = seller_user_numbers(events.seller)
    if spec.inside_sales_reps == 0:
        return owner
    inside = inside_sales_of(spec, book, events.seller, events.deal)
    return np.where(events.kind == FIRST_MEETING, inside, owner)


def task_owners(spec: OrganizationSpec, book: Ledger, tasks: TaskDraft) -> IntArray:
    """User number: the deal's owner, or the team's inside sales for touches before the first meeting."""
    owner = seller_user_numbers(tasks.seller)
    if spec.inside_sales_reps == 0:
        return owner
    early = np.isin(tasks.number // 8 % 16, (0, 1, 2))
    return np.where(early, inside_sales_of(spec, book, tasks.seller, tasks.deal), owner)


def tasks_table(book: Ledger, tasks: TaskDraft, now: int) -> tuple[pa.Table, pa.Table]:
    """One row per task on a deal, and the hidden level of each note."""
    spec, deals = book.pipeline.spec, book.pipeline.deals
    owner, done = task_owners(spec, book, tasks), tasks.done_at <= now
    removed = _deleted_at(book, tasks.deal, tasks.number, tasks.created_at, now)
    modified = np.where(done, tasks.done_at, tasks.created_at)
    modified = np.where(removed < NEVER, np.maximum(removed, modified), modified)
    is_call = np.isin(tasks.kind, (CALL_OUT, CALL_IN))
    connected = uniform(spec.seed, "call/connected", tasks.number) < np.where(
        tasks.kind == CALL_IN, 1.0, 0.45
    )
    description, levels = _task_notes(book, tasks, is_call & connected)
    count = len(tasks.deal)
    columns = {
        "Id": record_ids("Task", tasks.number),
        "IsDeleted": booleans(removed < NEVER),
        "WhoId": record_ids("Contact", first_contacts(book.pipeline)[tasks.deal]),
        "WhatId": record_ids("Opportunity", deals.key[tasks.deal]),
        "AccountId": record_ids("Account", deals.account[tasks.deal]),
        "Subject": _by_language(spec, tasks.seller, TASK_SUBJECTS, tasks.kind),
        "ActivityDate": dates(tasks.due_day),
        "Status": take(("Not Started", "Completed"), done.astype(np.int64)),
        "Priority": constant("Normal", count),
        "IsHighPriority": booleans(np.zeros(count, dtype=bool)),
        "IsClosed": booleans(done),
        "TaskSubtype": take(SUBTYPES, tasks.kind),
        "CallType": take(("Outbound", "Inbound"), (tasks.kind == CALL_IN).astype(np.int64), ~is_call),
        "CallDurationInSeconds": pa.array(_durations(spec, tasks.number, connected), mask=~is_call),
        "CallDisposition": _dispositions(spec, tasks, connected, ~is_call),
        "Description": description,
        "OwnerId": user_ids(owner),
        "CompletedDateTime": timestamps(np.where(done, tasks.done_at, 0), ~done),
        "IsArchived": booleans(np.zeros(count, dtype=bool)),
        **audit(tasks.created_at, owner, modified),
    }
    return table(columns), levels


def _durations(spec: OrganizationSpec, number: IntArray, connected: BoolArray) -> IntArray:
    return np.where(connected, 60 + integers(spec.seed, "call/seconds", 900, number), 0)


def _dispositions(
    spec: OrganizationSpec, tasks: TaskDraft, connected: BoolArray, missing: BoolArray
) -> Column:
    miss = 1 + integers(spec.seed, "call/miss", 2, tasks.number)
    english = np.where(seller_is_japanese(spec)[tasks.seller], 0, 3)
    return take(CALL_RESULTS, np.where(connected, 0, miss) + english, missing)


def _task_notes(book: Ledger, tasks: TaskDraft, spoke: BoolArray) -> tuple[Column, pa.Table]:
    """Notes on calls that reached somebody (every other one)."""
    spec = book.pipeline.spec
    written = spoke & (uniform(spec.seed, "note/call", tasks.number) < 0.5)
    return _notes(book, "Task", tasks.deal, tasks.seller, tasks.number, written)


def _notes(
    book: Ledger, object_name: str, deal: IntArray, seller: IntArray, number: IntArray, written: BoolArray
) -> tuple[Column, pa.Table]:
    spec, rows = book.pipeline.spec, np.flatnonzero(written)
    levels = note_levels(spec, book.pipeline.deals.words_level[deal[rows]], number[rows])
    texts = note_texts(spec, levels, seller_is_japanese(spec)[seller[rows]], number[rows])
    place = np.cumsum(written) - 1
    hidden = {"activity_id": record_ids(object_name, number[rows]), "words_level": pa.array(levels)}
    return texts.take(pa.array(np.maximum(place, 0), mask=~written)), table(hidden)


def events_table(book: Ledger, events: EventDraft, now: int) -> tuple[pa.Table, pa.Table]:
    """One row per appointment on a deal, and the hidden level of each note.

    A called-off appointment stays in the calendar with the mark that mail programs put before its subject.
    """
    spec, deals, calendar = book.pipeline.spec, book.pipeline.deals, book.pipeline.calendar
    off = events.cancelled_at <= now
    end = events.start_at + events.minutes * 60
    held = (end <= now) & ~off
    removed = _deleted_at(book, events.deal, events.number, events.created_at, now)
    modified = np.where(
        off, events.cancelled_at, np.where(held, np.minimum(end + 900, now), events.created_at)
    )
    written = held & (end + 900 <= now) & (uniform(spec.seed, "note/meeting", events.number) < 0.8)
    description, levels = _notes(book, "Event", events.deal, events.seller, events.number, written)
    modified = np.where(written | off, modified, events.created_at)
    modified = np.where(removed < NEVER, np.maximum(removed, modified), modified)
    subject = _by_language(spec, events.seller, EVENT_SUBJECTS, np.where(events.kind == FIRST_MEETING, 0, 1))
    mark = _by_language(
        spec, events.seller, {"ja": (CANCELLED["ja"],), "en": (CANCELLED["en"],)}, events.kind * 0
    )
    owner, count = seller_user_numbers(events.seller), len(events.deal)
    columns = {
        "Id": record_ids("Event", events.number),
        "IsDeleted": booleans(removed < NEVER),
        "WhoId": record_ids("Contact", first_contacts(book.pipeline)[events.deal]),
        "WhatId": record_ids("Opportunity", deals.key[events.deal]),
        "AccountId": record_ids("Account", deals.account[events.deal]),
        "Subject": pc.if_else(pa.array(off), join(mark, subject), subject),
        "Description": description,
        "OwnerId": user_ids(owner),
        "IsAllDayEvent": booleans(np.zeros(count, dtype=bool)),
        **event_times(events.start_at, end, calendar.local_days(events.start_at), events.minutes),
        "ShowAs": take(("Busy", "Free"), off.astype(np.int64)),
        "EventSubtype": constant("Event", count),
        "IsArchived": booleans(np.zeros(count, dtype=bool)),
        **audit(events.created_at, appointment_setters(spec, book, events), modified),
    }
    return table(columns), levels


def event_times(start: IntArray, end: IntArray, day: IntArray, minutes: IntArray) -> dict[str, Column]:
    """The time columns of Event."""
    return {
        "StartDateTime": timestamps(start),
        "EndDateTime": timestamps(end),
        "ActivityDateTime": timestamps(start),
        "EndDate": dates(day),
        "ActivityDate": dates(day),
        "DurationInMinutes": pa.array(minutes),
    }
