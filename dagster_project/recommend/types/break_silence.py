"""Break the silence: no contact for longer than usual between contacts on won deals."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import (
    as_episodes,
    booked_until,
    days_since,
    in_their_stay,
    record_ids,
    run_episodes,
    stage_entries,
)
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates
from dagster_project.recommend.thresholds import gaps_on_won_deals, usual_days

STATED_DAYS = 14


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per silence longer than the q80 gap of won deals, with no meeting ahead that explains it."""
    contacts = facts.happened.select("opportunity_id", anchor_date="activity_date", anchor_id="activity_id")
    anchors = pl.concat([stage_entries(facts), contacts])
    rows = usual_days(
        in_their_stay(facts, anchors),
        gaps_on_won_deals(facts, contacts.select("opportunity_id", date="anchor_date")),
        quantile=0.80,
        levels=(("team_id",), ()),
        stated_days=STATED_DAYS,
        fixed_days=facts.thresholds.get(RULE.name),
    ).with_columns(onset_date=pl.col("anchor_date") + pl.duration(days=pl.col("usual_days") + 1))
    rows = booked_until(facts, rows)
    rows = rows.filter(pl.col("booked_until").is_null() | (pl.col("booked_until") < pl.col("onset_date")))
    touches = facts.happened.filter("is_touch").select("opportunity_id", date="activity_date")
    return as_episodes(
        run_episodes(facts, rows, touches).with_columns(
            episode=pl.col("anchor_id"),
            fact_date=pl.col("anchor_date"),
            fact_days=days_since(facts, "anchor_date"),
            fact_record_ids=record_ids("opportunity_id", "anchor_id"),
        )
    )


RULE = ActionType(
    name="break_silence",
    trigger="no contact for longer than the q80 gap of won deals, no meeting ahead",
    acting="an outbound call or mail is logged",
    lever="win_rate",
    minutes=10,
    block="morning",
    life_days=7,
    prior_gain=0.02,
    rests_on_absence=True,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Break the silence with {account}: call or write today",
            fact="No contact on record since {fact_date}, {fact_days} days.",
            comparison="On won deals 4 of 5 gaps between contacts were at most {usual_days} days (n={usual_n}).",
        ),
        "ja": Templates(
            subject="「{account}」様に電話かメールで連絡する",
            fact="{fact_date}から{fact_days}日間、連絡の記録がありません。",
            comparison="受注した商談では、連絡の間隔の8割が{usual_days}日以内です(n={usual_n})。",
        ),
    },
)
