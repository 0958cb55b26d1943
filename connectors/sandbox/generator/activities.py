"""What reps do: touches, appointments, meetings, and the replies they get.

Touches that lead nowhere and appointments that are not held are drawn as what a thinned Poisson process leaves over, given
the meetings that moved deals out of the first stage. So each touch leads to an appointment, and each appointment to a held
first meeting, with the rep's own true rate, without simulating the touches first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from connectors.sandbox.generator.days import WorkCalendar
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray, integers, poisson, uniform
from connectors.sandbox.generator.intake import NEVER, seller_last_days
from connectors.sandbox.generator.opportunities import first_ends
from connectors.sandbox.generator.people import activity_rates, logging_shares
from connectors.sandbox.generator.pipeline import Pipeline, action_days
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.spells import SpellDays, forward_rates, owners_on, spell_days, stage_spells

CALL_OUT, MAIL_OUT, CALL_IN, MAIL_IN, PROPOSAL, TO_DO = range(6)
FIRST_MEETING, MEETING = range(2)
OFFSET_LIMIT = 2048
SILENT = -1


@dataclass(frozen=True)
class TaskDraft:
    """One element per task on a deal. `done_at` (UTC seconds) is NEVER when it stays open; `due_day` is its ActivityDate."""

    number: IntArray
    deal: IntArray
    seller: IntArray
    kind: IntArray
    created_at: IntArray
    done_at: IntArray
    due_day: IntArray


@dataclass(frozen=True)
class EventDraft:
    """One element per customer meeting on a deal. `cancelled_at` is NEVER when it is held."""

    number: IntArray
    deal: IntArray
    seller: IntArray
    kind: IntArray
    created_at: IntArray
    start_at: IntArray
    minutes: IntArray
    cancelled_at: IntArray


def joined_tasks(parts: list[TaskDraft]) -> TaskDraft:
    """All parts in one."""
    return TaskDraft(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(TaskDraft))
    )


def joined_events(parts: list[EventDraft]) -> EventDraft:
    """All parts in one."""
    return EventDraft(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(EventDraft))
    )


def activity_number(
    pipeline: Pipeline, deal: IntArray, day: IntArray, source: int, within: IntArray | int = 0
) -> IntArray:
    """A number that is the same however far one generates: deal, day since creation, source (0–15), order (0–7)."""
    offset = np.clip(day - pipeline.deals.created_day[deal], 0, OFFSET_LIMIT - 1)
    number: IntArray = ((pipeline.deals.key[deal] * OFFSET_LIMIT + offset) * 16 + source) * 8 + within
    return number


def _logged(spec: OrganizationSpec, seller: IntArray, number: IntArray) -> BoolArray:
    return uniform(spec.seed, "activity/logged", number) < logging_shares(spec)[seller]


def _outbound(spec: OrganizationSpec, number: IntArray) -> IntArray:
    return np.where(uniform(spec.seed, "touch/kind", number) < 0.6, CALL_OUT, MAIL_OUT)


def _morning(pipeline: Pipeline, number: IntArray, day: IntArray) -> IntArray:
    second = 9 * 3600 + integers(pipeline.spec.seed, "touch/second", 3 * 3600, number)
    return pipeline.calendar.instants(day, second)


def _done(
    number: IntArray, deal: IntArray, seller: IntArray, kind: IntArray, at: IntArray, day: IntArray
) -> TaskDraft:
    """Tasks logged as done when they were done."""
    return TaskDraft(number, deal, seller, kind, at, at, day)


def _kept_tasks(spec: OrganizationSpec, draft: TaskDraft) -> TaskDraft:
    keep = _logged(spec, draft.seller, draft.number)
    return TaskDraft(*(getattr(draft, each.name)[keep] for each in fields(TaskDraft)))


def _appointment_set(pipeline: Pipeline, deal: IntArray, day: IntArray, number: IntArray) -> IntArray:
    """When an appointment for `day` was made: one to seven business days before, not before the deal was created."""
    spec, deals, calendar = pipeline.spec, pipeline.deals, pipeline.calendar
    set_day = calendar.shift(day, -1 - integers(spec.seed, "appointment/lead", 7, number))
    created = deals.created_day[deal]
    at = calendar.instants(set_day, 9 * 3600 + 1800 + integers(spec.seed, "appointment/second", 9000, number))
    on_creation = calendar.instants(created, deals.created_second[deal] + 1200)
    return np.where(set_day > created, at, on_creation)


def _start(pipeline: Pipeline, number: IntArray, day: IntArray) -> IntArray:
    """Meetings begin in the afternoon, on the half hour."""
    slot = integers(pipeline.spec.seed, "meeting/slot", 8, number)
    return pipeline.calendar.instants(day, 13 * 3600 + slot * 1800)


def _with_touch(pipeline: Pipeline, events: EventDraft) -> TaskDraft:
    """The touch that brought each appointment, ten minutes before it was made."""
    at = events.created_at - 600
    kind = _outbound(pipeline.spec, events.number)
    return _done(events.number, events.deal, events.seller, kind, at, pipeline.calendar.local_days(at))


def first_meetings(pipeline: Pipeline) -> tuple[EventDraft, TaskDraft]:
    """First meetings held, each on the day a deal left the first stage forwards, and the touches before them."""
    spec, moves = pipeline.spec, pipeline.moves
    forward = (moves.from_stage == 0) & (moves.to_stage <= len(spec.stages)) & (moves.to_stage > 0)
    deal, day, seller = moves.deal[forward], moves.day[forward], moves.owner[forward]
    number = activity_number(pipeline, deal, day, 0)
    never = np.full(len(deal), NEVER)
    return _appointments(pipeline, deal, day, seller, number, never)


def _appointments(
    pipeline: Pipeline, deal: IntArray, day: IntArray, seller: IntArray, number: IntArray, cancelled: IntArray
) -> tuple[EventDraft, TaskDraft]:
    keep = _logged(pipeline.spec, seller, number)
    deal, day, seller, number, cancelled = (each[keep] for each in (deal, day, seller, number, cancelled))
    created = _appointment_set(pipeline, deal, day, number)
    start = _start(pipeline, number, day)
    hours = 1 + integers(pipeline.spec.seed, "appointment/notice", 20, number)
    cancelled = np.where(cancelled < NEVER, np.maximum(start - hours * 3600, created + 900), NEVER)
    kind, minutes = np.full(len(deal), FIRST_MEETING), np.full(len(deal), 60)
    events = EventDraft(number, deal, seller, kind, created, start, minutes, cancelled)
    return events, _with_touch(pipeline, events)


def failed_prospecting(pipeline: Pipeline, days: SpellDays) -> tuple[EventDraft, TaskDraft]:
    """Appointments that were called off, the touches that brought them, and touches that brought none."""
    spec = pipeline.spec
    rows = np.flatnonzero(days.stage == 0)
    part = SpellDays(*(getattr(days, each.name)[rows] for each in fields(SpellDays)))
    rate = forward_rates(pipeline, part)
    held = activity_rates(spec, "appointment_to_meeting", spec.appointment_to_meeting)[part.owner]
    agreed = activity_rates(spec, "touch_to_appointment", spec.touch_to_appointment)[part.owner]
    failed = activity_number(pipeline, part.deal, part.day, 1)
    off = poisson(spec.seed, "appointment/failed", rate * (1 - held) / held, failed) > 0
    never = np.zeros(int(off.sum()), dtype=np.int64)
    events, touches = _appointments(
        pipeline, part.deal[off], part.day[off], part.owner[off], failed[off], never
    )
    vain = _repeated(pipeline, part, rate / held * (1 - agreed) / agreed, 2, "touch/vain")
    return events, joined_tasks([touches, vain])


def _repeated(pipeline: Pipeline, days: SpellDays, rate: FloatArray, source: int, name: str) -> TaskDraft:
    """Outbound touches at a rate per business day."""
    spec = pipeline.spec
    count = np.minimum(
        poisson(spec.seed, name, rate, activity_number(pipeline, days.deal, days.day, source)), 7
    )
    row = np.repeat(np.arange(len(count)), count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    deal, day, seller = days.deal[row], days.day[row], days.owner[row]
    number = activity_number(pipeline, deal, day, source, within)
    at = _morning(pipeline, number, day)
    return _kept_tasks(spec, _done(number, deal, seller, _outbound(spec, number), at, day))


def later_touches(pipeline: Pipeline, days: SpellDays) -> TaskDraft:
    """Touches and replies after the first stage, fewer as the stay grows old."""
    spec = pipeline.spec
    later = np.where(days.stage > 0, np.exp(-(days.day - days.entered_day) / 40.0), 0.0)
    later = later * np.where(pipeline.deals.neglected[days.deal], 0.15, 1.0)
    out = _repeated(pipeline, days, spec.later_touches_per_day * later, 3, "touch/later")
    replies = _repeated(pipeline, days, spec.inbound_per_day * later, 4, "touch/inbound")
    is_call = uniform(spec.seed, "touch/inbound kind", replies.number) < 0.3
    inbound = np.where(is_call, CALL_IN, MAIL_IN)
    return joined_tasks(
        [out, TaskDraft(replies.number, replies.deal, replies.seller, inbound, *_rest(replies))]
    )


def _rest(draft: TaskDraft) -> tuple[IntArray, IntArray, IntArray]:
    return draft.created_at, draft.done_at, draft.due_day


def later_meetings(pipeline: Pipeline, days: SpellDays) -> EventDraft:
    """Meetings after the first one, agreed while the deal is open; called off when it closes before, or at times anyway."""
    spec, calendar = pipeline.spec, pipeline.calendar
    number = activity_number(pipeline, days.deal, days.day, 5)
    rate = np.where(
        days.stage > 0, spec.later_meetings_per_day * np.exp(-(days.day - days.entered_day) / 60.0), 0.0
    )
    rate = rate * np.where(pipeline.deals.neglected[days.deal], 0.15, 1.0)
    agreed = (uniform(spec.seed, "meeting/agreed", number) < rate) & _logged(spec, days.owner, number)
    deal, day, seller, number = days.deal[agreed], days.day[agreed], days.owner[agreed], number[agreed]
    return _meetings(pipeline, deal, day, seller, number, calendar)


def _meetings(
    pipeline: Pipeline,
    deal: IntArray,
    day: IntArray,
    seller: IntArray,
    number: IntArray,
    calendar: WorkCalendar,
) -> EventDraft:
    """Meetings agreed on `day`, one to eight business days ahead."""
    spec = pipeline.spec
    created = calendar.instants(
        day, 11 * 3600 + integers(spec.seed, "meeting/agreed second", 6 * 3600, number)
    )
    held_on = calendar.shift(day, 1 + integers(spec.seed, "meeting/ahead", 8, number))
    start = _start(pipeline, number, held_on)
    minutes = np.array([30, 60, 60, 90])[integers(spec.seed, "meeting/minutes", 4, number)]
    ends = np.minimum(first_ends(pipeline)[deal], 10**6)
    closed = calendar.instants(np.maximum(ends, day), 19 * 3600 + 1800)
    by_chance = uniform(spec.seed, "meeting/off", number) < 0.08
    off = np.where(by_chance, np.maximum(start - 7200, created + 900), NEVER)
    off = np.where(closed < start, np.minimum(np.maximum(closed, created + 900), off), off)
    return EventDraft(number, deal, seller, np.full(len(deal), MEETING), created, start, minutes, off)


def proposals(pipeline: Pipeline) -> TaskDraft:
    """The proposal, sent within some days of reaching the stage for it (not always logged)."""
    spec, moves = pipeline.spec, pipeline.moves
    stage = min(3, len(spec.stages) - 1)
    reached = (moves.to_stage == stage) & (moves.from_stage < stage)
    deal, entered = moves.deal[reached], moves.day[reached]
    number = activity_number(pipeline, deal, entered, 6)
    day = pipeline.calendar.shift(entered, 1 + integers(spec.seed, "proposal/after", 6, number))
    sent = (uniform(spec.seed, "proposal/sent", number) < 0.85) & (day <= first_ends(pipeline)[deal])
    deal, day, number = deal[sent], day[sent], number[sent]
    seller, kind = owners_on(pipeline, deal, day), np.full(len(deal), PROPOSAL)
    return _kept_tasks(spec, _done(number, deal, seller, kind, _morning(pipeline, number, day), day))


def to_dos(pipeline: Pipeline) -> TaskDraft:
    """Reps' own to-dos, made when a deal changes stage; a quarter are never ticked off."""
    spec, moves, calendar = pipeline.spec, pipeline.moves, pipeline.calendar
    number = activity_number(pipeline, moves.deal, moves.day, 7)
    made = (
        (uniform(spec.seed, "to-do/made", number) < 0.18)
        & (moves.to_stage < len(spec.stages))
        & (moves.to_stage >= 0)
    )
    made &= _logged(spec, moves.owner, number)
    number, deal, day, seller = number[made], moves.deal[made], moves.day[made], moves.owner[made]
    created = calendar.instants(day, 19 * 3600 + 300)
    due = calendar.shift(day, 3 + integers(spec.seed, "to-do/due", 8, number))
    ticked = calendar.instants(due, 17 * 3600 + integers(spec.seed, "to-do/second", 3600, number))
    is_ticked = (uniform(spec.seed, "to-do/done", number) < 0.75) & (due <= seller_last_days(spec)[seller])
    done = np.where(is_ticked, ticked, NEVER)
    return TaskDraft(number, deal, seller, np.full(len(deal), TO_DO), created, done, due)


