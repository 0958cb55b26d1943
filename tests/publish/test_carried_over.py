"""Cards that never reached the org stay on the list; cards taken back do not come back the same day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from connectors.event_log import EventLog
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD, OBJECTS
from connectors.salesforce.writing.upserts import RowResult, WriteResult
from connectors.salesforce.writing.write_facts import WriteRecorder, declare_write_streams
from connectors.salesforce.writing.write_plan import PlannedWrite
from dagster_project.decisions import ACTIONS_PLANNED, REHEARSED, commit_decisions
from dagster_project.publish.carried_over import carried_over
from dagster_project.undone import (
    DELETED,
    marked_as_taken_back,
    only_what_stood,
    tasks_with_keys,
    undone_actions,
    without_undone,
)

MONDAY, TUESDAY = date(2026, 10, 12), date(2026, 10, 13)
NIGHT = datetime(2026, 10, 11, 20, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    made = EventLog(tmp_path / "log")
    declare_write_streams(made)
    return made


def decide(log: EventLog, *keys: str, plan_date: date = MONDAY, kind: str = "planned") -> pl.DataFrame:
    rows = decided(*keys, plan_date=plan_date)
    commit_decisions(
        log,
        ACTIONS_PLANNED,
        rows,
        key=["plan_date", "action_key"],
        plan_date=plan_date,
        run_id="r",
        now=NIGHT,
        kind=kind,
    )
    return rows


def decided(*keys: str, plan_date: date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "plan_date": [plan_date] * len(keys),
            "action_key": list(keys),
            "due_date": [plan_date] * len(keys),
            "subject": [f"call {key}" for key in keys],
        },
        schema={
            "plan_date": pl.Date,
            "action_key": pl.String,
            "due_date": pl.Date,
            "subject": pl.String,
        },
    )


def weighed(**reasons: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"action_key": list(reasons), "left_out_reason": list(reasons.values())},
        schema={"action_key": pl.String, "left_out_reason": pl.String},
    )


def recorder(log: EventLog, run_id: str = "r", days: int = 0) -> WriteRecorder:
    return WriteRecorder(log, run_id, NIGHT + timedelta(days=days))


def confirm(log: EventLog, key: str, task_id: str) -> None:
    recorder(log).confirmed([RowResult(key, "f", "confirmed", task_id)])


def take_back(log: EventLog, key: str, task_id: str, day: date, kind: str = "deleted") -> None:
    fact = {
        "action_key": key,
        "kind": kind,
        "task_id": task_id,
        "undone_run_id": "r",
        "activity_date": day,
        "values_restored": "{}",
    }
    recorder(log, "undo").undone([fact])


def carried(log: EventLog, **reasons: str | None) -> dict[str, date]:
    rows = carried_over(log, weighed(**reasons), TUESDAY)
    return dict(rows.select("action_key", "due_date").iter_rows()) if rows.height else {}


def test_a_card_that_was_never_shown_is_carried_over_with_a_fresh_date(log: EventLog) -> None:
    decide(log, "never_sent", "confirmed")
    confirm(log, "confirmed", "00T1")
    assert carried(log, never_sent="still_on_list", confirmed="still_on_list") == {"never_sent": TUESDAY}


def test_one_the_org_took_without_showing_it_keeps_its_date(log: EventLog) -> None:
    decide(log, "accepted", "rejected")
    answers = (RowResult("accepted", "f", "created", "00T1"), RowResult("rejected", "f", "rejected"))
    recorder(log).answered(WriteResult(answers))
    standing = dict.fromkeys(["accepted", "rejected"], "still_on_list")
    assert carried(log, **standing) == {"accepted": MONDAY, "rejected": TUESDAY}


def test_one_sent_again_with_a_fresh_date_keeps_that_date_once_it_arrived(log: EventLog) -> None:
    decide(log, "late", plan_date=MONDAY - timedelta(days=3))
    payload = {"ActivityDate": MONDAY}
    recorder(log).sending([PlannedWrite("late", "create")], {"late": payload}, "external_id")
    assert carried(log, late="still_on_list") == {"late": TUESDAY}
    recorder(log).answered(WriteResult((RowResult("late", "f", "created", "00T1"),)))
    assert carried(log, late="still_on_list") == {"late": MONDAY}


def test_what_no_longer_stands_is_let_go(log: EventLog) -> None:
    decide(log, "over", "gone", "held")
    assert carried(log, over="already_planned", held="held_out") == {}


def test_a_rehearsal_was_promised_to_nobody(log: EventLog) -> None:
    decide(log, "rehearsed", kind=REHEARSED)
    assert carried(log, rehearsed="still_on_list") == {}


def test_a_decision_withdrawn_is_not_carried_over(log: EventLog) -> None:
    decide(log, "kept", "dropped")
    decide(log, "kept")
    assert set(carried(log, kept="still_on_list", dropped="still_on_list")) == {"kept"}


def test_what_was_taken_back_is_not_carried_over(log: EventLog) -> None:
    decide(log, "undone")
    confirm(log, "undone", "00T1")
    take_back(log, "undone", "00T1", MONDAY)
    assert carried(log, undone="still_on_list") == {}


def test_an_undone_day_stays_undone_and_the_next_is_free(log: EventLog) -> None:
    take_back(log, "undone", "00T1", MONDAY)
    take_back(log, "restored", "00T2", MONDAY, kind="restored")
    take_back(log, "asked", "00T3", MONDAY, kind="asked")
    assert set(undone_actions(log)["action_key"]) == {"undone", "restored"}
    keys = ("undone", "restored", "asked", "other")
    kept = without_undone(log, decided(*keys, plan_date=MONDAY))
    assert kept["action_key"].to_list() == ["asked", "other"]
    # A task that got its earlier values back is still on its owner's list.
    shown = without_undone(log, decided(*keys, plan_date=MONDAY), DELETED)
    assert shown["action_key"].to_list() == ["restored", "asked", "other"]
    assert without_undone(log, decided(*keys, plan_date=TUESDAY)).height == 4


def test_a_candidate_taken_back_says_so_and_is_not_chosen(log: EventLog) -> None:
    take_back(log, "undone", "00T1", MONDAY)
    rows = decided("undone", "other", plan_date=MONDAY).with_columns(
        is_chosen=True, left_out_reason=pl.lit(None, pl.String), rank=pl.int_range(1, 3)
    )
    marked = marked_as_taken_back(log, rows, pl.Series([], dtype=pl.String))
    assert marked.select("is_chosen", "left_out_reason", "rank").rows() == [
        (False, "taken_back", None),
        (True, None, 2),
    ]
    assert not marked_as_taken_back(log, rows, pl.Series(["other"]))["is_chosen"].any()


def test_a_day_that_was_taken_back_gets_no_other_cards(log: EventLog) -> None:
    decide(log, "undone", "kept")
    chosen = decided("kept", "new", plan_date=MONDAY)
    assert only_what_stood(log, MONDAY, chosen).to_list() == [True, True]
    take_back(log, "undone", "00T1", MONDAY)
    assert only_what_stood(log, MONDAY, chosen).to_list() == [True, False]
    tomorrow = decided("kept", "new", plan_date=TUESDAY)
    assert only_what_stood(log, TUESDAY, tomorrow).to_list() == [True, True]


def land_tasks(log: EventLog, *rows: dict[str, object]) -> None:
    declared = next(each for each in OBJECTS if each.name == "Task")
    log.evolve(declared.stream, declared.base_contract())
    log.append_observed(
        declared.stream,
        pa.Table.from_pylist([*rows]),
        run_id="pull",
        source="rest",
        observed_at=NIGHT,
        window="w",
    )


def test_our_tasks_are_known_by_their_id_where_the_org_lacks_our_field(log: EventLog) -> None:
    confirm(log, "marked", "00T1")
    land_tasks(log, {"Id": "00T1", "Subject": "in the owner's own words"}, {"Id": "00T2", "Subject": "s"})
    keys = dict(tasks_with_keys(log).select("record_id", ACTION_KEY_FIELD).iter_rows())
    assert keys == {"00T1": "marked", "00T2": None}


def test_one_whose_reply_was_lost_but_that_was_pulled_since_keeps_its_date(log: EventLog) -> None:
    decide(log, "arrived")
    land_tasks(log, {"Id": "00T1", ACTION_KEY_FIELD: "arrived"})
    assert carried(log, arrived="still_on_list") == {"arrived": MONDAY}


def test_nothing_decided_yet_is_nothing_to_carry(log: EventLog) -> None:
    assert carried_over(log, weighed(), TUESDAY).is_empty()
    assert without_undone(log, pl.DataFrame()).is_empty()
