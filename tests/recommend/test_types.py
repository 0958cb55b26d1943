"""Every action type, table-driven: fires, does not fire, acted on, ended."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from dagster_project.recommend.candidates import all_episodes, standing_candidates
from dagster_project.recommend.rules import LANGUAGES
from dagster_project.recommend.types import ACTION_TYPES
from tests.recommend.frames import (
    AS_OF,
    DEAL,
    REP,
    ago,
    facts,
    meeting,
    noon,
    opportunity,
    reps,
    spell,
    touch,
    win_ahead,
)

BY_NAME = {rule.name: rule for rule in ACTION_TYPES}
PROPOSAL = {"stage_name": "提案", "stage_order": 3}
NO_AMOUNT = {"amount": None}


def state(name: str, known: Any) -> str:
    """What became of the type's latest episode: on, acted, ended, or none at all."""
    rule = BY_NAME[name]
    latest = known.plan_date if rule.looks_ahead else known.as_of_date
    episodes = rule.episodes(known).filter(pl.col("onset_date") <= latest).sort("onset_date")
    on = standing_candidates(known, [rule], all_episodes(known, [rule]), reps())
    if on.height:
        return "on"
    if episodes.is_empty():
        return "none"
    return "acted" if episodes["acted_date"][-1] is not None else "ended"


def deal(spells: list[Any], activities: list[Any] = [], *, win: float | None = None, **values: Any) -> Any:  # noqa: B006
    ahead = [] if win is None else [win_ahead(win)]
    return facts([opportunity(**values)], spells, activities, ahead)


