"""Re-date or confirm the close date (完了予定日): it is past, or was pushed twice or more."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import as_episodes, days_since, record_ids
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates

PUSHES = 2


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per open deal whose close date is past or was pushed at least twice; a new date is a new episode.

    Earlier close dates are not in the marts, so past episodes cannot be told and the gain stays a stated prior.
    """
    pushes = pl.col("close_date_pushes").fill_null(0).cast(pl.Int64)
    is_past = (pl.col("close_date") < facts.as_of_date).fill_null(False)
    deals = facts.open_opportunities().with_columns(pl.col("close_date").cast(pl.Date), fact_count=pushes)
    fired = deals.filter(is_past | ((pl.col("fact_count") >= PUSHES) & pl.col("close_date").is_not_null()))
    return as_episodes(
        fired.with_columns(
            episode=pl.format("{}-{}", pl.col("close_date").dt.strftime("%Y%m%d"), "fact_count"),
            onset_date=pl.min_horizontal(pl.col("close_date").dt.offset_by("1d"), pl.lit(facts.as_of_date)),
            fact_date=pl.col("close_date"),
            fact_days=days_since(facts, "close_date"),
            fact_record_ids=record_ids("opportunity_id"),
        )
    )


RULE = ActionType(
    name="confirm_close_date",
    trigger="close date past, or pushed twice or more",
    acting="the close date is changed (a new date is a new episode)",
    lever="cycle",
    minutes=5,
    block="evening",
    life_days=7,
    prior_gain=0.005,
    has_past=False,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Confirm or re-date the close of {account}",
            fact="Close date {fact_date}; moved back {fact_count} times so far.",
            comparison="A date that is past or keeps moving tells nobody when to act.",
        ),
        "ja": Templates(
            subject="「{account}」様の完了予定日を確認して直す",
            fact="完了予定日は{fact_date}。これまでに{fact_count}回延期されています。",
            comparison="過ぎた日付や延期の続く日付では、いつ動くべきか分かりません。",
        ),
    },
)
