"""Cards within the minutes a rep's day has free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.recommend.facts import Facts
from dagster_project.recommend.recommend import RecommendInputs, RecommendSettings, RecommendTables, recommend
from dagster_project.recommend.room import BLOCK_SCHEMA, absent_reps
from tests.recommend.frames import REP, facts, opportunity, reps, spell, touch, win_ahead

WIDE = {"morning": 480, "afternoon": 480, "evening": 480}
CARD_MINUTES = 30  # of unstick_stage, in the afternoon


def stuck(count: int, **values: Any) -> Facts:
    """So many open deals of one rep, each long in its stage and touched lately, so only one type fires."""
    ids = [f"006{number:015}" for number in range(count)]
    return facts(
        [opportunity(opportunity_id=deal, **values) for deal in ids],
        [spell(30, opportunity_id=deal) for deal in ids],
        [touch(1, f"00T{deal[3:]}", opportunity_id=deal) for deal in ids],
        [win_ahead(0.2, deal) for deal in ids],
    )


def blocks(minutes: Mapping[str, tuple[int, int]], rep: str = REP) -> pl.DataFrame:
    """(whole minutes, free minutes) of each block of the rep."""
    rows = [(rep, block, whole, free) for block, (whole, free) in minutes.items()]
    return pl.DataFrame(rows, schema=BLOCK_SCHEMA, orient="row")


def afternoon(free: int) -> pl.DataFrame:
    return blocks({"morning": (180, 180), "afternoon": (240, free), "evening": (60, 30)})


def night(known: Facts, day_blocks: pl.DataFrame, **values: Any) -> RecommendTables:
    given_settings = RecommendSettings(**({"held_out_share": 0.0, "block_minutes": WIDE} | values))
    return recommend(RecommendInputs(known, reps(), day_blocks, settings=given_settings))


def reasons(tables: RecommendTables) -> set[str]:
    return set(tables.candidates["left_out_reason"].drop_nulls())


def test_a_full_calendar_leaves_fewer_cards() -> None:
    assert night(stuck(9), afternoon(240)).actions.height == 5
    tables = night(stuck(9), afternoon(75))
    assert tables.actions["minutes"].sum() == 2 * CARD_MINUTES
    assert reasons(tables) == {"block_is_full"}
    assert night(stuck(9), afternoon(CARD_MINUTES - 1)).actions.is_empty()


def test_five_are_five_however_free_the_day() -> None:
    assert reasons(night(stuck(9), afternoon(240))) == {"can_wait"}


def test_a_free_day_gives_no_more_than_the_set_minutes_for_cards() -> None:
    assert night(stuck(9), afternoon(240), block_minutes={"afternoon": 60}).actions.height == 2


def test_who_is_absent_gets_no_card_of_any_kind() -> None:
    off = blocks({"morning": (0, 0), "afternoon": (0, 0), "evening": (0, 0)})
    assert absent_reps(off) == [REP]
    no_amount = stuck(3, amount=None)
    assert not night(no_amount, afternoon(240)).actions.is_empty()
    tables = night(no_amount, off)
    assert tables.actions.is_empty()
    assert reasons(tables) == {"not_at_work"}
    assert tables.candidates["is_eligible"].all()


def test_a_full_day_is_not_an_absence() -> None:
    full = blocks({"morning": (180, 0), "afternoon": (240, 0), "evening": (60, 0)})
    assert absent_reps(full) == []
    assert reasons(night(stuck(3), full)) == {"block_is_full"}


def test_without_a_planned_day_the_set_minutes_hold() -> None:
    elsewhere = blocks({"afternoon": (240, 0)}, rep="005 somebody else")
    assert night(stuck(9), elsewhere, block_minutes={"afternoon": 60}).actions.height == 2
    assert night(stuck(9), pl.DataFrame(schema=BLOCK_SCHEMA)).actions.height == 5


def test_a_block_the_day_does_not_have_holds_no_card() -> None:
    assert night(stuck(3), blocks({"morning": (180, 180)})).actions.is_empty()


@settings(max_examples=12, deadline=None)
@given(free=st.integers(0, 240), most=st.integers(0, 240))
def test_the_chosen_never_take_more_than_the_block_has(free: int, most: int) -> None:
    tables = night(stuck(7), afternoon(free), block_minutes={"afternoon": most})
    assert tables.actions["minutes"].sum() == CARD_MINUTES * min(
        5, free // CARD_MINUTES, most // CARD_MINUTES
    )
