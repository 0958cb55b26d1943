"""The walk of every deal through the stages, one business day after another, all open deals at once.

A daily step rather than drawn dwell times, because hazards change with the calendar, the owner and what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from connectors.sandbox.generator.days import WorkCalendar, day_number, work_calendar
from connectors.sandbox.generator.draws import BoolArray, FloatArray, HashArray, IntArray, chain, hashes
from connectors.sandbox.generator.hazards import (
    MAXIMUM_AGE_DAYS,
    Hazards,
    hazard_tables,
    loss_calendar,
    rep_factors,
    win_calendar,
)
from connectors.sandbox.generator.intake import NEVER, Deals, natural_action_days, new_deals
from connectors.sandbox.generator.spec import OrganizationSpec

REOPENED_STAGE = 2
SECOND_DRAW = 1 << 33


Prompted = Mapping[str, tuple[IntArray, IntArray]]
"""Actions done because somebody asked: action type → (deal keys, days)."""


@dataclass(frozen=True)
class Moves:
    """One element per stage change, in order of day. Stages count from 0; with S open stages, S is won, S + 1 lost,
    S + 2 deleted. `owner` is the seller on that day."""

    deal: IntArray
    day: IntArray
    from_stage: IntArray
    to_stage: IntArray
    owner: IntArray


@dataclass(frozen=True)
class Pipeline:
    """A simulated pipeline: deals, their moves and their changes of owner up to `last_day`."""

    spec: OrganizationSpec
    calendar: WorkCalendar
    deals: Deals
    moves: Moves
    transfer_deal: IntArray
    transfer_day: IntArray
    last_day: int
    prompted: Prompted


class _Walk:
    """State of the simulation: one element per deal."""

    def __init__(
        self, spec: OrganizationSpec, calendar: WorkCalendar, deals: Deals, prompted: Prompted
    ) -> None:
        self.spec, self.calendar, self.deals = spec, calendar, deals
        self.won = len(spec.stages)
        self.stage = np.zeros(len(deals), dtype=np.int64)
        self.entered = deals.created_day.copy()
        self.owner = deals.seller.copy()
        self.state: HashArray = hashes(spec.seed, "walk", deals.key)
        self.factor: FloatArray = np.exp(deals.log_factor)
        self.tables: Hazards = hazard_tables(spec)
        self.reps = rep_factors(spec)
        self.acted = acted_days(spec, deals, prompted)
        self.active: IntArray = np.empty(0, dtype=np.int64)
        self.reopen_after = deals.reopen_after_days.copy()
        self.waiting: list[tuple[int, int]] = []
        self.moves: list[tuple[IntArray, int, IntArray, IntArray, IntArray]] = []
        self.transfers: list[tuple[IntArray, int]] = []

    def step(self, day: int, win: float, loss: float) -> None:
        """One business day: hand over, delete, the hazards, and last what comes back and runs again from tomorrow."""
        self._hand_over(self.active[self.deals.transfer_day[self.active] == day], day)
        gone = self.deals.delete_day[self.active] == day
        if gone.any():
            self._move(self.active[gone], day, np.full(int(gone.sum()), self.won + 2))
            self.active = self.active[~gone]
        self._exit(day, win, loss)
        self._reopen(day)

    def _hand_over(self, deals: IntArray, day: int) -> None:
        if len(deals):
            self.owner[deals] = self.deals.transfer_to[deals]
            self.transfers.append((deals, day))

    def _is_late(self, deals: IntArray, day: int) -> BoolArray:
        """Deals that should have changed owner while they were closed."""
        due = self.deals.transfer_day[deals] <= day
        late: BoolArray = due & (self.owner[deals] != self.deals.transfer_to[deals])
        return late

    def admit(self, first: int, last: int) -> None:
        """Deals created today start to run tomorrow."""
        self.active = np.concatenate([self.active, np.arange(first, last)])

    def _reopen(self, day: int) -> None:
        due = np.array([deal for when, deal in self.waiting if when <= day], dtype=np.int64)
        if len(due):
            self.waiting = [each for each in self.waiting if each[0] > day]
            self._hand_over(due[self._is_late(due, day)], day)
            self._move(due, day, np.full(len(due), min(REOPENED_STAGE, self.won - 1)))
            self.active = np.concatenate([self.active, due])

    def _exit(self, day: int, win: float, loss: float) -> None:
        deals = self.active
        forward, skip, back, lost = self._daily(deals, day, win, loss)
        total = forward + skip + back + lost
        state = self.state[deals]
        leaves = chain(state, day) < -np.expm1(-total)
        if not leaves.any():
            return
        where = np.flatnonzero(leaves)
        pick = chain(state[where], day + SECOND_DRAW) * total[where]
        steps = np.where(pick < forward[where], 1, np.where(pick < forward[where] + skip[where], 2, -1))
        target = self.stage[deals[where]] + steps
        is_lost = pick >= (forward + skip + back)[where]
        target = np.where(is_lost, self.won + 1, target)
        self._move(deals[where], day, target)
        closed = np.zeros(len(deals), dtype=bool)
        closed[where] = target >= self.won
        self.active = deals[~closed]
        self._await_reopening(deals[where][is_lost], day)

    def _daily(
        self, deals: IntArray, day: int, win: float, loss: float
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Hazards of today, per deal: forward (or won), skipped ahead, moved back, lost."""
        stage = self.stage[deals]
        cell = stage * (MAXIMUM_AGE_DAYS + 1) + np.minimum(day - self.entered[deals], MAXIMUM_AGE_DAYS)
        pull = self.factor[deals] * self.reps[self.owner[deals], stage] * self._action_factor(deals, day)
        forward = self.tables.forward.ravel()[cell] * pull * np.where(stage == self.won - 1, win, 1.0)
        skip = self.tables.skip.ravel()[cell] * pull
        alive = np.where(self.deals.neglected[deals], 0.1, 1.0)
        back = self.tables.back.ravel()[cell] * alive
        return forward, skip, back, self.tables.lost.ravel()[cell] * loss * alive

    def _action_factor(self, deals: IntArray, day: int) -> FloatArray | float:
        if not self.acted:
            return 1.0
        log_factor = sum(np.where(days[deals] <= day, effect, 0.0) for effect, days in self.acted)
        result: FloatArray = np.exp(log_factor)
        return result

    def _await_reopening(self, deals: IntArray, day: int) -> None:
        """A lost deal comes back once at most."""
        for deal in deals[self.reopen_after[deals] < NEVER].tolist():
            self.waiting.append((day + int(self.reopen_after[deal]), deal))
            self.reopen_after[deal] = NEVER

    def _move(self, deals: IntArray, day: int, target: IntArray) -> None:
        self.moves.append((deals, day, self.stage[deals], target, self.owner[deals]))
        self.stage[deals] = target
        self.entered[deals] = day


