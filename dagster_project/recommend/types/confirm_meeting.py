"""Confirm tomorrow's meeting: a customer meeting is in the calendar for the business day after the plan date."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import as_episodes, in_their_stay, record_ids, run_episodes
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per customer meeting, on the business day before it; meetings booked that very day need no confirming."""
    day_before = pl.col("activity_date").dt.add_business_days(-1, holidays=facts.holidays, roll="forward")
    meetings = (
        facts.appointments.with_columns(
            anchor_date=day_before, anchor_id="activity_id", onset_date=day_before
        )
        .filter(pl.col("created_date") < pl.col("onset_date"))
        .select("opportunity_id", "anchor_date", "anchor_id", "onset_date", meeting_date="activity_date")
    )
    rows = in_their_stay(facts, meetings).with_columns(next_anchor_date=pl.col("meeting_date"))
    touches = facts.happened.filter("is_touch").select("opportunity_id", date="activity_date")
    run = run_episodes(facts, rows, touches)
    # Confirming on the day of the meeting itself is too late to count.
    too_late = pl.col("acted_date") >= pl.col("meeting_date")
    return as_episodes(
        run.with_columns(
            acted_date=pl.when(~too_late).then("acted_date"),
            ended_date=pl.when(too_late | pl.col("acted_date").is_null())
            .then(pl.min_horizontal("meeting_date", "left_date"))
            .otherwise("ended_date"),
            episode=pl.col("anchor_id"),
            fact_date=pl.col("meeting_date"),
            fact_record_ids=record_ids("opportunity_id", "anchor_id"),
        )
    )


RULE = ActionType(
    name="confirm_meeting",
    trigger="a customer meeting on the next business day",
    acting="an outbound call or mail is logged before the day of the meeting",
    lever="win_rate",
    minutes=5,
    block="evening",
    life_days=1,
    trial_days=0,
    prior_gain=0.01,
    looks_ahead=True,
    repeat_after_days=0,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Confirm the meeting with {account}",
            fact="A meeting is in the calendar for {fact_date}.",
            comparison="A meeting that is not confirmed is more easily missed.",
        ),
        "ja": Templates(
            subject="「{account}」様との打ち合わせを前日確認する",
            fact="{fact_date}に打ち合わせの予定が入っています。",
            comparison="前日に確認しておくと、当日の欠席や延期を防ぎやすくなります。",
        ),
    },
)
