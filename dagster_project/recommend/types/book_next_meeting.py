"""Book the next meeting: the last one was held, nothing is scheduled."""

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

WAIT_BUSINESS_DAYS = 3
STATED_DAYS = 7


def episodes(facts: Facts) -> pl.DataFrame:
    """One row per held meeting (or stage entered after one) that was not followed by a booking in three business days."""
    rows = in_their_stay(facts, _anchors(facts)).with_columns(onset_date=_wait(facts, pl.col("anchor_date")))
    rows = booked_until(facts, rows)
    # A meeting that was booked and did not take place: the lack begins the day after it should have.
    missed = pl.max_horizontal("onset_date", pl.col("booked_until").dt.offset_by("1d"))
    rows = booked_until(facts, rows.with_columns(onset_date=missed).drop("booked_until", "created_date"))
    rows = rows.filter(pl.col("booked_until").is_null() | (pl.col("booked_until") < pl.col("onset_date")))
    acts = facts.appointments.select("opportunity_id", date="created_date")
    run = run_episodes(facts, rows, acts).with_columns(
        episode=pl.col("anchor_id"),
        fact_date=pl.col("meeting_date"),
        fact_days=days_since(facts, "meeting_date"),
        fact_record_ids=record_ids("opportunity_id", "meeting_id"),
    )
    levels = (("team_id",), ())
    return as_episodes(usual_days(run, _gaps(facts), quantile=0.75, levels=levels, stated_days=STATED_DAYS))


def _wait(facts: Facts, day: pl.Expr) -> pl.Expr:
    return day.dt.add_business_days(WAIT_BUSINESS_DAYS, holidays=facts.holidays, roll="forward")


def _meetings(facts: Facts) -> pl.DataFrame:
    held = facts.happened.filter("is_meeting_held")
    return held.select("opportunity_id", meeting_date="activity_date", meeting_id="activity_id")


def _anchors(facts: Facts) -> pl.DataFrame:
    """Held meetings, and the stages entered after one: a lack that outlives a stage change is a new episode."""
    meetings = _meetings(facts).sort("meeting_date")
    entries = stage_entries(facts).sort("anchor_date")
    held = meetings.with_columns(anchor_date="meeting_date", anchor_id="meeting_id")
    both = pl.concat([entries, held.select("opportunity_id", "anchor_date", "anchor_id")]).sort("anchor_date")
    return both.join_asof(
        meetings,
        left_on="anchor_date",
        right_on="meeting_date",
        by="opportunity_id",
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    ).filter(pl.col("meeting_id").is_not_null())


def _gaps(facts: Facts) -> pl.DataFrame:
    return gaps_on_won_deals(facts, _meetings(facts).select("opportunity_id", date="meeting_date"))


RULE = ActionType(
    name="book_next_meeting",
    trigger="open, nothing scheduled, last meeting held three business days ago or more",
    acting="a customer meeting is put in the calendar",
    lever="win_rate,cycle",
    minutes=10,
    block="morning",
    life_days=7,
    prior_gain=0.03,
    rests_on_absence=True,
    episodes=episodes,
    templates={
        "en": Templates(
            subject="Book the next meeting with {account}",
            fact="Last meeting {fact_date}, {fact_days} days ago; none is scheduled.",
            comparison="Won deals had the next meeting within {usual_days} days in 3 of 4 cases (n={usual_n}).",
        ),
        "ja": Templates(
            subject="「{account}」様と次回の打ち合わせ日程を決める",
            fact="前回の打ち合わせは{fact_date}({fact_days}日前)。次回の予定が入っていません。",
            comparison="受注した商談の4件に3件は、{usual_days}日以内に次の打ち合わせをしています(n={usual_n})。",
        ),
    },
)
