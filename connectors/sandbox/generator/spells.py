"""Stays in stages and the business days inside them: what activities hang on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.generator.draws import FloatArray, IntArray
from connectors.sandbox.generator.hazards import MAXIMUM_AGE_DAYS, hazard_tables, rep_factors, win_calendar
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.pipeline import Pipeline, action_days, was_handed

ACTIVE_AGE_DAYS = 120


@dataclass(frozen=True)
class Spells:
    """One element per stay in an open stage: [entered_day, left_day), `left_day` NEVER while it lasts.

    `exit_stage` is the stage after it, −1 while it lasts.
    """

    deal: IntArray
    stage: IntArray
    entered_day: IntArray
    left_day: IntArray
    exit_stage: IntArray


@dataclass(frozen=True)
class SpellDays:
    """One element per business day of a stay, the day after entry first, the day of leaving last."""

    deal: IntArray
    stage: IntArray
    entered_day: IntArray
    day: IntArray
    owner: IntArray
    ends_spell: IntArray


def stage_spells(pipeline: Pipeline) -> Spells:
    """The stays of every deal, ordered by deal and day."""
    deals, moves = pipeline.deals, pipeline.moves
    deal = np.concatenate([np.arange(len(deals)), moves.deal])
    day = np.concatenate([deals.created_day, moves.day])
    stage = np.concatenate([np.zeros(len(deals), dtype=np.int64), moves.to_stage])
    order = np.lexsort((day, deal))
    deal, day, stage = deal[order], day[order], stage[order]
    same = np.concatenate([deal[1:] == deal[:-1], [False]])[: len(deal)]
    left = np.where(same, np.roll(day, -1), NEVER)
    exit_stage = np.where(same, np.roll(stage, -1), -1)
    open_stay = stage < len(pipeline.spec.stages)
    return Spells(deal[open_stay], stage[open_stay], day[open_stay], left[open_stay], exit_stage[open_stay])


def owners_on(pipeline: Pipeline, deal: IntArray, day: IntArray) -> IntArray:
    """Seller who owns each deal on a day."""
    deals = pipeline.deals
    moved = was_handed(pipeline)[deal] & (deals.transfer_day[deal] <= day)
    return np.where(moved, deals.transfer_to[deal], deals.seller[deal])


def spell_days(pipeline: Pipeline, spells: Spells) -> SpellDays:
    """The business days of each stay, at most 120 calendar days after entry: old deals fall silent."""
    business = pipeline.calendar.business_days
    last = np.minimum(np.minimum(spells.left_day, pipeline.last_day), spells.entered_day + ACTIVE_AGE_DAYS)
    first_index = np.searchsorted(business, spells.entered_day, side="right")
    count = np.maximum(np.searchsorted(business, last, side="right") - first_index, 0)
    spell = np.repeat(np.arange(len(count)), count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    day = business[first_index[spell] + within]
    deal = spells.deal[spell]
    return SpellDays(
        deal=deal,
        stage=spells.stage[spell],
        entered_day=spells.entered_day[spell],
        day=day,
        owner=owners_on(pipeline, deal, day),
        ends_spell=(day == spells.left_day[spell]).astype(np.int64),
    )


def forward_rates(pipeline: Pipeline, days: SpellDays) -> FloatArray:
    """The true hazard of moving forward on each day of a stay (skips included)."""
    spec, deals = pipeline.spec, pipeline.deals
    tables = hazard_tables(spec)
    age = np.minimum(days.day - days.entered_day, MAXIMUM_AGE_DAYS)
    base = (tables.forward + tables.skip)[days.stage, age]
    pull = np.exp(deals.log_factor)[days.deal] * rep_factors(spec)[days.owner, days.stage]
    for action_type, effect in sorted(spec.action_effects.items()):
        done = action_days(spec, deals, action_type, pipeline.prompted)[days.deal] <= days.day
        pull = pull * np.exp(np.where(done, effect, 0.0))
    won = np.where(days.stage == len(spec.stages) - 1, win_calendar(spec, days.day), 1.0)
    result: FloatArray = base * pull * won
    return result
