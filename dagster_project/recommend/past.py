"""What was offered before: the same episode never makes a second card, and a dismissal is heard (method §6, Life)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from dagster_project.recommend.rules import ActionType

SILENT_DAYS: Final = 14
SILENT_DAYS_TWICE: Final = 60
PAST_SCHEMA: Final = pl.Schema(
    {
        "action_key": pl.String(),
        "action_type": pl.String(),
        "opportunity_id": pl.String(),
        "plan_date": pl.Date(),
        "is_held_out": pl.Boolean(),
    }
)
TASK_SCHEMA: Final = pl.Schema(
    {
        "action_key": pl.String(),
        "is_done": pl.Boolean(),
        "is_deleted": pl.Boolean(),
        "dismissed_date": pl.Date(),
    }
)


def with_past(
    candidates: pl.DataFrame,
    *,
    types: Sequence[ActionType],
    past_actions: pl.DataFrame,
    own_tasks: pl.DataFrame,
    plan_date: date,
) -> pl.DataFrame:
    """Candidates with `takes_slot` (its card stands, or was withheld, and is not over) and `past_reason` (or null).

    `is_committed`: already decided for `plan_date` by an earlier run; such a decision stands.
    `past_actions` (PAST_SCHEMA): cards chosen before, shown or withheld. `own_tasks` (TASK_SCHEMA): what became of our tasks.
    """
    earlier = past_actions.filter(pl.col("plan_date") < plan_date)
    rows = _join_lives(candidates, types)
    rows = rows.join(_offered(earlier), on="action_key", how="left", maintain_order="left")
    rows = rows.join(_task_states(own_tasks), on="action_key", how="left", maintain_order="left")
    pair = ["opportunity_id", "action_type"]
    rows = rows.join(_last_offered(earlier), on=pair, how="left", maintain_order="left")
    rows = rows.join(_dismissals(past_actions, own_tasks), on=pair, how="left", maintain_order="left")
    standing = _standing(plan_date)
    committed = past_actions.filter(pl.col("plan_date") == plan_date)["action_key"].unique().to_list()
    return rows.with_columns(
        takes_slot=standing,
        past_reason=_reason(standing, plan_date),
        is_committed=pl.col("action_key").is_in(committed),
    ).drop(
        "life_days",
        "repeat_after_days",
        "offered_date",
        "was_held_out",
        "is_task_over",
        "last_offered_date",
        "dismissals",
        "last_dismissed_date",
    )


def _join_lives(candidates: pl.DataFrame, types: Sequence[ActionType]) -> pl.DataFrame:
    lives = pl.DataFrame(
        {
            "action_type": [rule.name for rule in types],
            "life_days": [rule.life_days for rule in types],
            "repeat_after_days": [rule.repeat_after_days for rule in types],
        },
        schema={"action_type": pl.String, "life_days": pl.Int64, "repeat_after_days": pl.Int64},
    )
    return candidates.join(lives, on="action_type", how="left", maintain_order="left")


def _offered(earlier: pl.DataFrame) -> pl.DataFrame:
    return earlier.group_by("action_key").agg(
        offered_date=pl.col("plan_date").min(), was_held_out=pl.col("is_held_out").any()
    )


def _last_offered(earlier: pl.DataFrame) -> pl.DataFrame:
    # A withheld card is on record every night of its life, a shown one once: its first night counts for both.
    keys = earlier.group_by("action_key", "opportunity_id", "action_type").agg(pl.col("plan_date").min())
    return keys.group_by("opportunity_id", "action_type").agg(last_offered_date=pl.col("plan_date").max())


def _task_states(own_tasks: pl.DataFrame) -> pl.DataFrame:
    over = pl.col("is_done") | pl.col("is_deleted") | pl.col("dismissed_date").is_not_null()
    return own_tasks.group_by("action_key").agg(is_task_over=over.fill_null(False).any())


def _dismissals(past_actions: pl.DataFrame, own_tasks: pl.DataFrame) -> pl.DataFrame:
    dismissed = own_tasks.filter(pl.col("dismissed_date").is_not_null()).unique("action_key", keep="first")
    shown = past_actions.unique("action_key", keep="first", maintain_order=True)
    return (
        dismissed.join(shown.select("action_key", "opportunity_id", "action_type"), on="action_key")
        .group_by("opportunity_id", "action_type")
        .agg(dismissals=pl.len(), last_dismissed_date=pl.col("dismissed_date").max())
    )


def _days_before(plan_date: date, column: str) -> pl.Expr:
    return (pl.lit(plan_date) - pl.col(column)).dt.total_days()


def _standing(plan_date: date) -> pl.Expr:
    within_life = _days_before(plan_date, "offered_date") < pl.col("life_days")
    return (within_life & ~pl.col("is_task_over").fill_null(False)).fill_null(False)


def _reason(standing: pl.Expr, plan_date: date) -> pl.Expr:
    silence = pl.when(pl.col("dismissals") >= 2).then(SILENT_DAYS_TWICE).otherwise(SILENT_DAYS)
    held_out = pl.col("was_held_out").fill_null(False)
    return (
        pl.when(standing & held_out)
        .then(pl.lit("held_out"))
        .when(standing)
        .then(pl.lit("still_on_list"))
        .when(pl.col("offered_date").is_not_null())
        .then(pl.lit("already_planned"))
        .when(_days_before(plan_date, "last_dismissed_date") < silence)
        .then(pl.lit("dismissed"))
        .when(_days_before(plan_date, "last_offered_date") < pl.col("repeat_after_days"))
        .then(pl.lit("shown_recently"))
    )
