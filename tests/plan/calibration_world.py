"""Generated sales organisations of which everything is known: who wins how, what the month does, what came of each deal.

Deals begin with a first meeting in the first of two stages and are walked day by day: daily hazards by stage and days in
it, times the rep's own ratio, times what the month does to everybody. Written with numpy's own generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import BusinessCalendar

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CALENDAR = BusinessCalendar("GB")
STAGES = np.array(["first", "second"])
REPS, TEAMS = 100, 5
HISTORY_DAYS = 430
MONTH_SHOCK = 0.25
REP_SPREAD = 0.25
# Wins cluster in the last month of the quarter.
SEASON = np.array([0.85, 0.9, 1.25])
PRICE, PRICE_SPREAD = 100_000.0, 0.7
STRATA = 50
WON, LOST, ADVANCED, OPEN = 0, 1, 2, 3


def hazards(stage: IntArray, age: IntArray) -> FloatArray:
    """Daily hazards (won, lost, on to the next stage) by stage and days in it, deals × 3."""
    late = np.select([age < 5, age < 25], [0.5, 1.25], 0.5)
    first = np.stack([np.full(len(stage), 0.003), np.full(len(stage), 0.03), 0.06 * late], axis=1)
    second = np.stack([0.045 * late, np.full(len(stage), 0.045), np.zeros(len(stage))], axis=1)
    return np.where(stage[:, None] == 0, first, second)


@dataclass
class Deals:
    """Every deal ever begun; arrays with one place per deal, days counted from the first of the history."""

    rep: IntArray
    amount: FloatArray
    started: IntArray
    stage: IntArray
    entered: IntArray
    exit: IntArray
    ended: IntArray

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Still open today."""
        return self.exit == OPEN


def planned_month_normal(seed: int) -> float:
    """Standard normal, stratified over each 50 seeds in turn: what a lucky run of shocks does is not to be measured."""
    order = np.random.default_rng([11, seed // STRATA]).permutation(STRATA)
    return NormalDist().inv_cdf((float(order[seed % STRATA]) + 0.5) / STRATA)


class World:
    """One organisation; ``day`` is the last day walked, ``first_date`` the date of day 0."""

    def __init__(self, seed: int) -> None:
        """Everything follows from the seed; the eve of the plan lies somewhere in a month."""
        self.random = np.random.default_rng(seed)
        self.plan_date = self._some_business_day(seed)
        self.as_of_date = self.plan_date - timedelta(days=1)
        self.first_date = self.as_of_date - timedelta(days=HISTORY_DAYS - 1)
        self.ratio = np.exp(REP_SPREAD * self.random.standard_normal(REPS))
        self.pace = 1.6 * np.exp(0.2 * self.random.standard_normal(REPS))
        self.shocks = {
            self.plan_date.timetuple()[:2]: float(np.exp(MONTH_SHOCK * planned_month_normal(seed)))
        }
        self.spells: list[pl.DataFrame] = []
        none = np.zeros(0, dtype=np.int64)
        self.deals = Deals(none, np.zeros(0), none, none, none, none, none)

    def _some_business_day(self, seed: int) -> date:
        """A third of the months are planned at their start, the others anywhere but on the last days."""
        start = date(2024 + seed % 3, 1 + seed // 3 % 12, 1)
        days = CALENDAR.business_days(start, start + timedelta(days=24))
        return days[0] if seed % 3 == 0 else days[int(self.random.integers(len(days)))]

    def date_of(self, day: int) -> date:
        """The date of a day number."""
        return self.first_date + timedelta(days=day)

    def win_factor(self, day: int) -> float:
        """What the month of that day does to everybody's wins: the season and its own shock."""
        month = self.date_of(day).timetuple()[:2]
        if month not in self.shocks:
            self.shocks[month] = float(np.exp(MONTH_SHOCK * self.random.standard_normal()))
        return float(SEASON[(month[1] - 1) % 3]) * self.shocks[month]

    def meet(self, day: int, meetings: IntArray) -> None:
        """So many first meetings of each rep on a day."""
        rep = np.repeat(np.arange(REPS), meetings)
        count = len(rep)
        amount = PRICE * np.exp(PRICE_SPREAD * self.random.standard_normal(count) - PRICE_SPREAD**2 / 2)
        zero, today = np.zeros(count, dtype=np.int64), np.full(count, day)
        begun = Deals(rep, amount, today, zero, today, zero + OPEN, today)
        self.deals = Deals(
            *(
                np.concatenate([getattr(self.deals, name), getattr(begun, name)])
                for name in Deals.__dataclass_fields__
            )
        )

    def walk(self, day: int) -> None:
        """What happens on one day to the deals open since before."""
        deals = self.deals
        alive = np.flatnonzero((deals.exit == OPEN) & (deals.started < day))
        rates = hazards(deals.stage[alive], day - deals.entered[alive])
        rates[:, WON] *= self.ratio[deals.rep[alive]] * self.win_factor(day)
        total = rates.sum(axis=1)
        leaves = self.random.random(len(alive)) < -np.expm1(-total)
        gone, rates, total = alive[leaves], rates[leaves], total[leaves]
        to = (self.random.random(len(gone))[:, None] > np.cumsum(rates, axis=1) / total[:, None]).sum(axis=1)
        self._note_spells(gone, np.full(len(gone), day), to)
        moves = gone[to == ADVANCED]
        deals.stage[moves], deals.entered[moves] = 1, day
        closed = to != ADVANCED
        deals.exit[gone[closed]], deals.ended[gone[closed]] = to[closed], day

    def _note_spells(self, which: IntArray, left: IntArray, to: IntArray) -> None:
        deals = self.deals
        self.spells.append(
            pl.DataFrame(
                {
                    "deal": which,
                    "stage": deals.stage[which],
                    "started": deals.entered[which],
                    "last": left,
                    "to": to,
                    "rep": deals.rep[which],
                }
            )
        )

    def live_through_history(self) -> None:
        """Reps meet at their own pace on business days, until the eve of the plan."""
        for day in range(HISTORY_DAYS):
            self.walk(day)
            if CALENDAR.is_business_day(self.date_of(day)):
                self.meet(day, self.random.poisson(self.pace))
        still = np.flatnonzero(self.deals.is_open)
        self._note_spells(still, np.full(len(still), HISTORY_DAYS - 1), np.full(len(still), OPEN))
        self.history = pl.concat(self.spells)

    def hold(self, meetings: dict[date, IntArray], until: date) -> FloatArray:
        """Hold these meetings of each rep, and return the money each rep wins until that date."""
        last = (until - self.first_date).days
        for day in range(HISTORY_DAYS, last + 1):
            self.walk(day)
            today = meetings.get(self.date_of(day))
            if today is not None:
                self.meet(day, today)
        deals = self.deals
        won = (deals.exit == WON) & (deals.ended >= HISTORY_DAYS)
        return np.bincount(deals.rep[won], deals.amount[won], REPS)