def action_traces(pipeline: Pipeline) -> tuple[EventDraft, TaskDraft]:
    """What actions of three types leave behind: a meeting booked, a call, a mail about the proposal."""
    spec, calendar = pipeline.spec, pipeline.calendar
    deal, day, seller = _acted(pipeline, "book_the_next_meeting")
    booked = _meetings(pipeline, deal, day, seller, activity_number(pipeline, deal, day, 8), calendar)
    parts = []
    for source, name, kind in ((9, "break_the_silence", CALL_OUT), (10, "follow_up_the_proposal", MAIL_OUT)):
        deal, day, seller = _acted(pipeline, name)
        number = activity_number(pipeline, deal, day, source)
        at = _morning(pipeline, number, day)
        parts.append(_kept_tasks(spec, _done(number, deal, seller, np.full(len(deal), kind), at, day)))
    keep = _logged(spec, booked.seller, booked.number)
    return EventDraft(*(getattr(booked, each.name)[keep] for each in fields(EventDraft))), joined_tasks(parts)


def _acted(pipeline: Pipeline, action_type: str) -> tuple[IntArray, IntArray, IntArray]:
    """Deals past the first stage, day and owner of each action of a type done while the deal was open."""
    spec, deals, calendar = pipeline.spec, pipeline.deals, pipeline.calendar
    day = action_days(spec, deals, action_type, pipeline.prompted)
    deal = np.flatnonzero((day < np.minimum(first_ends(pipeline), pipeline.last_day)) & ~deals.neglected)
    day = calendar.on_or_after(day[deal])
    moves, started = pipeline.moves, np.full(len(deals), NEVER)
    forward = (moves.from_stage == 0) & (moves.to_stage < len(spec.stages))
    np.minimum.at(started, moves.deal[forward], moves.day[forward])
    keep = (day > started[deal]) & (day < first_ends(pipeline)[deal])
    return deal[keep], day[keep], owners_on(pipeline, deal[keep], day[keep])


def deal_activities(pipeline: Pipeline) -> tuple[EventDraft, TaskDraft]:
    """All meetings and tasks on deals, those known only later than the clock included."""
    days = spell_days(pipeline, stage_spells(pipeline))
    held, before = first_meetings(pipeline)
    off, vain = failed_prospecting(pipeline, days)
    booked, acted = action_traces(pipeline)
    events = joined_events([held, off, later_meetings(pipeline, days), booked])
    tasks = joined_tasks(
        [before, vain, later_touches(pipeline, days), proposals(pipeline), to_dos(pipeline), acted]
    )
    return events, tasks
