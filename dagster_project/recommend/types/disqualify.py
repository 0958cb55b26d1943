"""Disqualify (見送り): hardly any chance left, and older than any deal that was won."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import as_episodes, record_ids
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates
from dagster_project.recommend.thresholds import MINIMUM_WON

HOPELESS = 0.03
STATED_DAYS = 365


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per open deal with P(win in 90 days) below 3 % and older than the longest cycle ever won."""
    longest_days, won = _longest_won(facts)
    start = pl.coalesce("clock_started_date", "created_date").cast(pl.Date)
    stay = facts.open_spells().select("opportunity_id", "spell_id").unique("opportunity_id", keep="last")
    old = (
        facts.open_opportunities()
        .join(facts.p_win, on="opportunity_id", how="inner")
        .join(stay, on="opportunity_id", how="left")
        .filter(pl.col("p_win") < HOPELESS)
        .with_columns(
            onset_date=start + pl.duration(days=longest_days + 1),
            fact_date=start,
            fact_days=(pl.lit(facts.as_of_date) - start).dt.total_days(),
            usual_days=pl.lit(longest_days, pl.Int64),
            usual_n=pl.lit(won, pl.Int64),
        )
        .filter(pl.col("fact_days") > longest_days)
    )
    return as_episodes(
        old.with_columns(
            episode=pl.coalesce("spell_id", pl.lit("once")), fact_record_ids=record_ids("opportunity_id")
        )
    )


def _longest_won(facts: Facts) -> tuple[int, int]:
    """Days of the longest won cycle and the number of won deals; the stated days while there are too few."""
    fixed_days = facts.thresholds.get(RULE.name)
    cycles = facts.opportunities.filter(pl.col("status") == "won")["cycle_days"].drop_nulls()
    if fixed_days is not None:
        return fixed_days, 0
    if len(cycles) < MINIMUM_WON:
        return STATED_DAYS, 0
    return int(cycles.cast(pl.Float64).to_numpy().max()), len(cycles)


RULE = ActionType(
    name="disqualify",
    trigger="P(win in 90 days) below 3 % and older than any win",
    acting="the deal is closed",
    lever="hours",
    minutes=5,
    block="evening",
    life_days=14,
    has_past=False,
    gain_kind="freed_minutes",
    repeat_after_days=60,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Close {account} as lost, or say what would revive it",
            fact="Open since {fact_date}, {fact_days} days; less than a 3 % chance of winning in 90 days.",
            comparison="The longest cycle ever won took {usual_days} days (n={usual_n}).",
        ),
        "ja": Templates(
            subject="「{account}」様の商談を見送りにするか判断する",
            fact="{fact_date}から{fact_days}日。90日以内に受注する見込みは3%未満です。",
            comparison="受注した商談のうち最長でも{usual_days}日でした(n={usual_n})。",
        ),
    },
)
