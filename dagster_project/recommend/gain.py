"""Expected gain per action type: the trial's difference, shrunk, widened for being an association (method §6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final, Literal

import polars as pl

from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType
from dagster_project.recommend.trial import RiskDifference, risk_difference

Evidence = Literal["association", "tested", "prior"]
NORMAL_80: Final = 1.2815515655446004
CELL_LEVELS: Final = (
    ("stage_name", "band", "rep_id"),
    ("stage_name", "band", "team_id"),
    ("stage_name", "band"),
    ("stage_name",),
)


@dataclass(frozen=True)
class GainSettings:
    """Stated priors on the difference in P(win in 90 days); all are shares.

    A type's own prior mean is worth `prior_acted` acted trial entries and gives way to zero beside them. Its spread is
    `prior_spread`. `association_spread` is the extra error of comparing deals nobody drew lots for: it does not
    shrink with n. On generated orgs without any true effect the trial came to 0 to 6 points, since touches precede the
    meetings they bring; hence .04. Below `minimum_acted` the prior alone speaks, and says so. Cells of fewer than `few_episodes` are
    joined with wider ones.
    """

    prior_spread: float = 0.04
    prior_acted: int = 50
    association_spread: float = 0.04
    minimum_acted: int = 30
    few_episodes: int = 30


@dataclass(frozen=True)
class Effect:
    """The expected difference of one type: mean and 80 % interval (shares), acted entries behind it, and its word."""

    action_type: str
    mean: float
    lower: float
    upper: float
    acted: int
    evidence: Evidence
    raw_difference: float
    raw_standard_error: float


def estimate_effects(
    facts: Facts, types: Sequence[ActionType], episodes: pl.DataFrame, settings: GainSettings
) -> list[Effect]:
    """One effect per type that moves the chance of winning. `episodes` has `action_type` beside its columns."""
    history = with_outcome(facts, episodes)
    moving = [rule for rule in types if rule.gain_kind == "win_probability"]
    return [_effect(facts, rule, history, settings) for rule in moving]


def with_outcome(facts: Facts, episodes: pl.DataFrame) -> pl.DataFrame:
    """Episodes of the sampled deals, with `won_date` and `band`, the deal's third by amount (0 where it has none)."""
    deals = (
        facts.opportunities.filter("is_sampled")
        .select(
            "opportunity_id",
            won_date=pl.when(pl.col("status") == "won").then(pl.col("closed_date").cast(pl.Date)),
            band=(pl.col("amount").rank("ordinal") * 3 / (pl.col("amount").count() + 1))
            .floor()
            .cast(pl.Int64)
            + 1,
        )
        .with_columns(pl.col("band").fill_null(0))
    )
    return episodes.join(deals, on="opportunity_id", how="inner")


def posterior(rule: ActionType, found: RiskDifference, settings: GainSettings) -> Effect:
    """The trial's result joined with the prior, normal with normal; the interval covers 80 %."""
    usable = found.acted >= settings.minimum_acted and isfinite(found.standard_error)
    mean, spread = rule.prior_gain, settings.prior_spread
    if usable:
        mean, spread = _updated(rule.prior_gain, found, settings)
    return Effect(
        action_type=rule.name,
        mean=mean,
        lower=mean - NORMAL_80 * spread,
        upper=mean + NORMAL_80 * spread,
        acted=found.acted if usable else 0,
        evidence="association" if usable else "prior",
        raw_difference=found.difference,
        raw_standard_error=found.standard_error,
    )


def _updated(prior_mean: float, found: RiskDifference, settings: GainSettings) -> tuple[float, float]:
    fading = prior_mean * settings.prior_acted / (settings.prior_acted + found.acted)
    own = 1.0 / settings.prior_spread**2
    seen = 1.0 / (found.standard_error**2 + settings.association_spread**2)
    return (own * fading + seen * found.difference) / (own + seen), sqrt(1.0 / (own + seen))


def _effect(facts: Facts, rule: ActionType, history: pl.DataFrame, settings: GainSettings) -> Effect:
    own = history.filter(pl.col("action_type") == rule.name) if rule.has_past else history.clear()
    found = risk_difference(
        with_cell(own, settings.few_episodes),
        as_of_date=facts.as_of_date,
        trial_days=rule.trial_days,
        left_alone_days=rule.life_days,
    )
    return posterior(rule, found, settings)


def with_cell(episodes: pl.DataFrame, few_episodes: int) -> pl.DataFrame:
    """Episodes with `cell`, what is held constant: stage × third by amount × rep.

    Where such a cell has few episodes the team takes the rep's place, then nobody, then the stage alone counts: the
    weights of a cell with five episodes are so rough that a null effect comes out as several points (see its test).
    """
    found = episodes.with_columns(cell=pl.lit(None, pl.String))
    for number, level in enumerate(CELL_LEVELS):
        named = [pl.col(column).cast(pl.String).fill_null("") for column in level]
        name = pl.concat_str([pl.lit(str(number)), *named], separator="|")
        open_name = pl.when(pl.col("cell").is_null()).then(name)
        enough = open_name.is_not_null() & (pl.len().over(open_name) >= few_episodes)
        found = found.with_columns(cell=pl.when(enough).then(open_name).otherwise("cell"))
    return found.with_columns(pl.col("cell").fill_null("rest"))
