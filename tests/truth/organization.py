"""Organisations with known hazards (method §8), in arrays: what is true of them, and histories that chance makes of it.

A deal begins in the first stage and leaves a stage forward, by loss or back with hazards a day that depend on its stage, its
age in it, the month of the quarter, and its class: who owns it and which segment it is of. With one stage, forward is winning.
Within a day the hazards are constant, so that the chance to leave is 1 - exp(-hazard) and causes share it by their hazards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray

FIRST_DATE = date(2024, 7, 1)
DAYS = 548
LAST_DATE = FIRST_DATE + timedelta(days=DAYS - 1)
# Older deals never close: they stay open for good.
OLDEST_AGE = 240
FORWARD, LOST, BACK, OPEN = 0, 1, 2, 3
_MONTH_DAYS = 30.4375


@dataclass(frozen=True)
class Organization:
    """`hazards`: causes (forward, lost, back) × stages × ages, a day. `calendar`: causes × month of the quarter.

    `factor`: causes × classes × stages, multiplies the hazards. `intake`: deals a day of each class on the first day, growing
    by `growth` a month. `team`, `rep`, `price` (mean amount won): by class. With several stages no hazard is at age 0, because
    a deal moves once a day.
    """

    hazards: FloatArray
    calendar: FloatArray
    factor: FloatArray
    intake: FloatArray
    growth: float
    team: IntArray
    rep: IntArray
    price: FloatArray

    def __post_init__(self) -> None:
        if self.stages > 1 and self.hazards[:, :, 0].any():
            raise ValueError("with several stages a deal must not leave at age 0")

    @property
    def stages(self) -> int:
        return self.hazards.shape[1]

    @property
    def classes(self) -> int:
        return int(self.intake.size)

    @cached_property
    def arrivals(self) -> FloatArray:
        """Expected new deals, classes × days."""
        return self.intake[:, None] * (1 + self.growth) ** (np.arange(DAYS) / _MONTH_DAYS)


@dataclass(frozen=True)
class Spells:
    """Stays: deal, class of the deal, stage, first and last day (0 is FIRST_DATE), exit (a cause or OPEN)."""

    deal: IntArray
    kind: IntArray
    stage: IntArray
    start: IntArray
    last: IntArray
    exit: IntArray


def month_of_quarter() -> IntArray:
    """0, 1 or 2 for each day."""
    months = [(FIRST_DATE + timedelta(days=day)).month for day in range(DAYS)]
    return (np.array(months) - 1) % 3


def simulate(organization: Organization, random: np.random.Generator, times: float = 1.0) -> Spells:
    """One history, with `times` the intake: the first of competing exponential times to be reached ends a stay."""
    begun = random.poisson(organization.arrivals * times)
    kind = np.repeat(np.repeat(np.arange(organization.classes), DAYS), begun.ravel())
    start = np.repeat(np.tile(np.arange(DAYS), organization.classes), begun.ravel())
    deal, stage = np.arange(kind.size), np.zeros(kind.size, dtype=np.int64)
    tables = _cumulative(organization)
    stays = []
    while deal.size:
        limit = random.exponential(size=(3, deal.size))
        reached = np.stack(
            [
                _time_of(tables[cause], stage, start, each / organization.factor[cause, kind, stage])
                for cause, each in enumerate(limit)
            ]
        )
        first = reached.min(axis=0)
        last = start + np.floor(np.minimum(first, DAYS)).astype(np.int64)
        ends = last < DAYS
        exit_cause = np.where(ends, reached.argmin(axis=0), OPEN)
        stays.append(Spells(deal, kind, stage, start, np.where(ends, last, DAYS - 1), exit_cause))
        stage = stage + np.where(exit_cause == FORWARD, 1, np.where(exit_cause == BACK, -1, 0))
        goes_on = ((exit_cause == FORWARD) & (stage < organization.stages)) | (exit_cause == BACK)
        deal, kind, stage, start = deal[goes_on], kind[goes_on], stage[goes_on], last[goes_on]
    names = ("deal", "kind", "stage", "start", "last", "exit")
    return Spells(*(np.concatenate([getattr(each, name) for each in stays]) for name in names))


def _cumulative(organization: Organization) -> FloatArray:
    """Hazards summed up to the end of each age: causes × stages × day of entry × ages."""
    day = np.minimum(np.arange(DAYS)[:, None] + np.arange(OLDEST_AGE), DAYS - 1)
    factor = organization.calendar[:, month_of_quarter()][:, day]
    return np.cumsum(organization.hazards[:, :, None, :] * factor[:, None], axis=-1)


def _time_of(table: FloatArray, stage: IntArray, start: IntArray, limit: FloatArray) -> FloatArray:
    """Age, with its fraction of a day, at which the summed hazard reaches the limit; infinite where it never does."""
    summed = table[stage, start]
    age = (summed < limit[:, None]).sum(axis=1)
    place = np.minimum(age, OLDEST_AGE - 1)
    rows = np.arange(stage.size)
    above, below = summed[rows, place], np.where(place > 0, summed[rows, place - 1], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.clip((limit - below) / (above - below), 0, 1 - 1e-12)
    return np.where(age < OLDEST_AGE, place + within, np.inf)


def unit_table(
    organization: Organization, spells: Spells, random: np.random.Generator, kind: str = "deal"
) -> pl.DataFrame:
    """Stays as the estimators read them: of kind 'stage', or 'deal' from the first stay's start to the last one's end."""
    if kind == "deal":
        spells = _whole_deals(spells)
    wins = (spells.exit == FORWARD) & (spells.stage == organization.stages - 1)
    names = np.array(["advanced", "lost", "moved_back", "open", "won"])
    next_stage = spells.stage + np.where(spells.exit == FORWARD, 1, -1)
    moves = ((spells.exit == FORWARD) & ~wins) | (spells.exit == BACK)
    _, first = np.unique(spells.deal, return_index=True)
    is_first = np.zeros(spells.deal.size, dtype=np.int64)
    is_first[first] = 1
    price = organization.price[spells.kind]
    amount = np.where(wins, price * random.lognormal(-0.125, 0.5, spells.deal.size), price)
    return pl.DataFrame(
        {
            "team_id": np.char.add("team", organization.team[spells.kind].astype(str)),
            "rep_id": np.char.add("rep", organization.rep[spells.kind].astype(str)),
            "series_name": np.char.add("stage", spells.stage.astype(str)),
            "next_stage_name": np.char.add("stage", next_stage.astype(str)),
            "started_date": _dates(spells.start),
            "last_date": _dates(spells.last),
            "exit_name": names[np.where(wins, 4, spells.exit)],
            "first_units": is_first,
            "amount": amount,
            "moves": moves,
        }
    ).with_columns(
        pl.when("moves").then("next_stage_name").alias("next_stage_name"),
        unit_kind=pl.lit(kind),
        series_name=pl.lit("deal") if kind == "deal" else pl.col("series_name"),
        horizon_limit_days=pl.lit(None, pl.Int32),
        units=pl.lit(1),
        priced_units=pl.lit(1),
    )


def _dates(day: IntArray) -> pl.Series:
    return pl.Series(day + (FIRST_DATE - date(1970, 1, 1)).days).cast(pl.Int32).cast(pl.Date)


def _whole_deals(spells: Spells) -> Spells:
    deals = int(spells.deal.max()) + 1
    first, last = np.empty(deals, dtype=np.int64), np.empty(deals, dtype=np.int64)
    # Stays of a deal follow each other, so that the last written is the latest.
    position = np.arange(spells.deal.size)
    last[spells.deal] = position
    first[spells.deal[::-1]] = position[::-1]
    return Spells(
        np.arange(deals),
        spells.kind[first],
        spells.stage[last],
        spells.start[first],
        spells.last[last],
        spells.exit[last],
    )