CASES = [
    ("book_next_meeting", "fires", deal([spell(30)], [meeting(6)]), "on"),
    ("book_next_meeting", "two business days are too early", deal([spell(30)], [meeting(2)]), "none"),
    ("book_next_meeting", "never met", deal([spell(30)], [touch(6)]), "none"),
    ("book_next_meeting", "next one was booked in the meeting",
     deal([spell(30)], [meeting(6), meeting(-5, "00U2", booked=6)]), "none"),
    ("book_next_meeting", "acted", deal([spell(30)], [meeting(9), meeting(-5, "00U2", booked=2)]), "acted"),
    ("book_next_meeting", "booked meeting fell through",
     deal([spell(40)], [meeting(20), {**meeting(8, "00U2", booked=19), "is_meeting_held": False}]), "on"),
    ("book_next_meeting", "ended by closing", deal([spell(30, 1)], [meeting(9)], status="lost"), "ended"),
    ("book_next_meeting", "a new stage is a new episode",
     deal([spell(30, 6), spell(6, spell_number=2, stage_name="Demo")], [meeting(12)]), "on"),
    ("unstick_stage", "fires", deal([spell(22)]), "on"),
    ("unstick_stage", "on the last usual day", deal([spell(21)]), "none"),
    ("unstick_stage", "acted", deal([spell(30)], [meeting(-4, booked=3)]), "acted"),
    ("unstick_stage", "a call alone does not move it", deal([spell(30)], [touch(3)]), "on"),
    ("unstick_stage", "ended by the next stage", deal([spell(40, 5), spell(5, spell_number=2)]), "ended"),
    ("break_silence", "fires", deal([spell(30)], [touch(15)]), "on"),
    ("break_silence", "within the usual gap", deal([spell(20)], [touch(14)]), "none"),
    ("break_silence", "never contacted since it began", deal([spell(30)]), "on"),
    ("break_silence", "a meeting ahead explains it",
     deal([spell(30)], [touch(20), meeting(-3, booked=18)]), "none"),
    ("break_silence", "acted", deal([spell(30)], [touch(20), touch(2, "00T2")]), "acted"),
    ("break_silence", "the customer called first",
     deal([spell(30)], [touch(20), {**touch(2, "00T2"), "is_touch": False, "is_inbound": True}]), "ended"),
    ("break_silence", "our own open task is no contact",
     deal([spell(30)], [touch(15), {**touch(1, "00T2"), "is_touch": False, "is_own_write": True}]), "on"),
    ("break_silence", "ended by closing", deal([spell(30, 1)], [touch(20)], status="lost"), "ended"),
    ("follow_up_proposal", "fires", deal([spell(6, **PROPOSAL)]), "on"),
    ("follow_up_proposal", "fires on a proposal sent by mail",
     deal([spell(30)], [touch(7, subject="お見積書の送付", channel="email")]), "on"),
    ("follow_up_proposal", "within the usual time", deal([spell(5, **PROPOSAL)]), "none"),
    ("follow_up_proposal", "not in a proposal stage", deal([spell(30)]), "none"),
    ("follow_up_proposal", "answered in time",
     deal([spell(9, **PROPOSAL)], [{**touch(7), "is_touch": False, "is_inbound": True}]), "none"),
    ("follow_up_proposal", "acted", deal([spell(9, **PROPOSAL)], [touch(2)]), "acted"),
    ("follow_up_proposal", "ended by an answer",
     deal([spell(9, **PROPOSAL)], [{**touch(2), "is_touch": False, "is_inbound": True}]), "ended"),
    ("confirm_close_date", "fires when past", deal([spell(9)], close_date=ago(1)), "on"),
    ("confirm_close_date", "fires when pushed twice", deal([spell(9)], close_date_pushes=2), "on"),
    ("confirm_close_date", "pushed once", deal([spell(9)], close_date_pushes=1), "none"),
    ("confirm_close_date", "no date at all", deal([spell(9)], close_date=None, close_date_pushes=3), "none"),
    ("confirm_close_date", "acted: the date is ahead again", deal([spell(9)], close_date=ago(-20)), "none"),
    ("confirm_close_date", "ended by closing", deal([spell(9, 1)], close_date=ago(1), status="won"), "none"),
    ("prepare_close", "fires", deal([spell(9)], [meeting(-4)], close_date=ago(-8)), "on"),
    ("prepare_close", "no meeting set", deal([spell(9)], [], close_date=ago(-8)), "none"),
    ("prepare_close", "closes too far ahead", deal([spell(9)], [meeting(-4)], close_date=ago(-30)), "none"),
    ("prepare_close", "ended by closing",
     deal([spell(9, 1)], [meeting(-4)], close_date=ago(-8), status="won"), "none"),
    ("disqualify", "fires", deal([spell(400)], win=0.01, clock_started_date=ago(400)), "on"),
    ("disqualify", "still has a chance", deal([spell(400)], win=0.03, clock_started_date=ago(400)), "none"),
    ("disqualify", "not older than any win", deal([spell(300)], win=0.01, clock_started_date=ago(300)), "none"),
    ("disqualify", "no estimate, no verdict", deal([spell(400)], clock_started_date=ago(400)), "none"),
    ("disqualify", "acted: closed", deal([spell(400, 1)], win=0.01, status="lost"), "none"),
    ("confirm_meeting", "fires for Monday on Friday", deal([spell(9)], [meeting(-4)]), "on"),
    ("confirm_meeting", "meeting later in the week", deal([spell(9)], [meeting(-5)]), "none"),
    ("confirm_meeting", "meeting on the plan date itself", deal([spell(9)], [meeting(-1)]), "ended"),
    ("confirm_meeting", "booked the day before", deal([spell(9)], [meeting(1, booked=2)]), "none"),
    ("confirm_meeting", "acted", deal([spell(9)], [meeting(1), touch(2)]), "acted"),
    ("confirm_meeting", "a call on the day itself comes too late", deal([spell(9)], [meeting(1), touch(1)]), "ended"),
    ("add_amount", "fires", deal([spell(9)], **NO_AMOUNT), "on"),
    ("add_amount", "acted: it has one", deal([spell(9)]), "none"),
    ("add_amount", "too young", deal([spell(3)], created_date=ago(3), **NO_AMOUNT), "none"),
    ("add_amount", "zero is an amount", deal([spell(9)], amount=0), "none"),
    ("add_amount", "ended by closing", deal([spell(9, 1)], status="lost", **NO_AMOUNT), "none"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "case", "known", "expected"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_type(name: str, case: str, known: Any, expected: str) -> None:
    assert state(name, known) == expected


def test_every_type_is_tried_firing_and_not_firing() -> None:
    for rule in ACTION_TYPES:
        outcomes = {expected for name, _, _, expected in CASES if name == rule.name}
        assert "on" in outcomes
        assert outcomes - {"on"}


@pytest.mark.parametrize("rule", ACTION_TYPES, ids=[rule.name for rule in ACTION_TYPES])
def test_declarations(rule: Any) -> None:
    assert len(rule.name) <= 24
    assert set(rule.templates) == set(LANGUAGES)
    assert rule.minutes > 0
    assert rule.life_days >= 1


def test_stage_threshold_is_q75_of_own_won_deals() -> None:
    won = [
        opportunity(opportunity_id=f"won{n:02}", status="won", closed_date=ago(10), cycle_days=n)
        for n in range(1, 22)
    ]
    stays = [spell(60, 60 - n, opportunity_id=f"won{n:02}") for n in range(1, 22)]
    known = facts([opportunity(), *won], [spell(18), *stays], [])
    current = BY_NAME["unstick_stage"].episodes(known).filter(pl.col("opportunity_id") == DEAL)
    assert current.select("usual_days", "usual_n", "onset_date").row(0) == (16, 21, ago(1))


def test_too_few_won_deals_fall_back_to_all_stages_then_to_the_stated_days() -> None:
    won = [opportunity(opportunity_id=f"won{n:02}", status="won", closed_date=ago(10)) for n in range(20)]
    stays = [spell(60, 55, opportunity_id=f"won{n:02}", stage_name="Demo") for n in range(20)]
    known = facts([opportunity(), *won], [spell(18), *stays])
    few = facts([opportunity(), *won[1:]], [spell(30), *stays[1:]])
    assert BY_NAME["unstick_stage"].episodes(known).select("usual_days", "usual_n").row(0) == (5, 20)
    assert BY_NAME["unstick_stage"].episodes(few).select("usual_days", "usual_n").row(0) == (21, 0)


def test_a_team_can_set_the_threshold() -> None:
    known = facts([opportunity()], [spell(12)], thresholds={"unstick_stage": 10})
    assert BY_NAME["unstick_stage"].episodes(known)["onset_date"].to_list() == [ago(1)]


def test_disqualify_asks_for_older_than_the_longest_own_win() -> None:
    won = [
        opportunity(opportunity_id=f"won{n:02}", status="won", closed_date=ago(10), cycle_days=5 * n)
        for n in range(1, 21)
    ]
    older = facts([opportunity(clock_started_date=ago(101)), *won], [spell(101)], win=[win_ahead(0.01)])
    equal = facts([opportunity(clock_started_date=ago(100)), *won], [spell(100)], win=[win_ahead(0.01)])
    assert BY_NAME["disqualify"].episodes(older).select("usual_days", "usual_n").row(0) == (100, 20)
    assert BY_NAME["disqualify"].episodes(equal).is_empty()


def test_days_are_counted_in_the_organisations_zone() -> None:
    late = noon(date(2026, 10, 28))
    assert late is not None
    entered = late.replace(hour=23)  # already the 29th in Tokyo
    known = facts([opportunity()], [spell(0) | {"entered_at": entered}])
    assert known.spells["entered_date"].to_list() == [date(2026, 10, 29)]


def test_a_holiday_is_no_business_day() -> None:
    known = deal([spell(30)], [meeting(3)])
    with_holiday = facts([opportunity()], [spell(30)], [meeting(3)], holidays=[ago(1)])
    assert state("book_next_meeting", known) == "on"
    assert state("book_next_meeting", with_holiday) == "none"


def test_the_episode_keeps_its_name_while_the_fact_stands() -> None:
    for days_later in (0, 1, 5):
        known = facts(
            [opportunity()], [spell(20)], [touch(15)], as_of_date=AS_OF, plan_date=ago(-1 - days_later)
        )
        assert BY_NAME["break_silence"].episodes(known)["episode"].to_list() == ["00T000000000001AAA"]


def test_an_org_with_no_activity_at_all_builds_every_type() -> None:
    empty = facts([], [], [], [])
    assert all_episodes(empty, ACTION_TYPES).is_empty()
    assert standing_candidates(empty, ACTION_TYPES, all_episodes(empty, ACTION_TYPES), reps()).is_empty()


def test_a_deal_of_a_former_owner_counts_for_the_owner_of_tonight() -> None:
    known = facts([opportunity(rep_id="005new")], [spell(30, rep_id=REP)], [])
    assert known.spells["rep_id"].to_list() == ["005new"]
