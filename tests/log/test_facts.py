"""Facts of the system itself: known by their key, appended once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from connectors.event_log import Appended, EventLog, LogError
from tests.log.opportunities import INSTANT, MIDNIGHT, column


def test_a_key_is_appended_once(log: EventLog) -> None:
    assert send(log, ["a", "b"], [1, 2]).appended == 2
    assert send(log, ["b", "c"], [9, 3]).appended == 1
    assert column(log, "count", "actions_sent") == [1, 2, 3]


def test_the_first_of_a_key_within_the_rows_wins(log: EventLog) -> None:
    assert send(log, ["a", "a"], [1, 2]).appended == 1
    assert column(log, "count", "actions_sent") == [1]


def test_a_longer_key_tells_more_facts_apart(log: EventLog) -> None:
    send(log, ["a"], [1])
    assert send(log, ["a"], [2], key=["record_id", "count"]).appended == 1
    assert send(log, ["a"], [2], key=["count", "record_id"]).appended == 0


def test_columns_keep_their_first_type_by_casting(log: EventLog) -> None:
    send(log, ["a"], [1])
    send(log, ["b"], ["2"])
    send(log, ["c"], ["many"])
    assert column(log, "count", "actions_sent") == [1, 2, None]
    assert column(log, "uncast", "actions_sent") == [None, None, '{"count":"many"}']


def test_no_rows_append_nothing_but_declare_the_stream(log: EventLog) -> None:
    assert send(log, [], pa.array([], pa.int64())).path is None
    assert log.read("actions_sent").num_rows == 0


def test_missing_columns_are_named(log: EventLog) -> None:
    with pytest.raises(LogError, match="rows lack plan_id"):
        send(log, ["a"], [1], key=["plan_id"])


def send(log: EventLog, record_ids: list[str], counts: Any, key: list[str] | None = None) -> Appended:
    rows = pa.table(
        {
            "record_id": pa.array(record_ids, pa.string()),
            "kind": pa.array(["sent"] * len(record_ids), pa.string()),
            "occurred_at": pa.array([MIDNIGHT] * len(record_ids), INSTANT),
            "count": counts,
        }
    )
    return log.append_facts("actions_sent", rows, run_id="r", observed_at=MIDNIGHT, key=key or ["record_id"])
