"""What counts as done by the evening, and who is there to be asked, from hand-made marts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from connectors.event_log import EventLog
from dagster_project.decisions import ACTIONS_PLANNED, CANDIDATES, PLAN_STEPS, commit_decisions
from dagster_project.review.inputs import ReviewInputs
from dagster_project.review.reading import card_tasks, planned_targets, read_inputs

DAY, NEXT = date(2026, 10, 15), date(2026, 10, 16)
# Half past five in Tokyo.
NOW = datetime(2026, 10, 15, 8, 30, tzinfo=UTC)
SATO = "005000000000001AAA"
MARTS = """
create table run_parameters as select 'Asia/Tokyo' as time_zone;
create table dim_rep (rep_id varchar, language varchar, is_active boolean, time_zone varchar, team_id varchar);
insert into dim_rep values
    ('005000000000001AAA', 'ja', true, 'Asia/Tokyo', 'east'), ('005gone', 'ja', false, 'Asia/Tokyo', 'east');
create table fct_opportunity (
    opportunity_id varchar, rep_id varchar, status varchar, closed_date date, account_name varchar, opportunity_name varchar
);
create table fct_activity (
    activity_kind varchar, rep_id varchar, opportunity_id varchar, activity_at timestamptz, activity_date date,
    created_at timestamptz, is_touch boolean default false, is_first_meeting boolean default false,
    is_meeting_held boolean default false, is_appointment boolean default false, is_cancelled boolean default false,
    is_all_day boolean default false, is_own_write boolean default false, is_out_of_office boolean default false,
    is_scheduled boolean default false, duration_minutes integer, subject varchar, result_text varchar, created_by_id varchar
);
"""


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "marts.duckdb")) as connection:
        connection.execute(MARTS)
    return tmp_path / "marts.duckdb"


def at(hour: int, minute: int = 0, day: int = 15) -> datetime:
    """An instant by the clock of Tokyo."""
    return datetime(2026, 10, day, hour - 9, minute, tzinfo=UTC)


def add(marts: Path, table: str = "fct_activity", **values: Any) -> None:
    plain: dict[str, Any] = {"rep_id": SATO, "opportunity_id": "0061"}
    if table == "fct_activity":
        starts = values.get("activity_at", at(10))
        plain |= {
            "activity_kind": "event",
            "activity_at": starts,
            "activity_date": starts.date(),
            "created_at": at(9, day=1),
        }
    row = plain | values
    with duckdb.connect(str(marts)) as connection:
        connection.execute("set timezone = 'UTC'")
        places = ", ".join("?" * len(row))
        connection.execute(f"insert into {table} ({', '.join(row)}) values ({places})", list(row.values()))


def read(marts: Path) -> ReviewInputs:
    log = EventLog(marts.parent / "log")
    if "task" not in log.streams():
        from connectors.salesforce.schema.objects import OBJECTS

        [task] = [each for each in OBJECTS if each.name == "Task"]
        log.evolve("task", task.base_contract())
    return read_inputs(marts, log, day=DAY, next_day=NEXT, now=NOW)


def done(marts: Path) -> dict[str, int]:
    return dict(read(marts).done.select("measure", "done").iter_rows())


def test_a_meeting_is_held_when_it_is_over(marts: Path) -> None:
    meeting = {"is_appointment": True, "is_first_meeting": True, "duration_minutes": 60}
    add(marts, activity_at=at(16), **meeting)
    add(marts, activity_at=at(17), opportunity_id="0062", **meeting)
    assert done(marts) == {"meetings": 1}


def test_only_today_counts_and_only_what_has_been(marts: Path) -> None:
    for when in (at(9), at(17, 29), at(19), at(9, day=14)):
        add(marts, activity_kind="task", activity_at=when, is_touch=True)
    assert done(marts) == {"touches": 2}


def test_an_appointment_counts_on_the_day_it_is_set_unless_the_first_meeting_is_over(marts: Path) -> None:
    later = {"activity_at": at(10, day=20), "is_appointment": True}
    add(marts, created_at=at(11), **later)
    # Half past midnight in Tokyo is the day before in UTC.
    add(marts, created_at=datetime(2026, 10, 14, 15, 30, tzinfo=UTC), opportunity_id="0062", **later)
    add(marts, created_at=at(23, day=14), opportunity_id="0063", **later)
    add(marts, activity_at=at(10, day=2), is_first_meeting=True, opportunity_id="0064")
    add(marts, created_at=at(12), opportunity_id="0064", **later)
    assert done(marts) == {"appointments": 2}


def test_a_deal_is_won_on_its_own_day(marts: Path) -> None:
    for day, status in ((DAY, "won"), (date(2026, 10, 14), "won"), (DAY, "lost")):
        add(marts, "fct_opportunity", status=status, closed_date=day)
    assert done(marts) == {"won_deals": 1}


@pytest.mark.parametrize(
    ("event", "is_there"),
    [
        ({"is_all_day": True, "subject": "有給休暇"}, False),
        ({"is_all_day": True, "is_out_of_office": True}, False),
        ({"is_all_day": True, "subject": "棚卸し"}, True),
        ({"activity_at": at(13), "duration_minutes": 240, "subject": "午後半休"}, True),
        ({"is_all_day": True, "subject": "休暇", "activity_at": at(9, day=16)}, True),
    ],
    ids=["leave", "out of office", "a busy day", "half a day", "tomorrow"],
)
def test_who_is_off_today_is_not_asked(marts: Path, event: dict[str, Any], is_there: bool) -> None:
    add(marts, opportunity_id=None, **event)
    assert (SATO in read(marts).reps["rep_id"].to_list()) is is_there
    assert "005gone" not in read(marts).reps["rep_id"].to_list()


def test_tomorrows_meetings_come_in_the_reps_own_time(marts: Path) -> None:
    add(marts, "fct_opportunity", opportunity_id="0061", status="open", account_name="北斗学園")
    add(marts, activity_at=at(15, day=16), is_appointment=True)
    add(marts, activity_at=at(10, day=16), is_appointment=True, opportunity_id=None, subject="訪問")
    add(marts, activity_at=at(11, day=16), is_appointment=True, is_cancelled=True)
    assert read(marts).meetings.select("starts", "name").rows() == [("10:00", "訪問"), ("15:00", "北斗学園")]


def test_a_deal_was_worked_on_by_touch_meeting_or_appointment_but_not_by_our_own_task(marts: Path) -> None:
    add(marts, activity_kind="task", is_touch=True, opportunity_id="0061")
    add(marts, activity_at=at(10), is_meeting_held=True, opportunity_id="0062")
    add(marts, activity_at=at(10, day=20), created_at=at(10), is_appointment=True, opportunity_id="0063")
    add(marts, activity_kind="task", is_touch=True, is_own_write=True, opportunity_id="0064")
    add(marts, activity_at=at(10, day=14), is_meeting_held=True, opportunity_id="0065")
    assert read(marts).worked_on["opportunity_id"].to_list() == ["0061", "0062", "0063"]


def test_targets_are_those_of_reps_and_of_single_days(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log")
    assert planned_targets(log, DAY).is_empty()
    steps = pl.DataFrame(
        [(DAY, SATO, "day", DAY, 3), (DAY, SATO, "week", DAY, 9), (DAY, None, "day", DAY, 30)],
        schema=["plan_date", "rep_id", "level", "period_start", "target"],
        orient="row",
    ).with_columns(measure=pl.lit("touches"), key=pl.int_range(pl.len()))
    commit_decisions(log, PLAN_STEPS, steps, key=["plan_date", "key"], plan_date=DAY, run_id="night", now=NOW)
    assert planned_targets(log, DAY).select("rep_id", "target").rows() == [(SATO, 3)]


def test_cards_are_those_chosen_and_those_that_still_stood(marts: Path) -> None:
    log = EventLog(marts.parent / "log")
    cards = pl.DataFrame(
        {
            "plan_date": [DAY] * 3,
            "action_key": ["new", "old", "weighed"],
            "left_out_reason": [None, "still_on_list", "can_wait"],
            "rank": [1, None, None],
        }
    ).with_columns(
        rep_id=pl.lit(SATO), opportunity_id=pl.lit("0061"), subject="action_key", is_data_card=pl.lit(False)
    )
    for stream, rows in ((CANDIDATES, cards), (ACTIONS_PLANNED, cards.head(1))):
        commit_decisions(
            log, stream, rows, key=["plan_date", "action_key"], plan_date=DAY, run_id="night", now=NOW
        )
    assert read(marts).cards.select("action_key", "rank").rows() == [("new", 1), ("old", None)]


def test_a_card_is_turned_down_when_its_task_is_dismissed_or_gone() -> None:
    tasks = pl.DataFrame(
        [
            ("done", True, None, "observed"),
            ("dismissed", False, "Wrong timing", "observed"),
            ("deleted", False, None, "deleted"),
            ("open", False, None, "observed"),
            (None, True, None, "observed"),
        ],
        schema={
            "GyakusanActionKey__c": pl.String,
            "IsClosed": pl.Boolean,
            "GyakusanDismissedBecause__c": pl.String,
            "kind": pl.String,
        },
        orient="row",
    )
    found = {key: (is_done, is_down) for key, is_done, is_down in card_tasks(tasks).iter_rows()}
    assert found == {
        "done": (True, False),
        "dismissed": (False, True),
        "deleted": (False, True),
        "open": (False, False),
    }