def action_days(spec: OrganizationSpec, deals: Deals, action_type: str, prompted: Prompted) -> IntArray:
    """Day each deal had an action of this type, unprompted or prompted, whichever came first; NEVER if not."""
    days = natural_action_days(spec, deals, action_type)
    if action_type in prompted:
        keys, when = prompted[action_type]
        np.minimum.at(days, np.searchsorted(deals.key, keys), when)
    return days


def acted_days(spec: OrganizationSpec, deals: Deals, prompted: Prompted) -> list[tuple[float, IntArray]]:
    """For each action type with a true effect: the effect (on the log hazard) and `action_days`."""
    effects = sorted(spec.action_effects.items())
    return [(effect, action_days(spec, deals, name, prompted)) for name, effect in effects if effect != 0.0]


def simulate(
    spec: OrganizationSpec,
    *,
    days_after_today: int = 0,
    intake_goes_on: bool = True,
    prompted: Prompted | None = None,
) -> Pipeline:
    """Walks all deals from the first day of history to today, and further when asked, with or without new ones.

    Raises ValueError when more days are asked for than the calendar holds.
    """
    if not -1 <= days_after_today <= 440:
        raise ValueError("days_after_today must be -1 to 440")
    calendar = work_calendar(spec)
    today = day_number(spec.local_today)
    deals = new_deals(spec, calendar, today + days_after_today * intake_goes_on)
    walk = _Walk(spec, calendar, deals, prompted or {})
    first, last_day = day_number(spec.first_date), today + days_after_today
    days = calendar.business_days[(calendar.business_days >= first) & (calendar.business_days <= last_day)]
    edges = np.searchsorted(deals.created_day, days, side="right").tolist()
    wins, losses = win_calendar(spec, days).tolist(), loss_calendar(spec, days).tolist()
    admitted = 0
    for day, edge, win, loss in zip(days.tolist(), edges, wins, losses, strict=True):
        walk.step(day, win, loss)
        walk.admit(admitted, edge)
        admitted = edge
    return _collect(walk, last_day, prompted or {})


def _collect(walk: _Walk, last_day: int, prompted: Prompted) -> Pipeline:
    empty = np.empty(0, dtype=np.int64)
    moves = Moves(
        deal=np.concatenate([empty, *(move[0] for move in walk.moves)]),
        day=np.concatenate([empty, *(np.full(len(move[0]), move[1]) for move in walk.moves)]),
        from_stage=np.concatenate([empty, *(move[2] for move in walk.moves)]),
        to_stage=np.concatenate([empty, *(move[3] for move in walk.moves)]),
        owner=np.concatenate([empty, *(move[4] for move in walk.moves)]),
    )
    handed = np.concatenate([empty, *(each[0] for each in walk.transfers)])
    handed_day = np.concatenate([empty, *(np.full(len(each[0]), each[1]) for each in walk.transfers)])
    return Pipeline(walk.spec, walk.calendar, walk.deals, moves, handed, handed_day, last_day, prompted)


def was_handed(pipeline: Pipeline) -> BoolArray:
    """Whether each deal did change owner."""
    result = np.zeros(len(pipeline.deals), dtype=bool)
    result[pipeline.transfer_deal] = True
    return result
