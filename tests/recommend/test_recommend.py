"""A whole night from facts to actions: caps, past, hold-out, owners, reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from dagster_project.recommend.facts import Facts
from dagster_project.recommend.recommend import ACTION_COLUMNS, CANDIDATE_COLUMNS, RecommendTables
from tests.recommend.frames import (
    AS_OF,
    DEAL,
    PLAN,
    REP,
    ago,
    facts,
    meeting,
    night,
    opportunity,
    reps,
    spell,
    touch,
    win_ahead,
)


def stuck(count: int, **values: Any) -> Facts:
    """So many open deals of one rep, each long in its stage and touched lately, so only one type fires."""
    ids = [f"006{number:015}" for number in range(count)]
    return facts(
        [opportunity(opportunity_id=deal, **values) for deal in ids],
        [spell(30, opportunity_id=deal) for deal in ids],
        [touch(1, f"00T{deal[3:]}", opportunity_id=deal) for deal in ids],
        [win_ahead(0.2, deal) for deal in ids],
    )


def reasons(tables: RecommendTables) -> dict[str, int]:
    counts = tables.candidates.group_by("left_out_reason").len()
    return {str(reason): n for reason, n in counts.iter_rows()}


def one_card(tables: RecommendTables) -> Mapping[str, Any]:
    assert tables.actions.height == 1
    return tables.actions.row(0, named=True)


def past_row(card: Mapping[str, Any], days_ago: int, **values: Any) -> dict[str, Any]:
    return {
        "action_key": card["action_key"], "action_type": card["action_type"],
        "opportunity_id": card["opportunity_id"], "plan_date": PLAN - timedelta(days=days_ago), "is_held_out": False,
    } | values  # fmt: skip


def task_row(card: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "action_key": card["action_key"],
        "is_done": False,
        "is_deleted": False,
        "dismissed_date": None,
    } | values


WIDE = {"block_minutes": {"morning": 480, "afternoon": 480, "evening": 480}}


def test_columns_are_those_of_the_contract() -> None:
    tables = night(stuck(1))
    assert tuple(tables.candidates.columns) == CANDIDATE_COLUMNS
    assert tuple(tables.actions.columns) == ACTION_COLUMNS
    assert tables.candidates.schema["gain_amount"] == pl.Decimal(18, 4)


def test_at_most_five_a_day_and_the_rest_can_wait() -> None:
    tables = night(stuck(9), **WIDE)
    assert tables.actions.height == 5
    assert tables.actions["rank"].to_list() == [1, 2, 3, 4, 5]
    assert reasons(tables) == {"None": 5, "can_wait": 4}


def test_a_blocks_minutes_are_kept() -> None:
    tables = night(stuck(9), block_minutes={"afternoon": 60})
    assert tables.actions["minutes"].sum() == 60


def test_one_card_per_deal() -> None:
    known = facts([opportunity(close_date=ago(3))], [spell(60)], [touch(40)], [win_ahead(0.2)])
    tables = night(known, people=reps(), types_off=frozenset({"break_silence"}), **WIDE)
    assert tables.actions["opportunity_id"].to_list() == [DEAL]
    assert reasons(tables)["other_card_for_this_deal"] == 1


def test_data_cards_stand_outside_the_five_and_below_them() -> None:
    # Six deals are stuck; the two youngest are not yet and have no amount.
    ids = [f"006{number:015}" for number in range(8)]
    known = facts(
        [opportunity(opportunity_id=d, amount=None if n >= 6 else 10**6) for n, d in enumerate(ids)],
        [spell(8 if n >= 6 else 30, opportunity_id=d) for n, d in enumerate(ids)],
        [touch(1, opportunity_id=d) for d in ids],
        [win_ahead(0.2, d) for d in ids],
    )
    tables = night(known, **WIDE)
    assert tables.actions["action_type"].to_list() == ["unstick_stage"] * 5 + ["add_amount"]
    assert tables.actions["rank"].to_list() == [1, 2, 3, 4, 5, 6]


def test_the_same_inputs_give_the_same_tables() -> None:
    assert night(stuck(7)).candidates.equals(night(stuck(7)).candidates)


def test_level_is_not_gain() -> None:
    """A deal three times as big that closes by itself ranks below one that can be moved (method §6)."""
    known = facts(
        [opportunity(opportunity_id="006big", amount=3_000_000), opportunity(opportunity_id="006even")],
        [spell(30, opportunity_id="006big"), spell(30, opportunity_id="006even")],
        [touch(1, opportunity_id="006big"), touch(1, opportunity_id="006even")],
        [win_ahead(0.97, "006big"), win_ahead(0.5, "006even")],
    )
    assert night(known, **WIDE).actions["opportunity_id"].to_list() == ["006even", "006big"]


def test_a_missing_amount_counts_at_the_average_won_price() -> None:
    won = opportunity(opportunity_id="006won", status="won", amount=500_000, closed_date=ago(5))
    known = facts([opportunity(amount=None), won], [spell(30)], [touch(1)], [win_ahead(0.2)])
    card = night(known).candidates.filter(pl.col("action_type") == "unstick_stage").row(0, named=True)
    assert float(card["gain_amount"]) == pytest.approx(0.02 * 500_000)


def test_a_new_org_says_prior() -> None:
    assert one_card(night(stuck(1)))["evidence"] == "prior"
    assert one_card(night(stuck(1)))["gain_n"] == 0


def test_yesterdays_episode_never_makes_a_second_card() -> None:
    card = one_card(night(stuck(1)))
    on_list = night(stuck(1), past=[past_row(card, 1)])
    expired = night(stuck(1), past=[past_row(card, 30)])
    done = night(stuck(1), past=[past_row(card, 1)], tasks=[task_row(card, is_done=True)])
    assert reasons(on_list) == {"still_on_list": 1}
    assert reasons(expired) == reasons(done) == {"already_planned": 1}


def test_the_same_night_again_gives_the_same_card() -> None:
    card = one_card(night(stuck(1)))
    assert one_card(night(stuck(1), past=[past_row(card, 0)])) == card


def test_late_data_on_the_same_day_add_no_card() -> None:
    """Five in the morning stay five at noon, though a better deal has turned up; one that was acted on goes."""
    morning = night(stuck(5), **WIDE).actions
    past = [past_row(card, 0) for card in morning.head(3).iter_rows(named=True)]
    noon = night(stuck(9), past=past, **WIDE)
    assert noon.actions["action_key"].sort().to_list() == morning.head(3)["action_key"].sort().to_list()
    gone = [*past[:2], past[2] | {"action_key": "acted on since"}]
    assert night(stuck(9), past=gone, **WIDE).actions.height == 2


def test_cards_that_still_stand_take_their_place_among_the_five() -> None:
    first = night(stuck(9), **WIDE).actions
    past = [past_row(card, 1) for card in first.head(3).iter_rows(named=True)]
    second = night(stuck(9), past=past, **WIDE)
    assert second.actions.height == 2
    assert reasons(second)["still_on_list"] == 3


def test_a_dismissal_is_silent_for_14_days_and_a_second_for_60() -> None:
    other = {"action_type": "unstick_stage", "opportunity_id": "006000000000000000"}
    keys = [{"action_key": "older", **other}, {"action_key": "old", **other}]
    past = [past_row(key, 90) for key in keys]

    def reason(*days_ago: int) -> str | None:
        tasks = [
            task_row(key, dismissed_date=PLAN - timedelta(days=days))
            for key, days in zip(keys, days_ago, strict=False)
        ]
        value: str | None = night(stuck(1), past=past, tasks=tasks).candidates["left_out_reason"][0]
        return value

    assert reason(13) == "dismissed"
    assert reason(14) is None
    assert reason(80, 59) == "dismissed"
    assert reason(80, 60) is None


def test_a_type_is_not_repeated_on_a_deal_within_two_weeks() -> None:
    other = {"action_key": "old", "action_type": "unstick_stage", "opportunity_id": "006000000000000000"}
    assert reasons(night(stuck(1), past=[past_row(other, 13)])) == {"shown_recently": 1}
    assert reasons(night(stuck(1), past=[past_row(other, 14)])) == {"None": 1}


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ({"rep_id": None}, "no_owner"),
        ({"rep_id": "005gone"}, "owner_inactive"),
        ({"rep_id": "005?"}, "owner_unknown"),
    ],
)
def test_deals_nobody_can_work_on_are_skipped_with_the_reason(owner: dict[str, Any], reason: str) -> None:
    people = reps(
        {"rep_id": REP, "language": "ja", "is_active": True},
        {"rep_id": "005gone", "language": "ja", "is_active": False},
    )
    tables = night(stuck(1, **owner), people=people)
    assert tables.actions.is_empty()
    assert reasons(tables) == {reason: 1}


def test_a_new_owner_is_a_new_episode() -> None:
    people = reps(*({"rep_id": rep, "language": "ja", "is_active": True} for rep in (REP, "005new")))
    before = one_card(night(stuck(1), people=people))
    after = one_card(night(stuck(1, rep_id="005new"), people=people))
    assert before["action_key"] != after["action_key"]


def quiet_and_loud() -> Facts:
    """Two reps of one team with the same silence; one logs, the other does not."""
    ids = {REP: [f"006a{n}" for n in range(4)], "005quiet": [f"006b{n}" for n in range(4)]}
    deals = [opportunity(opportunity_id=d, rep_id=rep) for rep, own in ids.items() for d in own]
    spells = [spell(20, opportunity_id=d, rep_id=rep) for rep, own in ids.items() for d in own]
    touches = [touch(2 if d != "006a0" else 16, f"00T{d}", opportunity_id=d) for d in ids[REP]]
    return facts(deals, spells, touches, [win_ahead(0.2, d) for own in ids.values() for d in own])


def test_a_quiet_logger_is_not_nagged_about_silence() -> None:
    people = reps(*({"rep_id": rep, "language": "ja", "is_active": True} for rep in (REP, "005quiet")))
    candidates = night(quiet_and_loud(), people=people).candidates
    silent = candidates.filter(pl.col("action_type") == "break_silence")
    assert silent.filter(pl.col("rep_id") == REP)["is_chosen"].to_list() == [True]
    assert set(silent.filter(pl.col("rep_id") != REP)["left_out_reason"]) == {"rep_logs_little"}


def test_held_out_cards_leave_their_slot_empty_and_stay_held_out() -> None:
    full = night(stuck(60), **WIDE)
    tables = night(stuck(60), held_out_share=0.5, **WIDE)
    picked = tables.candidates.filter(pl.col("is_chosen") | (pl.col("left_out_reason") == "held_out"))
    assert picked["action_key"].sort().to_list() == full.actions["action_key"].sort().to_list()
    assert tables.candidates["propensity"].unique().to_list() == [0.5]
    withheld = picked.filter(~pl.col("is_chosen"))
    past = [past_row(card, 1, is_held_out=True) for card in withheld.iter_rows(named=True)]
    next_night = night(stuck(60), held_out_share=0.5, past=past, **WIDE)
    assert 0 < withheld.height < 5
    assert not set(next_night.actions["action_key"]) & set(withheld["action_key"])
    assert next_night.actions.height <= 5 - withheld.height


def test_types_can_be_switched_off() -> None:
    assert night(stuck(3), types_off=frozenset({"unstick_stage"})).candidates.is_empty()


def test_every_candidate_has_an_outcome_and_every_fact_its_record() -> None:
    rows = night(quiet_and_loud()).candidates
    assert rows.filter(pl.col("is_chosen") == pl.col("left_out_reason").is_not_null()).is_empty()
    assert rows["fact_record_ids"].null_count() == 0
    assert rows["action_key"].is_unique().all()
    assert rows["action_key"].str.len_chars().max() <= 80  # type: ignore[operator]


def test_a_rep_with_three_thousand_open_deals() -> None:
    tables = night(stuck(3_000), **WIDE)
    assert tables.actions.height == 5
    assert tables.candidates.height == 3_000


@pytest.mark.parametrize("nothing", [([], [], []), ([opportunity()], [], [])])
def test_an_empty_org(nothing: tuple[Sequence[Any], ...]) -> None:
    tables = night(facts(*nothing))
    assert tables.actions.is_empty()
    assert tuple(tables.candidates.columns) == CANDIDATE_COLUMNS


def test_nothing_known_later_than_as_of_changes_tonight() -> None:
    known = facts([opportunity()], [spell(20)], [touch(16)], [win_ahead(0.2)])
    later = facts([opportunity()], [spell(20)], [touch(16), touch(-1, "00Tlater")], [win_ahead(0.2)])
    columns = ["action_key", "is_chosen", "gain_amount"]
    assert night(known).candidates.select(columns).equals(night(later).candidates.select(columns))
    assert AS_OF < PLAN


def test_meetings_tomorrow_come_with_the_right_day() -> None:
    known = facts([opportunity()], [spell(9)], [meeting(-4), touch(3)], [win_ahead(0.3)])
    card = one_card(night(known))
    assert card["action_type"] == "confirm_meeting"
    assert card["due_date"] == PLAN
    assert "2026年11月23日" in card["fact"]


def test_over_two_weeks_no_episode_makes_two_cards_and_at_most_five_are_open() -> None:
    """A rep who does nothing: cards live ten days, so the list stays at five and turns over only when they expire."""
    past: list[dict[str, Any]] = []
    for day in range(0, 16):
        known = dataclasses.replace(
            stuck(30), as_of_date=AS_OF + timedelta(days=day), plan_date=PLAN + timedelta(days=day)
        )
        tables = night(known, past=past, held_out_share=0.2, types_off=frozenset({"break_silence"}), **WIDE)
        standing = tables.candidates["left_out_reason"].eq("still_on_list").sum()
        assert standing + tables.actions.height <= 5
        decided = tables.candidates.filter(pl.col("is_chosen") | (pl.col("left_out_reason") == "held_out"))
        past += [
            past_row(card, 0, plan_date=known.plan_date, is_held_out=not card["is_chosen"])
            for card in decided.iter_rows(named=True)
        ]
    shown = [row["action_key"] for row in past if not row["is_held_out"]]
    assert len(shown) == len(set(shown))
    assert 5 <= len(shown) <= 10
