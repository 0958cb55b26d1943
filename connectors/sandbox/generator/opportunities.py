"""From the walk to what the CRM shows: every change of a deal as a row, and the history those rows make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.generator.days import month_ends
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray, integers, normal, uniform
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.pipeline import Pipeline
from connectors.sandbox.generator.spec import OrganizationSpec

CREATED, STAGE, PUSHED, EDITED, OWNER, DELETED = range(6)
MILLION = 1_000_000
MAXIMUM_PUSHES = 14


@dataclass(frozen=True)
class Changes:
    """One element per change, ordered by deal and instant, with the deal's state after it.

    `amount` is −1 where missing. `kind`: created, stage, close date pushed, amount edited, owner, deleted.
    """

    deal: IntArray
    instant: IntArray
    kind: IntArray
    stage: IntArray
    close_day: IntArray
    amount: IntArray
    owner: IntArray
    is_first: BoolArray

    def __len__(self) -> int:
        return len(self.deal)

    def keep(self, which: BoolArray | IntArray) -> Changes:
        """The changes where a mask holds, or those at the positions given."""
        return Changes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class _Raw:
    """Changes of one kind before they are put in order; −1 means: as it was. Amounts change by `log_millionths`."""

    deal: IntArray
    instant: IntArray
    kind: IntArray
    stage: IntArray
    close_day: IntArray
    log_millionths: IntArray
    owner: IntArray


def _all(value: int, count: int) -> IntArray:
    return np.full(count, value, dtype=np.int64)


def _nothing(count: int) -> IntArray:
    return _all(-1, count)


def _millionths(log_factor: FloatArray) -> IntArray:
    """Whole numbers, so that running sums do not depend on what else is summed."""
    return np.round(log_factor * MILLION).astype(np.int64)


def stage_seconds(spec: OrganizationSpec, key: IntArray, day: IntArray, from_stage: IntArray) -> IntArray:
    """Local second of the day of a stage change: after the first meeting for the first stage, any time else."""
    drawn = uniform(spec.seed, "stage/second", key, day)
    late = 18 * 3600 + drawn * 3600
    return np.where(from_stage == 0, late, 10 * 3600 + drawn * 8 * 3600).astype(np.int64)


def first_close_days(pipeline: Pipeline) -> IntArray:
    """Close date entered at creation: most often the end of a month, a few weeks off; sometimes already past."""
    spec, deals = pipeline.spec, pipeline.deals
    ahead = deals.created_day + 15 + integers(spec.seed, "close/ahead", 75, deals.key)
    drawn = uniform(spec.seed, "close/kind", deals.key)
    chosen = np.where(drawn < 0.7, month_ends(ahead), ahead)
    return np.where(drawn > 1 - 0.01 * spec.mess, deals.created_day - 3, chosen)


def first_ends(pipeline: Pipeline) -> IntArray:
    """Day of each deal's first closing or deletion; NEVER while it runs."""
    ends = np.full(len(pipeline.deals), NEVER)
    closing = pipeline.moves.to_stage >= len(pipeline.spec.stages)
    np.minimum.at(ends, pipeline.moves.deal[closing], pipeline.moves.day[closing])
    return ends


def _creations(pipeline: Pipeline) -> _Raw:
    deals = pipeline.deals
    count = len(deals)
    instant = pipeline.calendar.instants(deals.created_day, deals.created_second)
    stage = np.zeros(count, dtype=np.int64)
    return _Raw(
        np.arange(count),
        instant,
        _all(CREATED, count),
        stage,
        first_close_days(pipeline),
        stage,
        deals.seller,
    )


def _stage_changes(pipeline: Pipeline) -> _Raw:
    """Stage moves; a quote revises the amount, closing moves the close date to the day (not always)."""
    spec, deals, moves = pipeline.spec, pipeline.deals, pipeline.moves
    key, open_count = deals.key[moves.deal], len(spec.stages)
    second = stage_seconds(spec, key, moves.day, moves.from_stage)
    closes = (moves.to_stage == open_count) | (moves.to_stage == open_count + 1)
    tidy = closes & (uniform(spec.seed, "close/tidy", key, moves.day) < 1 - 0.07 * spec.mess)
    reopened = moves.from_stage > open_count
    close_day = np.where(tidy, moves.day, np.where(reopened, month_ends(moves.day + 30), -1))
    revises = (moves.to_stage >= 3) & (moves.to_stage < open_count) & (moves.to_stage > moves.from_stage)
    revises &= uniform(spec.seed, "amount/revises", key, moves.day) < 0.45
    factor = _millionths(-0.03 + 0.12 * normal(spec.seed, "amount/revised", key, moves.day)) * revises
    instant = pipeline.calendar.instants(moves.day, second)
    deleted = moves.to_stage == open_count + 2
    kind, stage = np.where(deleted, DELETED, STAGE), np.where(deleted, -1, moves.to_stage)
    return _Raw(moves.deal, instant, kind, stage, close_day, factor, moves.owner)


