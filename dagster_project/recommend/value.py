"""From a difference in the chance of winning to money, and what a minute of a rep is worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from dagster_project.recommend.facts import Facts
from dagster_project.recommend.gain import Effect
from dagster_project.recommend.rules import ActionType

YEAR_DAYS: Final = 365
WORKING_MINUTES_A_DAY: Final = 480
BUSINESS_DAYS_A_YEAR: Final = 240
MINUTES_PER_CONTACT: Final = 10
MINUTES_OF_REVIEW: Final = 15
LOOK_BACK_DAYS: Final = 90


def average_price(facts: Facts) -> float:
    """Mean amount of the deals won in the last 365 days (of all, when there are none); 0 without any."""
    won = facts.opportunities.filter((pl.col("status") == "won") & pl.col("amount").is_not_null())
    since = facts.as_of_date - timedelta(days=YEAR_DAYS)
    recent = won.filter(pl.col("closed_date").cast(pl.Date) > since)
    amounts = (recent if recent.height else won)["amount"].to_numpy()
    return float(amounts.mean()) if len(amounts) else 0.0


def revenue_per_minute(facts: Facts) -> float:
    """Revenue won in the last 365 days per working minute of the reps who own open deals; 0 without either."""
    since = facts.as_of_date - timedelta(days=YEAR_DAYS)
    won = facts.opportunities.filter(
        (pl.col("status") == "won") & (pl.col("closed_date").cast(pl.Date) > since)
    )
    reps = facts.open_opportunities()["rep_id"].n_unique()
    minutes = reps * BUSINESS_DAYS_A_YEAR * WORKING_MINUTES_A_DAY
    revenue = float(won["amount"].fill_null(0.0).to_numpy().sum())
    return revenue / minutes if minutes else 0.0


def with_gain(
    facts: Facts, candidates: pl.DataFrame, types: Sequence[ActionType], effects: Sequence[Effect]
) -> pl.DataFrame:
    """Candidates with `gain_amount`, `gain_lower`, `gain_upper` (money, 80 %), `gain_n`, `evidence`.

    Gain = difference × headroom × amount (the mean won price where the deal has none).
    """
    known = _freed(facts, _with_factors(facts, candidates, types, effects))
    is_freed = pl.col("gain_kind") == "freed_minutes"
    figures = []
    for name, difference in (("gain_amount", "mean"), ("gain_lower", "lower"), ("gain_upper", "upper")):
        moved = pl.col(difference) * pl.col("headroom") * pl.col("money")
        money = pl.when(is_freed).then(pl.col(f"freed_{name}")).otherwise(moved)
        figures.append(money.fill_null(0.0).alias(name))
    evidence = pl.col("evidence").fill_null("prior")
    valued = known.with_columns(*figures, gain_n=pl.col("acted").fill_null(0), evidence=evidence)
    return valued.select(*candidates.columns, "gain_amount", "gain_lower", "gain_upper", "gain_n", "evidence")


def _with_factors(
    facts: Facts, candidates: pl.DataFrame, types: Sequence[ActionType], effects: Sequence[Effect]
) -> pl.DataFrame:
    """Candidates with what a gain is made of: the type's difference, the deal's `money`, `p_win` and `headroom`."""
    kinds = pl.DataFrame(
        {"action_type": [rule.name for rule in types], "gain_kind": [rule.gain_kind for rule in types]},
        schema={"action_type": pl.String, "gain_kind": pl.String},
    )
    deals = facts.opportunities.select(
        "opportunity_id", money=pl.col("amount").fill_null(average_price(facts))
    )
    return (
        candidates.join(kinds, on="action_type", how="left", maintain_order="left")
        .join(_effect_table(effects), on="action_type", how="left", maintain_order="left")
        .join(deals, on="opportunity_id", how="left", maintain_order="left")
        .join(facts.p_win, on="opportunity_id", how="left", maintain_order="left")
        .with_columns(headroom=headroom())
    )


def headroom() -> pl.Expr:
    """p(1−p) of the deal over its mean among the type's candidates, p = P(win in 90 days); 1 where unknown.

    A shift of the log odds moves p by p(1−p): a deal that closes by itself, or is dead, can hardly be moved
    (method §6: level is not gain). The mean over the candidates stays what the trial found.
    """
    room = (pl.col("p_win") * (1.0 - pl.col("p_win"))).clip(0.0)
    mean = room.mean().over("action_type")
    return pl.when(mean > 0).then(room / mean).fill_null(1.0)


def _effect_table(effects: Sequence[Effect]) -> pl.DataFrame:
    schema = {
        "action_type": pl.String,
        "mean": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "acted": pl.Int64,
        "evidence": pl.String,
    }
    rows = [(e.action_type, e.mean, e.lower, e.upper, e.acted, e.evidence) for e in effects]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _freed(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with what giving a deal up frees in money: minutes it took in the last 90 days, less the chance given up."""
    since = facts.as_of_date - timedelta(days=LOOK_BACK_DAYS)
    contacts = (
        facts.happened.filter(pl.col("activity_date") > since)
        .group_by("opportunity_id")
        .agg(contacts=pl.len())
    )
    minutes = MINUTES_OF_REVIEW + MINUTES_PER_CONTACT * pl.col("contacts").fill_null(0)
    worth = minutes * revenue_per_minute(facts)
    return (
        rows.join(contacts, on="opportunity_id", how="left", maintain_order="left")
        .with_columns(
            freed_gain_amount=worth - pl.col("p_win") * pl.col("money"),
            freed_gain_lower=worth - pl.col("p_win_upper") * pl.col("money"),
            freed_gain_upper=worth,
        )
        .drop("contacts")
    )
