"""The day as blocks: what adds up on every day, and the awkward ones by name."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.errors import SettingsError
from dagster_project.plan.day.blocks import DAY_BLOCK_SCHEMA, MEASURES, day_blocks
from dagster_project.plan.day.pattern import DEFAULT_BLOCKS, DayPattern, pattern_of
from dagster_project.settings import load_settings
from tests.plan.day_frames import (
    DAY,
    NUMBERS,
    at,
    blocks_of,
    day_of,
    event,
    first_meeting,
    minutes_of,
    numbers_of,
    units_of,
)


def column(blocks: pl.DataFrame, name: str) -> list[Any]:
    return blocks[name].to_list()


def busy(*events: dict[str, Any], **values: Any) -> list[int]:
    return column(blocks_of(day_of(events), **values), "busy_minutes")


def test_an_empty_day_has_its_numbers_where_they_belong() -> None:
    blocks = blocks_of(day_of())
    assert blocks.schema == DAY_BLOCK_SCHEMA
    shown = ["block", "start_time", "end_time", "minutes", "review_minutes", "free_minutes"]
    assert blocks.select(shown).rows() == [
        ("morning", "09:00", "12:00", 180, 0, 180),
        ("afternoon", "13:00", "17:00", 240, 0, 240),
        ("evening", "17:00", "18:00", 60, 30, 30),
    ]
    assert blocks.select(MEASURES).rows() == [(15, 5, 0), (0, 0, 3), (0, 0, 0)]
    assert column(blocks, "planned_minutes") == [100, 225, 0]


def test_overlapping_events_count_once_and_touching_ones_in_full() -> None:
    events = [
        event(at(9), at(10)),
        event(at(9.5), at(10.5)),
        event(at(9.25), at(9.5)),
        event(at(10.5), at(11)),
    ]
    assert busy(*events) == [120, 0, 0]


def test_an_event_across_block_borders_takes_of_each_what_lies_in_it() -> None:
    assert busy(event(at(11.5), at(13.5))) == [30, 30, 0]
    assert busy(event(at(16), at(19))) == [0, 60, 60]


def test_an_event_across_midnight_takes_what_lies_in_the_day() -> None:
    last_night = event(at(22, day=DAY - timedelta(days=1)), at(10))
    tonight = event(at(17.5), at(2, day=DAY + timedelta(days=1)))
    assert busy(last_night, tonight) == [60, 0, 30]


def test_an_event_of_no_length_and_one_outside_working_hours_take_nothing() -> None:
    blocks = blocks_of(day_of([event(at(10), at(10)), event(at(7), at(8)), event(at(12), at(13))]))
    assert column(blocks, "busy_minutes") == [0, 0, 0]
    assert column(blocks, "event_ids") == ["", "", ""]


def test_part_of_a_minute_counts_as_one() -> None:
    assert busy(event(at(9), at(9) + timedelta(seconds=61))) == [2, 0, 0]


def test_an_all_day_customer_event_takes_the_day_and_a_reminder_nothing() -> None:
    reminder = event(at(0), at(0), is_all_day=True)
    assert busy(reminder) == [0, 0, 0]
    blocks = blocks_of(day_of([reminder | {"has_customer": True}]))
    assert column(blocks, "free_minutes") == [0, 0, 0]
    assert column(blocks, "review_minutes") == [0, 0, 0]
    assert column(blocks, "left_meetings")[-1] == NUMBERS["meetings"]


def test_a_rep_in_another_zone_has_the_day_of_that_zone() -> None:
    new_york = "America/New_York"
    call = event(at(10, new_york), at(11, new_york))
    at_home, abroad = (blocks_of(day_of([call], zones={"A": zone})) for zone in ("Asia/Tokyo", new_york))
    assert column(abroad, "busy_minutes") == [60, 0, 0]
    assert column(abroad, "start_time") == column(at_home, "start_time")
    assert column(at_home, "busy_minutes") == [0, 0, 0]  # midnight in Tokyo


@pytest.mark.parametrize("zone", [None, "", "Not/AZone", "../etc/passwd"])
def test_an_unknown_zone_counts_as_the_organisation_s(zone: str | None) -> None:
    assert column(blocks_of(day_of([event(at(9), at(10))], zones={"A": zone})), "busy_minutes") == [60, 0, 0]


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_on_the_days_the_clocks_change_nine_is_nine(day: date) -> None:
    zone = "America/New_York"
    made = day_of([event(at(9, zone, day), at(12, zone, day))], zones={"A": zone}, day=day)
    assert column(blocks_of(made), "busy_minutes") == [180, 0, 0]


def test_a_block_in_which_the_clocks_change_keeps_its_minutes() -> None:
    day, zone = date(2026, 3, 8), "America/New_York"
    night = pattern_of({"morning": (time(1), time(4))})
    made = day_of([event(at(1, zone, day), at(4, zone, day))], zones={"A": zone}, day=day)
    blocks = blocks_of(made, pattern=night)
    assert (column(blocks, "minutes"), column(blocks, "busy_minutes")) == ([180], [120])


def test_a_short_day_is_worked_from_its_beginning() -> None:
    blocks = blocks_of(day_of(), units=50)
    assert column(blocks, "minutes") == [180, 60, 0]
    assert column(blocks, "review_minutes") == [0, 30, 0]
    assert column(blocks, "end_time") == ["12:00", "14:00", None]


def test_half_a_day_off_takes_its_own_half() -> None:
    assert column(blocks_of(day_of(), units=50, absent_part="morning"), "minutes") == [0, 240, 60]
    assert column(blocks_of(day_of(), units=50, absent_part="afternoon"), "minutes") == [180, 0, 0]
    assert column(blocks_of(day_of(), units=30, absent_part="morning"), "minutes") == [0, 240, 48]


def test_a_day_without_units_has_no_blocks() -> None:
    blocks = blocks_of(day_of([first_meeting(at(14), at(15))]), units=0)
    assert blocks.select(pl.sum("minutes", "busy_minutes", "free_minutes", *MEASURES)).row(0) == (0,) * 6
    assert blocks["start_time"].null_count() == 3


def test_meetings_booked_already_are_not_placed_again() -> None:
    booked = [first_meeting(at(14), at(15)), first_meeting(at(8), at(8.5))]
    blocks = blocks_of(day_of(booked))
    assert column(blocks, "booked_meetings") == [1, 1, 0]
    assert column(blocks, "meetings") == [0, 1, 0]
    more = [first_meeting(at(13 + n / 2), at(13.5 + n / 2)) for n in range(6)]
    assert blocks_of(day_of(more)).select(pl.sum("meetings", "left_meetings")).row(0) == (0, 0)


def test_what_does_not_fit_goes_to_the_next_block_and_the_rest_is_said() -> None:
    full_morning = day_of([event(at(9), at(11.5))])
    blocks = blocks_of(full_morning)
    assert column(blocks, "appointments") == [5, 0, 0]
    assert column(blocks, "touches") == [1, 3, 6]  # 3 meetings leave 15 minutes of the afternoon
    assert column(blocks, "left_touches") == [0, 0, 5]


def test_three_thousand_events_in_one_day() -> None:
    events = [
        event(at(9) + timedelta(seconds=3 * n), at(9) + timedelta(seconds=3 * n + 60), activity_id=f"00U{n}")
        for n in range(3_000)
    ]
    # 3 seconds apart, a minute each: one stretch from nine to 11:30:57.
    assert busy(*events) == [151, 0, 0]


def test_a_team_can_do_with_one_block() -> None:
    blocks = blocks_of(day_of(), pattern=pattern_of({"afternoon": (time(12), time(18))}, review_minutes=0))
    assert blocks.select("block", *MEASURES).rows() == [("afternoon", 15, 5, 3)]


@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"noon": (time(12), time(13))},
        {"morning": (time(12), time(9))},
        {"morning": (time(9), time(14)), "afternoon": (time(13), time(17))},
    ],
)
def test_blocks_that_make_no_day_are_refused(blocks: dict[str, tuple[time, time]]) -> None:
    with pytest.raises(ValueError, match=r"blocks are named|must"):
        pattern_of(blocks)


def test_a_team_sets_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYAKUSAN_BLOCKS", '{"morning": ["08:30", "12:00"], "evening": ["16:00", "17:15"]}')
    monkeypatch.setenv("GYAKUSAN_REVIEW_MINUTES", "15")
    pattern = load_settings().day_pattern
    assert [(block.name, block.minutes) for block in pattern.blocks] == [("morning", 210), ("evening", 75)]
    assert pattern.working_minutes == 270


def test_a_block_that_ends_before_it_starts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYAKUSAN_BLOCKS", '{"morning": ["12:00", "09:00"]}')
    with pytest.raises(SettingsError, match=r"setting blocks: .*morning must end after it starts"):
        load_settings()


@st.composite
def some_events(draw: st.DrawFn) -> list[dict[str, Any]]:
    spans = draw(st.lists(st.tuples(st.integers(-600, 1_900), st.integers(0, 900)), max_size=12))
    flags = st.booleans()
    return [
        event(
            at(0) + timedelta(minutes=start),
            at(0) + timedelta(minutes=start + length),
            activity_id=f"00U{n}",
            is_first_meeting=draw(flags),
            has_customer=draw(flags),
            is_all_day=draw(st.integers(0, 9)) == 0,
        )
        for n, (start, length) in enumerate(spans)
    ]


def minutes_taken(events: list[dict[str, Any]], starts: datetime, minutes: int) -> int:
    """Brute force: minute by minute, is any event on?"""
    timed = [each for each in events if not each["is_all_day"]]
    whole = any(each["is_all_day"] and each["has_customer"] for each in events)
    return sum(
        whole or any(each["starts_at"] <= now < each["ends_at"] for each in timed)
        for now in (starts + timedelta(minutes=n) for n in range(minutes))
    )


@settings(max_examples=60, deadline=None)
@given(
    events=some_events(),
    units=st.integers(0, 100),
    absent_part=st.sampled_from([None, "morning", "afternoon"]),
    targets=st.fixed_dictionaries({measure: st.integers(0, 60) for measure in MEASURES}),
)
def test_every_minute_and_every_number_of_the_day_is_accounted_for(
    events: list[dict[str, Any]], units: int, absent_part: str | None, targets: dict[str, int]
) -> None:
    blocks = blocks_of(day_of(events), units, absent_part, numbers_of(targets))
    whole = blocks.select(pl.col(pl.Int64))
    assert whole.min_horizontal().min() >= 0  # type: ignore[operator]
    parts = pl.sum_horizontal("busy_minutes", "review_minutes", "free_minutes")
    assert blocks.select((parts == pl.col("minutes")).all()).item()
    assert blocks.select((pl.col("planned_minutes") <= pl.col("free_minutes")).all()).item()
    for row, block in zip(blocks.iter_rows(named=True), DEFAULT_BLOCKS, strict=True):
        starts = at(block.starts.hour)
        assert row["busy_minutes"] == minutes_taken(events, starts, row["minutes"])
    booked = int(blocks["booked_meetings"].sum())
    sums = {name: int(blocks[name].sum()) + int(blocks[f"left_{name}"].sum()) for name in MEASURES}
    assert sums == targets | {"meetings": max(targets["meetings"] - booked, 0)}


def test_reps_do_not_disturb_each_other() -> None:
    day = day_of([event(at(9), at(12), rep_id="B")], zones={"A": "Asia/Tokyo", "B": "Asia/Tokyo"})
    both = day_blocks(
        day,
        units_of(("A", 100, None), ("B", 100, None)),
        pl.concat([numbers_of(NUMBERS), numbers_of(NUMBERS, "B")]),
        minutes_of("A", "B"),
        DayPattern(),
    )
    assert both.filter(pl.col("rep_id") == "A").equals(blocks_of(day_of()))
    assert column(both.filter(pl.col("rep_id") == "B"), "busy_minutes") == [180, 0, 0]
