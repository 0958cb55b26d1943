"""The step as a whole: from the marts and what was offered before to tonight's candidates and actions.

Vectorised over all reps at once; only the choice itself goes rep by rep, over a few dozen cards each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import polars as pl

from dagster_project.recommend.candidates import all_episodes, standing_candidates
from dagster_project.recommend.card import with_text
from dagster_project.recommend.choose import choose_cards
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.gain import Effect, GainSettings, estimate_effects
from dagster_project.recommend.holdout import with_propensity
from dagster_project.recommend.past import PAST_SCHEMA, TASK_SCHEMA, with_past
from dagster_project.recommend.room import BLOCK_SCHEMA, absent_reps, room, with_full_blocks
from dagster_project.recommend.rules import ActionType
from dagster_project.recommend.types import ACTION_TYPES
from dagster_project.recommend.value import revenue_per_minute, with_gain

BLOCK_MINUTES: Final[Mapping[str, int]] = MappingProxyType({"morning": 60, "afternoon": 90, "evening": 30})
MONEY: Final = pl.Decimal(18, 4)
LARGEST_MONEY: Final = 1e13
CANDIDATE_COLUMNS: Final = (
    "action_key", "plan_date", "as_of_date", "rep_id", "opportunity_id", "account_id", "who_id", "action_type",
    "episode", "fired_date", "lever", "subject", "fact", "comparison", "gain_amount", "gain_lower", "gain_upper",
    "gain_n", "evidence", "minutes", "block", "due_date", "propensity", "is_eligible", "is_chosen",
    "left_out_reason", "rank", "language", "currency", "is_data_card", "fact_record_ids",
)  # fmt: skip
ACTION_COLUMNS: Final = (*CANDIDATE_COLUMNS, "description", "priority")


@dataclass(frozen=True)
class RecommendSettings:
    """What a team can set. Minutes are the most a rep spends on cards in each block of the day.

    `shadow_price_share`: a rep's spare minute is priced at this share of revenue won per working minute (the average
    minute carries work that no card replaces). `types_off`: names of action types not offered.
    """

    salt: str = "gyakusan"
    held_out_share: float = 0.1
    cards_per_rep: int = 5
    data_cards_per_rep: int = 1
    block_minutes: Mapping[str, int] = field(default_factory=lambda: BLOCK_MINUTES)
    shadow_price_share: float = 0.25
    types_off: frozenset[str] = frozenset()
    gain: GainSettings = field(default_factory=GainSettings)
    instance_url: str = ""


@dataclass(frozen=True)
class RecommendInputs:
    """The facts, dim_rep, the cards of earlier nights (past.PAST_SCHEMA) and what became of them (past.TASK_SCHEMA).

    `day_blocks` (room.BLOCK_SCHEMA): what the day's blocks hold, by rep; reps without a row have the settings' minutes.
    """

    facts: Facts
    reps: pl.DataFrame
    day_blocks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BLOCK_SCHEMA))
    past_actions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAST_SCHEMA))
    own_tasks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TASK_SCHEMA))
    settings: RecommendSettings = field(default_factory=RecommendSettings)


@dataclass(frozen=True)
class RecommendTables:
    """`candidates`: one row per plan_date × action_key, chosen or not. `actions`: the chosen, with the task's text.

    `effects`: one per type that moves the chance of winning, with the raw trial result beside the shrunk one.
    """

    candidates: pl.DataFrame
    actions: pl.DataFrame
    effects: tuple[Effect, ...]


def recommend(inputs: RecommendInputs) -> RecommendTables:
    """Tonight's candidates and actions for every rep. Deterministic: same inputs, same rows, same order."""
    facts, settings = inputs.facts, inputs.settings
    types = tuple(rule for rule in ACTION_TYPES if rule.name not in settings.types_off)
    episodes = all_episodes(facts, types)
    effects = estimate_effects(facts, types, episodes, settings.gain)
    weighed = _weighed(inputs, types, episodes, effects)
    chosen = _chosen(facts, weighed, inputs.day_blocks, settings)
    written = with_text(chosen, types, settings.instance_url)
    table = _ranked(written).with_columns(
        pl.col("gain_amount", "gain_lower", "gain_upper")
        .clip(-LARGEST_MONEY, LARGEST_MONEY)
        .round(2)
        .cast(MONEY)
    )
    actions = table.filter("is_chosen").with_columns(
        priority=pl.when(pl.col("rank") == 1).then(pl.lit("High")).otherwise(pl.lit("Normal"))
    )
    return RecommendTables(table.select(CANDIDATE_COLUMNS), actions.select(ACTION_COLUMNS), tuple(effects))


