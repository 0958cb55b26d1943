"""One evening's reviews from frames alone: numbers, words, order, and whom they are for."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.review.inputs import MEASURES, SCHEMAS, ReviewInputs
from dagster_project.review.reasons import REASONS
from dagster_project.review.reviews import make_reviews, sync_reviews
from dagster_project.review.text import RepDay, first_things

DAY, NEXT = date(2026, 10, 15), date(2026, 10, 16)
SATO, SMITH = "005000000000001AAA", "005000000000002AAA"


def frame(name: str, *rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMAS[name], orient="row")


def inputs(**frames: pl.DataFrame) -> ReviewInputs:
    given = {
        "reps": frame("reps", (SATO, "ja"), (SMITH, "en")),
        "targets": frame("targets", (SATO, DAY, "touches", 12), (SMITH, DAY, "touches", 5)),
    }
    return ReviewInputs(DAY, NEXT, **{name: frame(name) for name in SCHEMAS} | given | frames)


def row(made: pl.DataFrame, rep_id: str) -> dict[str, Any]:
    return made.row(by_predicate=pl.col("rep_id") == rep_id, named=True)


def card(
    key: str, rank: int | None, *, deal: str = "006x", data: bool = False, rep: str = SATO
) -> tuple[Any, ...]:
    return rep, key, deal, f"card {key}", data, rank


def test_a_rep_off_that_day_or_no_longer_active_gets_none() -> None:
    targets = frame(
        "targets", (SATO, NEXT, "touches", 12), (SMITH, DAY, "touches", 5), ("005gone", DAY, "touches", 1)
    )
    assert make_reviews(inputs(targets=targets))["rep_id"].to_list() == [SMITH]


def test_a_rep_with_a_plan_of_zero_still_has_a_day_to_look_back_on() -> None:
    review = row(make_reviews(inputs(targets=frame("targets", (SATO, DAY, "touches", 0)))), SATO)
    assert "今日の計画はありませんでした" in review["description"]
    assert "なし。" in review["description"]


def test_done_stands_against_the_plan_and_the_rest_is_left() -> None:
    targets = frame("targets", *((SATO, DAY, name, 3) for name in MEASURES))
    done = frame("done", (SATO, "touches", 5), (SATO, "meetings", 1))
    review = row(make_reviews(inputs(targets=targets, done=done)), SATO)
    assert [review[f"{name}_done"] for name in MEASURES] == [5, 0, 1, 0]
    assert [review[f"{name}_planned"] for name in MEASURES] == [3, 3, 3, 3]
    assert "接触(架電・メール) 5/3" in review["description"]
    assert "アポ 3件、初回商談 2件、受注 3件" in review["description"]


def test_each_reads_it_in_the_own_language() -> None:
    made = make_reviews(inputs())
    assert row(made, SATO)["subject"] == "3分ふりかえり 10/15"
    assert row(made, SMITH)["subject"] == "3-minute review 15 Oct"
    assert all(label in row(made, SATO)["description"] for label in REASONS.values())
    assert all(value in row(made, SMITH)["description"] for value in REASONS)
    assert "FIRST ON Fri 16 Oct" in row(made, SMITH)["description"]


def test_nobody_is_asked_for_a_reason_when_nothing_is_left() -> None:
    made = make_reviews(inputs(done=frame("done", (SATO, "touches", 12))))
    assert "Gyakusan振り返り" not in row(made, SATO)["description"]
    assert "Gyakusan review" in row(made, SMITH)["description"]


def test_a_card_is_done_by_its_task_or_by_what_was_done_on_the_deal() -> None:
    cards = frame(
        "cards",
        card("finished", 1, deal="0061"),
        card("worked on", 2, deal="0062"),
        card("data", 3, deal="0062", data=True),
        card("turned down", 4, deal="0063"),
        card("left", 5, deal="0064"),
        card("from before", None, deal="0065"),
    )
    tasks = frame("card_tasks", ("finished", True, False), ("turned down", False, True))
    worked = frame("worked_on", (SATO, "0062"), (SMITH, "0064"))
    review = row(make_reviews(inputs(cards=cards, card_tasks=tasks, worked_on=worked)), SATO)
    assert (review["cards_done"], review["cards_left"]) == (2, 3)
    assert "今日の一手 2/5" in review["description"]
    left = review["description"].split("【残り】")[1]
    assert left.index("card from before") < left.index("card left") < left.index("card data")
    assert "turned down" not in left


def day(**changes: Any) -> RepDay:
    given: dict[str, Any] = {
        "day": DAY, "next_day": NEXT, "language": "en", "targets": {}, "done": {}, "cards_done": 0,
        "cards_left": ["card 1", "card 2", "card 3", "card 4"], "next_targets": {"touches": 7, "meetings": 1},
        "meetings": [("10:00", "A"), ("13:00", "B"), ("15:00", "C")],
    }  # fmt: skip
    return RepDay(**given | changes)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ["card 1", "10:00 meeting A", "start with 7 touches"]),
        ({"cards_left": []}, ["10:00 meeting A", "13:00 meeting B", "start with 7 touches"]),
        ({"meetings": []}, ["card 1", "card 2", "start with 7 touches"]),
        ({"next_targets": {}}, ["card 1", "card 2", "10:00 meeting A"]),
        ({"next_targets": {"touches": 0, "meetings": 1}, "cards_left": [], "meetings": []}, ["start with 1 meeting"]),
        ({"next_targets": {}, "cards_left": [], "meetings": []}, []),
    ],
    ids=["each kind once", "no cards", "no meetings", "no numbers", "first number", "nothing"],
)  # fmt: skip
def test_three_things_for_tomorrow_in_their_order(changes: dict[str, Any], wanted: list[str]) -> None:
    assert first_things(day(**changes)) == wanted


@given(
    cards=st.lists(st.text(min_size=1), max_size=5),
    meetings=st.lists(st.tuples(st.just("09:00"), st.text()), max_size=5),
    targets=st.dictionaries(st.sampled_from(MEASURES), st.integers(0, 9)),
)
def test_there_are_never_more_than_three_and_no_room_is_wasted(
    cards: list[str], meetings: list[tuple[str, str]], targets: dict[str, int]
) -> None:
    things = first_things(day(cards_left=cards, meetings=meetings, next_targets=targets))
    has_number = any(number > 0 for number in targets.values())
    assert len(things) == min(3, len(cards) + len(meetings) + has_number)


@pytest.mark.parametrize(
    "hostile", ["<script>x</script>", "\u202egnp.exe", "a\nb\r\nc", "https://evil.example/x"]
)
def test_words_of_the_crm_come_in_as_one_harmless_line(hostile: str) -> None:
    meetings = frame("meetings", (SATO, "10:00", hostile))
    plain = row(make_reviews(inputs()), SATO)["description"]
    text = row(make_reviews(inputs(meetings=meetings)), SATO)["description"]
    assert len(text.splitlines()) == len(plain.splitlines())
    assert not {"<", ">", "\u202e", "\r"} & set(text)
    assert "://" not in text


def test_the_task_hangs_on_no_record_and_carries_no_answer() -> None:
    sent = sync_reviews(make_reviews(inputs()))
    assert sent["GyakusanActionKey__c"].to_list() == [
        f"review:{SATO}:2026-10-15",
        f"review:{SMITH}:2026-10-15",
    ]
    assert sent["ActivityDate"].unique().to_list() == [DAY]
    assert not {"WhatId", "WhoId", "GyakusanReview__c"} & set(sent.columns)


def test_two_times_the_same_evening_makes_the_same_reviews() -> None:
    cards = frame("cards", *(card(f"k{place}", place % 3) for place in range(9)))
    shuffled = cards.sample(fraction=1.0, shuffle=True, seed=3)
    assert make_reviews(inputs(cards=cards)).equals(make_reviews(inputs(cards=shuffled)))
