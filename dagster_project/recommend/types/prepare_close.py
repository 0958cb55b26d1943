"""Prepare the close: late stage, closing within ten business days, meeting set."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import as_episodes, record_ids
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates

AHEAD_BUSINESS_DAYS = 10
LATE_SHARE = 2 / 3


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per late-stage open deal with its next meeting, closing within ten business days of `plan_date`.

    Earlier close dates are not in the marts, so past episodes cannot be told and the gain stays a stated prior.
    """
    last_order = facts.open_opportunities()["stage_order"].max()
    horizon = pl.lit(facts.plan_date).dt.add_business_days(
        AHEAD_BUSINESS_DAYS, holidays=facts.holidays, roll="forward"
    )
    deals = facts.open_opportunities().filter(
        (pl.col("stage_order") >= pl.lit(last_order) * LATE_SHARE)
        & pl.col("close_date").cast(pl.Date).is_between(facts.plan_date, horizon)
    )
    closing = deals.join(_next_meetings(facts), on="opportunity_id", how="inner").with_columns(
        onset_date=pl.max_horizontal(
            pl.col("booked_date"),
            pl.col("close_date")
            .cast(pl.Date)
            .dt.add_business_days(-AHEAD_BUSINESS_DAYS, holidays=facts.holidays, roll="backward"),
        ),
    )
    return as_episodes(
        closing.with_columns(
            episode=pl.col("meeting_id"),
            fact_date=pl.col("meeting_date"),
            fact_days=(pl.col("close_date").cast(pl.Date) - pl.lit(facts.as_of_date)).dt.total_days(),
            fact_record_ids=record_ids("opportunity_id", "meeting_id"),
        )
    )


def _next_meetings(facts: Facts) -> pl.DataFrame:
    """One row per opportunity: its next customer meeting from `plan_date` on, known by `as_of_date`."""
    return (
        facts.appointments.filter(pl.col("activity_date") >= facts.plan_date)
        .sort("opportunity_id", "activity_date", "activity_id")
        .unique("opportunity_id", keep="first", maintain_order=True)
        .select(
            "opportunity_id",
            meeting_id="activity_id",
            meeting_date="activity_date",
            booked_date="created_date",
        )
    )


RULE = ActionType(
    name="prepare_close",
    trigger="late stage, closes within ten business days, meeting set",
    acting="the deal closes or the meeting is held",
    lever="win_rate,cycle",
    minutes=45,
    block="afternoon",
    life_days=10,
    prior_gain=0.03,
    has_past=False,
    looks_ahead=True,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Prepare the close of {account}",
            fact="Closes in {fact_days} days, in stage {stage}; the meeting is set for {fact_date}.",
            comparison="Price, approver, contract and start date are best settled before that meeting.",
        ),
        "ja": Templates(
            subject="「{account}」様のクロージングを準備する",
            fact="完了予定日まで{fact_days}日、「{stage}」。打ち合わせは{fact_date}に決まっています。",
            comparison="価格・決裁者・契約・開始日は、その打ち合わせの前に詰めておきます。",
        ),
    },
)
