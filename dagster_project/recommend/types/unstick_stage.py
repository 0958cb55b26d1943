"""Unstick the stage: longer in its stage than three of four won deals were."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import (
    as_episodes,
    days_since,
    in_their_stay,
    record_ids,
    run_episodes,
    stage_entries,
)
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates
from dagster_project.recommend.thresholds import usual_days

STATED_DAYS = 21


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per stay longer than the q75 of won deals in that stage."""
    rows = usual_days(
        in_their_stay(facts, stage_entries(facts)),
        _won_stays(facts),
        quantile=0.75,
        levels=(("team_id", "stage_name"), ("stage_name",), ()),
        stated_days=STATED_DAYS,
        fixed_days=facts.thresholds.get(RULE.name),
    ).with_columns(
        onset_date=pl.col("anchor_date") + pl.duration(days=pl.col("usual_days") + 1),
        # A stay belongs to one stage: entering the next is its end, which left_date says already.
        next_anchor_date=pl.lit(None, pl.Date),
    )
    moves = pl.concat(
        [
            facts.appointments.select("opportunity_id", date="created_date"),
            facts.happened.filter("is_meeting_held").select("opportunity_id", date="activity_date"),
        ]
    )
    run = run_episodes(facts, rows, moves)
    return as_episodes(
        run.with_columns(
            episode=pl.col("anchor_id"),
            fact_date=pl.col("anchor_date"),
            fact_days=days_since(facts, "anchor_date"),
            fact_record_ids=record_ids("opportunity_id"),
        )
    )


def _won_stays(facts: Facts) -> pl.DataFrame:
    """Days of every finished stay of won deals."""
    return (
        facts.spells.filter(pl.col("left_date").is_not_null())
        .join(facts.won_ids(), on="opportunity_id", how="semi")
        .select("team_id", "stage_name", days=(pl.col("left_date") - pl.col("entered_date")).dt.total_days())
    )


RULE = ActionType(
    name="unstick_stage",
    trigger="in its stage longer than q75 of won deals there",
    acting="a customer meeting is booked or held",
    lever="cycle,win_rate",
    minutes=30,
    block="afternoon",
    life_days=10,
    prior_gain=0.02,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Unstick {account} from stage {stage}",
            fact="In stage {stage} since {fact_date}, {fact_days} days.",
            comparison="3 of 4 won deals left this stage within {usual_days} days (n={usual_n}).",
        ),
        "ja": Templates(
            subject="「{account}」様の商談を「{stage}」から前に進める",
            fact="{fact_date}から{fact_days}日間、「{stage}」のままです。",
            comparison="受注した商談の4件に3件は、{usual_days}日以内に次へ進んでいます(n={usual_n})。",
        ),
    },
)