def _weighed(
    inputs: RecommendInputs, types: tuple[ActionType, ...], episodes: pl.DataFrame, effects: list[Effect]
) -> pl.DataFrame:
    """Candidates with gain, propensity, and `reason`: why one may not be offered at all (null: it may)."""
    facts, settings = inputs.facts, inputs.settings
    rows = standing_candidates(facts, types, episodes, inputs.reps)
    rows = with_gain(facts, rows, types, effects)
    rows = with_propensity(rows, salt=settings.salt, held_out_share=settings.held_out_share)
    rows = with_past(
        rows,
        types=types,
        past_actions=inputs.past_actions,
        own_tasks=inputs.own_tasks,
        plan_date=facts.plan_date,
    )
    return rows.with_columns(
        plan_date=pl.lit(facts.plan_date),
        as_of_date=pl.lit(facts.as_of_date),
        due_date=pl.lit(facts.plan_date),
        fired_date=pl.col("onset_date"),
        takes_slot=pl.col("takes_slot") & pl.col("owner_reason").is_null(),
        reason=pl.coalesce("owner_reason", "past_reason", "quiet_reason"),
    )


def _chosen(
    facts: Facts, rows: pl.DataFrame, day_blocks: pl.DataFrame, settings: RecommendSettings
) -> pl.DataFrame:
    """Rows with `is_eligible`, `is_chosen` and `left_out_reason`."""
    price = revenue_per_minute(facts) * settings.shadow_price_share
    held_deal = pl.col("takes_slot").any().over("opportunity_id")
    rows = rows.with_columns(
        value=pl.col("gain_amount") - pl.col("minutes") * price,
        is_eligible=pl.col("reason").is_null(),
        reason=pl.coalesce(
            "reason",
            pl.when(pl.col("rep_id").is_in(absent_reps(day_blocks))).then(pl.lit("not_at_work")),
            pl.when(held_deal).then(pl.lit("other_card_for_this_deal")),
        ),
    )
    rows = _with_committed(rows)
    free = rows.filter(pl.col("reason").is_null() & ~pl.col("is_data_card") & ~pl.col("is_decided"))
    left = room(rows, day_blocks, cards_per_rep=settings.cards_per_rep, most_minutes=settings.block_minutes)
    slots, minutes = left.by_rep()
    picked = choose_cards(free, slots=slots, block_minutes=minutes, cards_per_rep=settings.cards_per_rep)
    rows = rows.with_columns(
        is_picked=pl.col("is_committed") | pl.col("action_key").is_in(picked["action_key"].to_list())
    )
    rows = _with_data_cards(rows, settings.data_cards_per_rep)
    shown = pl.col("is_picked") & ~pl.col("is_held_out")
    rows = with_full_blocks(rows, slots, minutes)
    return rows.with_columns(is_chosen=shown, left_out_reason=pl.when(~shown).then(_left_out_reason()))


def _with_committed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `is_decided`: the rep's cards for this day were committed by an earlier run of the same day.

    Late data may take one away, but add none: five in the morning and five at noon would be ten.
    """
    committed = pl.col("is_committed") & pl.col("reason").is_null()
    return rows.with_columns(is_committed=committed, is_decided=committed.any().over("rep_id"))


def _with_data_cards(rows: pl.DataFrame, cards_per_rep: int) -> pl.DataFrame:
    """Rows with data cards picked too: the oldest lack first, on deals that have no other card."""
    has_card = pl.col("is_picked").any().over("opportunity_id")
    may = pl.col("is_data_card") & pl.col("reason").is_null() & ~has_card & ~pl.col("is_decided")
    standing = (pl.col("is_data_card") & pl.col("takes_slot")).sum().over("rep_id")
    marked = rows.sort("rep_id", "fired_date", "action_key").with_columns(may=may, standing=standing)
    place = pl.col("may").cum_sum().over("rep_id")
    first = pl.col("may") & (place + pl.col("standing") <= cards_per_rep)
    return marked.with_columns(is_picked=pl.col("is_picked") | first).drop("may", "standing")


def _left_out_reason() -> pl.Expr:
    deal_has_card = pl.col("is_picked").any().over("opportunity_id")
    return (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.col("reason"))
        .when(pl.col("is_picked"))
        .then(pl.lit("held_out"))
        .when(~pl.col("is_data_card") & (pl.col("value") <= 0))
        .then(pl.lit("not_worth_the_minutes"))
        .when(deal_has_card)
        .then(pl.lit("other_card_for_this_deal"))
        .when(pl.col("is_block_full"))
        .then(pl.lit("block_is_full"))
        .otherwise(pl.lit("can_wait"))
    )


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in their final order, with `rank` among a rep's shown cards: selling before data, most valuable first."""
    by = ["rep_id", "is_chosen", "is_data_card", "value", "action_key"]
    ordered = rows.sort(by, descending=[False, True, False, True, False], nulls_last=True)
    place = pl.int_range(1, pl.len() + 1).over("rep_id").cast(pl.Int64)
    return ordered.with_columns(rank=pl.when("is_chosen").then(place))
