"""Small hand-made marts: rows with everything a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from dagster_project.recommend.facts import Facts, prepare_facts
from dagster_project.recommend.past import PAST_SCHEMA, TASK_SCHEMA
from dagster_project.recommend.recommend import RecommendInputs, RecommendSettings, RecommendTables, recommend

AS_OF = date(2026, 11, 19)  # a Thursday
PLAN = date(2026, 11, 20)
DEAL = "006000000000001AAA"
REP = "005000000000001AAA"
TEAM = "00E000000000001AAA"

OPPORTUNITY = pl.Schema(
    {
        "opportunity_id": pl.String(), "opportunity_name": pl.String(), "account_id": pl.String(),
        "account_name": pl.String(), "rep_id": pl.String(), "team_id": pl.String(), "stage_name": pl.String(),
        "stage_order": pl.Int64(), "status": pl.String(), "amount": pl.Decimal(18, 4),
        "amount_is_missing": pl.Boolean(), "currency": pl.String(), "created_date": pl.Date(),
        "clock_started_date": pl.Date(), "closed_date": pl.Date(), "close_date": pl.Date(),
        "cycle_days": pl.Int64(), "close_date_pushes": pl.Int64(), "next_meeting_at": pl.Datetime("us", "UTC"),
    }
)  # fmt: skip
SPELL = pl.Schema(
    {
        "spell_id": pl.String(), "opportunity_id": pl.String(), "spell_number": pl.Int64(),
        "stage_name": pl.String(), "stage_order": pl.Int64(), "entered_at": pl.Datetime("us", "UTC"),
        "left_at": pl.Datetime("us", "UTC"), "rep_id": pl.String(), "team_id": pl.String(),
    }
)  # fmt: skip
ACTIVITY = pl.Schema(
    {
        "activity_id": pl.String(), "rep_id": pl.String(), "opportunity_id": pl.String(), "who_id": pl.String(),
        "channel": pl.String(), "subject": pl.String(), "activity_date": pl.Date(),
        "created_at": pl.Datetime("us", "UTC"), "is_done": pl.Boolean(), "is_touch": pl.Boolean(),
        "is_inbound": pl.Boolean(), "is_appointment": pl.Boolean(), "is_meeting_held": pl.Boolean(),
        "is_scheduled": pl.Boolean(), "is_own_write": pl.Boolean(), "action_key": pl.String(),
    }
)  # fmt: skip
WIN_AHEAD = pl.Schema(
    {
        "opportunity_id": pl.String(),
        "horizon_kind": pl.String(),
        "p_win": pl.Float64(),
        "upper_80": pl.Float64(),
    }
)
REPS = pl.Schema({"rep_id": pl.String(), "language": pl.String(), "is_active": pl.Boolean()})


def ago(days: int) -> date:
    """A day before AS_OF; negative is ahead."""
    return AS_OF - timedelta(days=days)


def noon(day: date | None) -> datetime | None:
    """Noon in Tokyo of a day, as an instant."""
    return None if day is None else datetime.combine(day, time(3), UTC)


def frame(rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(schema) | dict(row) for row in rows], schema=schema)


def opportunity(**values: Any) -> dict[str, Any]:
    return {
        "opportunity_id": DEAL, "opportunity_name": "Deal", "account_id": "001000000000001AAA",
        "account_name": "Acme", "rep_id": REP, "team_id": TEAM, "stage_name": "Discovery", "stage_order": 2,
        "status": "open", "amount": 1_000_000, "amount_is_missing": values.get("amount", 1) is None,
        "currency": "JPY", "created_date": ago(40), "clock_started_date": ago(40), "close_date": ago(-60),
        "close_date_pushes": 0,
    } | values  # fmt: skip


def spell(entered: int, left: int | None = None, **values: Any) -> dict[str, Any]:
    """A stay from `entered` to `left` days ago."""
    number = values.get("spell_number", 1)
    deal = values.get("opportunity_id", DEAL)
    return {
        "spell_id": f"{deal}-{number}", "opportunity_id": deal, "spell_number": number,
        "stage_name": "Discovery", "stage_order": 2, "entered_at": noon(ago(entered)),
        "left_at": noon(None if left is None else ago(left)), "rep_id": REP, "team_id": TEAM,
    } | values  # fmt: skip


def activity(days_ago: int, activity_id: str = "00T000000000001AAA", **values: Any) -> dict[str, Any]:
    created = values.pop("created_days_ago", days_ago)
    flags = ("is_touch", "is_inbound", "is_appointment", "is_meeting_held", "is_scheduled", "is_own_write")
    return {
        "activity_id": activity_id, "rep_id": REP, "opportunity_id": DEAL, "who_id": "003000000000001AAA",
        "channel": "call", "subject": "call", "activity_date": ago(days_ago), "created_at": noon(ago(created)),
        "is_done": True, **dict.fromkeys(flags, False),
    } | values  # fmt: skip


def touch(days_ago: int, activity_id: str = "00T000000000001AAA", **values: Any) -> dict[str, Any]:
    return activity(days_ago, activity_id, is_touch=True, **values)


def meeting(
    days_ago: int, activity_id: str = "00U000000000001AAA", *, booked: int | None = None, **values: Any
) -> dict[str, Any]:
    """A customer meeting, held when it lies in the past; booked so many days ago (a week before, unless told)."""
    return activity(days_ago, activity_id, channel="meeting", subject="meeting", is_appointment=True,
                    is_meeting_held=days_ago >= 0, is_scheduled=days_ago < 0, is_done=days_ago >= 0,
                    created_days_ago=days_ago + 7 if booked is None else booked, **values)  # fmt: skip


def win_ahead(p_win: float, deal: str = DEAL) -> dict[str, Any]:
    return {
        "opportunity_id": deal,
        "horizon_kind": "90_days",
        "p_win": p_win,
        "upper_80": min(1.0, p_win * 1.5),
    }


def facts(
    opportunities: Sequence[Mapping[str, Any]],
    spells: Sequence[Mapping[str, Any]] = (),
    activities: Sequence[Mapping[str, Any]] = (),
    win: Sequence[Mapping[str, Any]] = (),
    *,
    as_of_date: date = AS_OF,
    plan_date: date = PLAN,
    **more: Any,
) -> Facts:
    return prepare_facts(
        as_of_date=as_of_date,
        plan_date=plan_date,
        time_zone="Asia/Tokyo",
        opportunities=frame(opportunities, OPPORTUNITY),
        spells=frame(spells, SPELL),
        activities=frame(activities, ACTIVITY),
        win_ahead=frame(win, WIN_AHEAD),
        **more,
    )


def reps(*rows: Mapping[str, Any]) -> pl.DataFrame:
    return frame(rows or [{"rep_id": REP, "language": "ja", "is_active": True}], REPS)


def night(
    known: Facts,
    *,
    people: pl.DataFrame | None = None,
    past: Sequence[Mapping[str, Any]] = (),
    tasks: Sequence[Mapping[str, Any]] = (),
    **settings: Any,
) -> RecommendTables:
    """One night, nothing held out unless asked."""
    return recommend(
        RecommendInputs(
            facts=known,
            reps=reps() if people is None else people,
            past_actions=frame(past, PAST_SCHEMA),
            own_tasks=frame(tasks, TASK_SCHEMA),
            settings=RecommendSettings(**({"held_out_share": 0.0} | settings)),
        )
    )