def _pushes(pipeline: Pipeline) -> _Raw:
    """Close dates that passed and were moved on; neglected deals keep theirs after the first push."""
    spec, deals, calendar = pipeline.spec, pipeline.deals, pipeline.calendar
    alive, due, ends = np.arange(len(deals)), first_close_days(pipeline), first_ends(pipeline)
    found: list[tuple[IntArray, IntArray, IntArray]] = []
    for push in range(MAXIMUM_PUSHES):
        key = deals.key[alive]
        lag = integers(spec.seed, "push/lag", 12, key, push)
        day = calendar.shift(np.maximum(due, deals.created_day[alive]) + 1, lag)
        goes_on = (day < ends[alive]) & (day <= pipeline.last_day) & ~(deals.neglected[alive] & (push > 0))
        alive, day, key = alive[goes_on], day[goes_on], key[goes_on]
        due = month_ends(day + 5 + integers(spec.seed, "push/ahead", 50, key, push))
        found.append((alive, day, due))
    deal, day, close_day = (np.concatenate([each[part] for each in found]) for part in range(3))
    second = 9 * 3600 + integers(spec.seed, "push/second", 3600, deals.key[deal], day)
    none, instant = _nothing(len(deal)), calendar.instants(day, second)
    return _Raw(deal, instant, _all(PUSHED, len(deal)), none, close_day, _all(0, len(deal)), none)


def _edits(pipeline: Pipeline) -> _Raw:
    """Amounts corrected in mid-stage: a same-stage history row some days after a deal reached the third stage or later."""
    spec, deals, moves, calendar = pipeline.spec, pipeline.deals, pipeline.moves, pipeline.calendar
    reached = (moves.to_stage >= 2) & (moves.to_stage < len(spec.stages))
    deal, day = moves.deal[reached], moves.day[reached]
    key = deals.key[deal]
    edited = calendar.shift(day, 1 + integers(spec.seed, "edit/after", 6, key, day))
    kept = (uniform(spec.seed, "edit/happens", key, day) < 0.2) & (edited < first_ends(pipeline)[deal])
    kept &= edited <= pipeline.last_day
    deal, edited, key = deal[kept], edited[kept], key[kept]
    _, once = np.unique(np.stack([deal, edited]), axis=1, return_index=True)
    deal, edited, key = deal[once], edited[once], key[once]
    second = 8 * 3600 + 1800 + integers(spec.seed, "edit/second", 1800, key, edited)
    factor = _millionths(-0.02 + 0.10 * normal(spec.seed, "edit/factor", key, edited))
    none, instant = _nothing(len(deal)), calendar.instants(edited, second)
    return _Raw(deal, instant, _all(EDITED, len(deal)), none, none, factor, none)


def _transfers(pipeline: Pipeline) -> _Raw:
    deal, day = pipeline.transfer_deal, pipeline.transfer_day
    second = 8 * 3600 + integers(pipeline.spec.seed, "transfer/second", 1700, pipeline.deals.key[deal], day)
    none, owner = _nothing(len(deal)), pipeline.deals.transfer_to[deal]
    instant = pipeline.calendar.instants(day, second)
    return _Raw(deal, instant, _all(OWNER, len(deal)), none, none, _all(0, len(deal)), owner)


def _carried(values: IntArray) -> IntArray:
    """The last value that was not −1 (the first of each deal never is)."""
    position = np.where(values >= 0, np.arange(len(values)), 0)
    return values[np.maximum.accumulate(position)]


def _running_sum(values: IntArray, is_first: BoolArray) -> IntArray:
    """Running sum that starts anew with each deal."""
    total = np.cumsum(values)
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(values)), 0))
    return total - total[start] + values[start]


def _amounts(
    pipeline: Pipeline, deal: IntArray, stage: IntArray, factor: IntArray, is_first: BoolArray
) -> IntArray:
    """Amount after each change: revised along the way, unknown early on in some deals, never known or zero in a few."""
    spec, deals = pipeline.spec, pipeline.deals
    exact = deals.base_amount[deal] * np.exp(_running_sum(factor, is_first) / MILLION)
    amount = np.maximum(np.round(exact / spec.amount_step), 1).astype(np.int64) * spec.amount_step
    drawn = uniform(spec.seed, "amount/missing", deals.key)[deal]
    reached = np.maximum.accumulate(deal * 64 + np.where(stage <= len(spec.stages), stage, 0)) - deal * 64
    never, late = drawn < 0.02 * spec.mess, drawn < 0.15 * spec.mess
    amount = np.where(uniform(spec.seed, "amount/zero", deals.key)[deal] < 0.006 * spec.mess, 0, amount)
    return np.where(never | (late & (reached < 2)), -1, amount)


def all_changes(pipeline: Pipeline) -> Changes:
    """Every change of every deal up to the last simulated day, later than the clock included."""
    raw = [make(pipeline) for make in (_creations, _stage_changes, _pushes, _edits, _transfers)]
    deal = np.concatenate([each.deal for each in raw])
    instant = np.concatenate([each.instant for each in raw])
    kind = np.concatenate([each.kind for each in raw])
    order = np.lexsort((kind, instant, deal))
    deal, instant, kind = deal[order], instant[order], kind[order]
    is_first = np.concatenate([[True], deal[1:] != deal[:-1]])[: len(deal)]
    stage = _carried(np.concatenate([each.stage for each in raw])[order])
    factor = np.concatenate([each.log_millionths for each in raw])[order]
    return Changes(
        deal=deal,
        instant=instant,
        kind=kind,
        stage=stage,
        close_day=_carried(np.concatenate([each.close_day for each in raw])[order]),
        amount=_amounts(pipeline, deal, stage, factor, is_first),
        owner=_carried(np.concatenate([each.owner for each in raw])[order]),
        is_first=is_first,
    )
