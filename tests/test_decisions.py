"""Decisions as facts: the first promise stays readable, a rehearsal does not count, nothing is said twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from connectors.event_log import EventLog
from dagster_project.decisions import DECIDED, REHEARSED, commit_decisions, decided_between, decided_rows

DAY = date(2026, 10, 15)
NOW = datetime(2026, 10, 14, 20, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log")


def commit(log: EventLog, gains: dict[str, float], *, hour: int = 0, kind: str = DECIDED) -> int:
    rows = pl.DataFrame(
        {"plan_date": [DAY] * len(gains), "action_key": list(gains), "gain": list(gains.values())},
        schema={"plan_date": pl.Date, "action_key": pl.String, "gain": pl.Float64},
    )
    now = NOW + timedelta(hours=hour)
    return commit_decisions(
        log,
        "actions_planned",
        rows,
        key=["plan_date", "action_key"],
        plan_date=DAY,
        run_id=f"r{hour}",
        now=now,
        kind=kind,
    )


def held(log: EventLog) -> dict[str, float]:
    return dict(
        decided_rows(log, "actions_planned", DAY).sort("action_key").select("action_key", "gain").iter_rows()
    )


def test_the_same_decision_is_one_fact(log: EventLog) -> None:
    assert commit(log, {"a": 1.0, "b": 2.0}) == 2
    assert commit(log, {"a": 1.0, "b": 2.0}, hour=1) == 0


def test_what_changed_and_what_no_longer_holds(log: EventLog) -> None:
    commit(log, {"a": 1.0, "b": 2.0})
    assert commit(log, {"a": 1.5, "c": 3.0}, hour=1) == 3
    assert held(log) == {"a": 1.5, "c": 3.0}
    first = log.read("actions_planned", ["action_key", "gain"], where="run_id = 'r0'").to_pylist()
    assert first == [{"action_key": "a", "gain": 1.0}, {"action_key": "b", "gain": 2.0}]


def test_a_change_taken_back_holds_again(log: EventLog) -> None:
    for hour, gain in enumerate((1.0, 2.0, 1.0)):
        commit(log, {"a": gain}, hour=hour)
    assert held(log) == {"a": 1.0}


def test_a_rehearsal_is_shown_but_does_not_count(log: EventLog) -> None:
    commit(log, {"a": 1.0}, kind=REHEARSED)
    assert held(log) == {"a": 1.0}
    assert log.read("actions_planned", where=f"kind = '{DECIDED}'").num_rows == 0
    assert commit(log, {"a": 1.0}, hour=1) == 1
    assert log.read("actions_planned", where=f"kind = '{DECIDED}'").num_rows == 1


def test_a_rehearsal_after_the_fact_repeats_nothing(log: EventLog) -> None:
    commit(log, {"a": 1.0})
    assert commit(log, {"a": 1.0}, hour=1, kind=REHEARSED) == 0


def test_an_empty_text_is_no_news_and_the_organisation_keeps_its_scope(log: EventLog) -> None:
    rows = pl.DataFrame(
        {"plan_date": [DAY], "scope_kind": ["organization"], "scope_id": [""], "note": [""], "target": [1]}
    )

    def again(hour: int) -> int:
        key = ["plan_date", "scope_kind", "scope_id"]
        now = NOW + timedelta(hours=hour)
        return commit_decisions(log, "plans", rows, key=key, plan_date=DAY, run_id=f"r{hour}", now=now)

    assert [again(0), again(1)] == [1, 0]
    assert decided_rows(log, "plans", DAY)["scope_id"].to_list() == [""]
    assert decided_between(log, "plans", DAY, DAY + timedelta(days=1))["scope_id"].to_list() == [""]


def test_decided_between_leaves_out_other_days_rehearsals_and_what_was_withdrawn(log: EventLog) -> None:
    commit(log, {"a": 1.0, "b": 2.0})
    commit(log, {"a": 1.0}, hour=1)
    commit(log, {"a": 3.0}, hour=2, kind=REHEARSED)
    following = DAY + timedelta(days=1)
    assert decided_between(log, "actions_planned", DAY, following).select("action_key", "gain").rows() == [
        ("a", 1.0)
    ]
    assert decided_between(log, "actions_planned", following, following).is_empty()
    assert decided_between(log, "plans", DAY, following).is_empty()


def test_nothing_decided_yet(log: EventLog) -> None:
    assert decided_rows(log, "actions_planned", DAY).is_empty()
    assert commit(log, {}) == 0
    assert held(log) == {}
