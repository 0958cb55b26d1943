"""Add the amount: a data card, outside the five and never above selling."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import as_episodes, days_since, record_ids
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates

GRACE_DAYS = 7


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per open deal a week old or more that has no amount."""
    created = pl.col("created_date").cast(pl.Date)
    missing = (
        facts.open_opportunities()
        .filter("amount_is_missing")
        .with_columns(
            onset_date=created.dt.offset_by(f"{GRACE_DAYS}d"),
            fact_date=created,
            episode=pl.lit("amount"),
            fact_record_ids=record_ids("opportunity_id"),
        )
        .with_columns(fact_days=days_since(facts, "fact_date"))
    )
    return as_episodes(missing.drop_nulls("onset_date"))


RULE = ActionType(
    name="add_amount",
    trigger="open for a week, no amount",
    acting="the amount is filled in",
    lever="data",
    minutes=2,
    block="evening",
    life_days=14,
    has_past=False,
    is_data_card=True,
    gain_kind="none",
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Add the amount of {account}",
            fact="Open since {fact_date} without an amount.",
            comparison="Until then plan and gain count it at the average won price.",
        ),
        "ja": Templates(
            subject="「{account}」様の商談に金額を入れる",
            fact="{fact_date}から金額が空欄です。",
            comparison="入力されるまで、計画と期待効果は受注の平均単価で計算します。",
        ),
    },
)
