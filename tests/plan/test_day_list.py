"""Must do and can wait: each line with its reason, in order, in the rep's language."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.plan.day.events import local_events, rep_zones
from dagster_project.plan.day.lists import (
    DAY_LIST_SCHEMA,
    LISTED_TASKS,
    LISTED_TO_WAIT,
    OVERDUE_DAYS,
    day_list,
)
from dagster_project.plan.day.reading import DayInputs
from dagster_project.plan.day.words import CAN_WAIT, LANGUAGES, LINES
from tests.plan.day_frames import DAY, NUMBERS, at, blocks_of, day_of, event, numbers_of

CARDS = pl.Schema(
    {
        "rep_id": pl.String(),
        "action_key": pl.String(),
        "subject": pl.String(),
        "fact": pl.String(),
        "block": pl.String(),
        "rank": pl.Int64(),
        "gain_amount": pl.Decimal(18, 4),
        "left_out_reason": pl.String(),
    }
)


def cards(*rows: tuple[str, Any], rep: str = "A") -> pl.DataFrame:
    """Chosen cards (key, rank), or left-out ones (key, reason)."""
    made = [
        {
            "rep_id": rep,
            "action_key": key,
            "subject": f"Do {key}",
            "fact": f"Because of {key}",
            "block": "morning",
            "rank": value if isinstance(value, int) else None,
            "left_out_reason": value if isinstance(value, str) else None,
            "gain_amount": 1_000,
        }
        for key, value in rows
    ]
    return pl.DataFrame(made, schema=CARDS)


def listed(
    day: DayInputs | None = None,
    chosen: pl.DataFrame | None = None,
    weighed: pl.DataFrame | None = None,
    units: int = 100,
    **numbers: int,
) -> pl.DataFrame:
    made = day or day_of()
    return day_list(
        DAY,
        made.reps,
        blocks_of(made, units, numbers=numbers_of(numbers)),
        cards() if chosen is None else chosen,
        cards() if weighed is None else weighed,
        local_events(made, rep_zones(made, made.reps["rep_id"])),
        made.tasks,
    )


def lines(rows: pl.DataFrame, name: str = "must_do") -> list[tuple[str, str]]:
    return rows.filter(pl.col("list") == name).select("text", "reason").rows()


def test_the_order_of_the_day() -> None:
    day = day_of(
        [
            event(at(14), at(15), has_customer=True, subject="First meeting"),
            event(at(9), at(9.5), subject="Team meeting"),
        ],
        tasks=[("00T1", "A", "Send the offer", DAY), ("00T2", "A", "Call back", DAY - timedelta(days=4))],
    )
    rows = listed(day, cards(("second", 2), ("first", 1)), cards(("later", "can_wait")), **NUMBERS)
    assert rows.schema == DAY_LIST_SCHEMA
    assert lines(rows) == [
        ("Do first", "Because of first"),
        ("Do second", "Because of second"),
        ("14:00–15:00 First meeting", "in your calendar"),
        ("Send the offer", "due today"),
        ("Call back", "overdue since 20 Nov"),
        ("15 touches", "today's part of the plan"),
        ("5 appointments to set", "today's part of the plan"),
    ]
    assert lines(rows, "can_wait") == [("Do later", "today's chosen ones come first")]
    assert rows["place"].to_list() == [1, 2, 3, 4, 5, 6, 7, 1]
    assert rows["block"].to_list()[:3] == ["morning", "morning", "afternoon"]
    assert rows["activity_id"].drop_nulls().to_list()[1:] == ["00T1", "00T2"]


def test_the_rep_s_own_language_and_zone() -> None:
    new_york = "America/New_York"
    call = event(at(14, new_york), at(15, new_york), has_customer=True, subject="初回商談")
    rows = listed(day_of([call], zones={"A": new_york}, languages={"A": "ja"}), touches=20)
    assert lines(rows) == [
        ("14:00–15:00 初回商談", "予定に入っています"),
        ("接触(架電・メール) 20件", "今日の計画です"),
    ]


def test_numbers_that_do_not_fit_say_so() -> None:
    rows = listed(day_of([event(at(9), at(18))]), touches=4)
    assert lines(rows) == [
        ("4 touches", "today's part of the plan; 4 of them do not fit in the free minutes")
    ]


def test_what_is_beyond_the_list_is_counted() -> None:
    tasks = [(f"00T{n:02}", "A", f"Task {n}", DAY - timedelta(days=n)) for n in range(LISTED_TASKS + 7)]
    weighed = cards(*((f"card {n}", "can_wait") for n in range(LISTED_TO_WAIT + 3)))
    rows = listed(day_of(tasks=tasks), weighed=weighed)
    must, wait = lines(rows), lines(rows, "can_wait")
    assert [text for text, _ in must] == [f"Task {n}" for n in range(LISTED_TASKS)]
    assert len(wait) == LISTED_TO_WAIT + 2
    assert {text for text, _ in wait[LISTED_TO_WAIT:]} == {"3 more", "7 more overdue tasks"}


def test_what_stands_from_earlier_days_comes_first_of_what_can_wait() -> None:
    weighed = cards(
        ("a", "other_card_for_this_deal"), ("b", "can_wait"), ("c", "still_on_list"), ("d", "block_is_full")
    )
    found = lines(listed(weighed=weighed), "can_wait")
    assert [text for text, _ in found] == ["Do c", "Do b", "Do d", "Do a"]
    assert found[0][1] == "still on your list from an earlier day"


def test_a_task_overdue_for_months_is_counted_and_no_promise_of_today_s() -> None:
    tasks = [(f"00T{ago}", "A", "Quote", DAY - timedelta(days=ago)) for ago in (30, 31, 400)]
    rows = listed(day_of(tasks=tasks))
    assert rows["activity_id"].drop_nulls().to_list() == ["00T30"]
    assert lines(rows, "can_wait") == [("2 more overdue tasks", "not listed")]


def test_withheld_and_hidden_candidates_are_in_no_list() -> None:
    weighed = cards(
        ("a", "held_out"), ("b", "rep_logs_little"), ("c", "already_planned"), ("d", "taken_back")
    )
    assert listed(weighed=weighed).is_empty()


def test_a_rep_who_is_off_has_the_booked_meeting_and_nothing_else() -> None:
    day = day_of(
        [event(at(14), at(15), has_customer=True, subject="Visit")],
        tasks=[("00T1", "A", "Send the offer", DAY)],
    )
    rows = listed(day, cards(("first", 1)), cards(("later", "can_wait")), units=0, touches=5)
    assert lines(rows) == [("14:00–15:00 Visit", "in your calendar")]
    assert lines(rows, "can_wait") == []
    assert rows["block"].to_list() == [None]


def test_text_of_strangers_is_made_harmless() -> None:
    day = day_of(tasks=[("00T1", "A", "\x1b[31mPay\n<b>now</b> http://evil", DAY)])
    text = lines(listed(day))[0][0]
    assert "\x1b" not in text
    assert "\n" not in text
    assert "http://" not in text


def test_an_all_day_visit_is_listed_without_a_time() -> None:
    visit = event(at(0), at(0), is_all_day=True, has_customer=True, subject="Trade show")
    assert lines(listed(day_of([visit]))) == [("Trade show", "in your calendar")]


def test_every_language_has_every_word() -> None:
    for table in (CAN_WAIT, LINES):
        assert set(table) == set(LANGUAGES)
        assert set(table["ja"]) == set(table["en"])


@settings(max_examples=30, deadline=None)
@given(
    chosen=st.integers(0, 6),
    waiting=st.lists(st.sampled_from([*CAN_WAIT["en"], "held_out"]), max_size=40),
    tasks=st.lists(st.integers(-3, 90), max_size=25),
)
def test_nothing_is_lost_and_nothing_is_twice(chosen: int, waiting: list[str], tasks: list[int]) -> None:
    made = day_of(tasks=[(f"00T{n}", "A", "Task", DAY - timedelta(days=ago)) for n, ago in enumerate(tasks)])
    rows = listed(
        made,
        cards(*((f"chosen {n}", n + 1) for n in range(chosen))),
        cards(*((f"waiting {n}", reason) for n, reason in enumerate(waiting))),
    )
    due = sum(ago >= 0 for ago in tasks)
    listed_tasks = min(sum(0 <= ago <= OVERDUE_DAYS for ago in tasks), LISTED_TASKS)
    left_out = sum(reason != "held_out" for reason in waiting)
    keys = rows["action_key"].drop_nulls()
    assert keys.is_unique().all()
    assert len(keys) == chosen + min(left_out, LISTED_TO_WAIT)
    assert rows["activity_id"].drop_nulls().len() == listed_tasks
    assert rows["reason"].null_count() == 0
    more = sum(int(text.split()[0]) for text, reason in lines(rows, "can_wait") if reason == "not listed")
    assert more == due - listed_tasks + max(left_out - LISTED_TO_WAIT, 0)
