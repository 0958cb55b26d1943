"""Follow up the proposal: it has been out longer than customers who bought took to answer."""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.episodes import (
    as_episodes,
    days_since,
    in_their_stay,
    record_ids,
    run_episodes,
)
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.rules import ActionType, Templates
from dagster_project.recommend.thresholds import usual_days

STATED_DAYS = 5
PROPOSAL = r"(?i)proposal|quote|quotation|estimate|提案|見積"


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per proposal (stage entered, or proposal sent by mail) unanswered for longer than the own median."""
    anchors = _anchors(facts)
    rows = usual_days(
        in_their_stay(facts, anchors),
        _answer_days(facts, anchors),
        quantile=0.5,
        levels=(("team_id",), ()),
        stated_days=STATED_DAYS,
        fixed_days=facts.thresholds.get(RULE.name),
    ).with_columns(onset_date=pl.col("anchor_date") + pl.duration(days=pl.col("usual_days") + 1))
    rows = _unanswered(facts, rows)
    touches = facts.happened.filter("is_touch").select("opportunity_id", date="activity_date")
    return as_episodes(
        run_episodes(facts, rows, touches, stops=_answers(facts)).with_columns(
            episode=pl.col("anchor_id"),
            fact_date=pl.col("anchor_date"),
            fact_days=days_since(facts, "anchor_date"),
            fact_record_ids=record_ids("opportunity_id", "anchor_id"),
        )
    )


def _anchors(facts: Facts) -> pl.DataFrame:
    entered = facts.spells.filter(pl.col("stage_name").str.contains(PROPOSAL))
    sent = facts.happened.filter(
        pl.col("is_touch") & (pl.col("channel") == "email") & pl.col("subject").str.contains(PROPOSAL)
    )
    return pl.concat(
        [
            entered.select("opportunity_id", anchor_date="entered_date", anchor_id="spell_id"),
            sent.select("opportunity_id", anchor_date="activity_date", anchor_id="activity_id"),
        ]
    )


def _answers(facts: Facts) -> pl.DataFrame:
    """Days on which the customer answered: something inbound, or a meeting held."""
    answered = facts.happened.filter(pl.col("is_inbound") | pl.col("is_meeting_held"))
    return answered.select("opportunity_id", date="activity_date")


def _first_answer(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    answers = _answers(facts).rename({"date": "answered_date"}).sort("answered_date")
    return rows.sort("anchor_date").join_asof(
        answers,
        left_on="anchor_date",
        right_on="answered_date",
        by="opportunity_id",
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def _unanswered(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    answered = _first_answer(facts, rows)
    return answered.filter(
        pl.col("answered_date").is_null() | (pl.col("answered_date") >= pl.col("onset_date"))
    )


def _answer_days(facts: Facts, anchors: pl.DataFrame) -> pl.DataFrame:
    """Days from a proposal to the customer's answer on won deals."""
    won = anchors.join(facts.won_ids(), on="opportunity_id", how="semi")
    teams = facts.opportunities.select("opportunity_id", "team_id")
    return (
        _first_answer(facts, won)
        .select("opportunity_id", days=(pl.col("answered_date") - pl.col("anchor_date")).dt.total_days())
        .drop_nulls("days")
        .join(teams, on="opportunity_id", how="left")
    )


RULE = ActionType(
    name="follow_up_proposal",
    trigger="proposal out longer than the own median time to an answer, nothing inbound",
    acting="an outbound call or mail is logged",
    lever="win_rate",
    minutes=15,
    block="morning",
    life_days=7,
    prior_gain=0.03,
    rests_on_absence=True,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Follow up the proposal to {account}",
            fact="Proposal out since {fact_date}, {fact_days} days; no answer on record.",
            comparison="Customers who bought answered within {usual_days} days in half of the cases (n={usual_n}).",
        ),
        "ja": Templates(
            subject="「{account}」様に提案の検討状況を確認する",
            fact="{fact_date}の提案から{fact_days}日、返答の記録がありません。",
            comparison="受注したお客様の半数は{usual_days}日以内に返答しています(n={usual_n})。",
        ),
    },
)
