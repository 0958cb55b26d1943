"""The true hazards: by stage, exit and age in stage, times what the rep, the deal and the calendar make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.generator.days import months_of
from connectors.sandbox.generator.draws import FloatArray, IntArray, categories, normal, uniform
from connectors.sandbox.generator.spec import OrganizationSpec

MAXIMUM_AGE_DAYS = 400
FORWARD_FLOOR = 0.25
UPPER_QUARTILE = 0.6744897501960817
NEGLECTED_LOG_FACTOR = -3.0


@dataclass(frozen=True)
class Hazards:
    """Hazards per business day, one row per open stage and one column per day of age in stage (0 … 400)."""

    forward: FloatArray
    skip: FloatArray
    back: FloatArray
    lost: FloatArray


def hazard_tables(spec: OrganizationSpec) -> Hazards:
    """The base hazards of a typical rep and deal, before the calendar."""
    age = np.arange(MAXIMUM_AGE_DAYS + 1, dtype=np.float64)
    rows: list[list[FloatArray]] = [[], [], [], []]
    for position, stage in enumerate(spec.stages):
        shape = (1 - np.exp(-(age + 1) / stage.ramp_days)) * (
            FORWARD_FLOOR + (1 - FORWARD_FLOOR) * np.exp(-age / stage.fade_days)
        )
        can_skip = position < len(spec.stages) - 2
        rows[0].append(stage.forward_per_day * shape)
        rows[1].append(stage.skip_per_day * shape * can_skip)
        rows[2].append(np.full_like(age, stage.back_per_day if position else 0.0))
        rows[3].append(stage.lost_per_day * (1 - 0.5 * np.exp(-age / 10.0)))
    forward, skip, back, lost = (np.stack(each) for each in rows)
    return Hazards(forward, skip, back, lost)


def rep_factors(spec: OrganizationSpec) -> FloatArray:
    """Multiplier of the forward hazard, one row per seller, one column per stage.

    With `benchmark_stage` set, every rep works that stage as the upper quartile of reps does.
    """
    sellers = np.arange(spec.sellers)[:, None]
    scores = normal(spec.seed, "rep/forward", sellers, np.arange(len(spec.stages))[None, :])
    planted = spec.stage_names.index(spec.planted_bottleneck)
    scores[: spec.quiet_reps, planted] = np.maximum(scores[: spec.quiet_reps, planted], 1.2)
    if spec.benchmark_stage is not None:
        scores[:, spec.stage_names.index(spec.benchmark_stage)] = UPPER_QUARTILE
    spreads = np.array([stage.rep_spread for stage in spec.stages])
    factors: FloatArray = np.exp(scores * spreads)
    return factors


def calendar_factor(
    spec: OrganizationSpec, months: IntArray, factors: tuple[float, float, float]
) -> FloatArray:
    """The factor of each month (months since 1970-01) by its place in the fiscal quarter."""
    place = (months % 12 - (spec.fiscal_year_start_month - 1)) % 3
    return np.array(factors)[place]


def win_calendar(spec: OrganizationSpec, days: IntArray) -> FloatArray:
    """Multiplier of the hazard of winning on each day."""
    return calendar_factor(spec, months_of(days), spec.win_factor_by_month_of_quarter)


def loss_calendar(spec: OrganizationSpec, days: IntArray) -> FloatArray:
    """Multiplier of the hazard of losing on each day."""
    return calendar_factor(spec, months_of(days), spec.loss_factor_by_month_of_quarter)


def words_levels(spec: OrganizationSpec, deal_keys: IntArray) -> IntArray:
    """Hidden level (0–3) to which the customer of each deal will put the problem in own words."""
    return categories(spec.seed, "deal/words", spec.words_shares, deal_keys)


def deal_log_factors(
    spec: OrganizationSpec, keys: IntArray, segments: IntArray, types: IntArray, levels: IntArray
) -> FloatArray:
    """Log multiplier of each deal's forward hazard: segment, deal type, customer's own words, neglect."""
    neglected = uniform(spec.seed, "deal/neglected", keys) < spec.neglected_share
    result: FloatArray = (
        np.array([segment.effect for segment in spec.segments])[segments]
        + np.array(spec.type_effects)[types]
        + np.array(spec.words_effect)[levels]
        + np.where(neglected, NEGLECTED_LOG_FACTOR, 0.0)
    )
    return result
