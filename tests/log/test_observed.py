"""What a reading of Salesforce adds to the log: only what differs from the last known state."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog, LogError
from tests.log.opportunities import DEALS, FIRST_ID, MIDNIGHT, SECOND_ID, append, column, deal


def test_reading_the_same_state_again_appends_nothing(log: EventLog) -> None:
    assert append(log, deal()).appended == 1
    again = append(log, deal(), day=1)
    assert (again.received, again.appended, again.path) == (1, 0, None)
    assert column(log, "run_id") == ["run 0"]


def test_only_the_changed_records_of_a_window_are_appended(log: EventLog) -> None:
    append(log, deal(), deal(Id=SECOND_ID))
    moved = deal(Id=SECOND_ID, StageName="Closed Won", SystemModstamp="2024-01-02T00:00:00.000Z")
    assert append(log, deal(), moved, day=1).appended == 1
    assert column(log, "record_id") == [FIRST_ID, SECOND_ID, SECOND_ID]


def test_a_formula_that_goes_there_and_back_under_one_modstamp_survives(log: EventLog) -> None:
    for day, probability in enumerate(["10", "20", "10", "20", "10"]):
        assert append(log, deal(Probability=probability), day=day).appended == 1
    assert column(log, "Probability") == [10.0, 20.0, 10.0, 20.0, 10.0]
    assert len(set(column(log, "event_id"))) == 5


def test_there_and_back_in_one_batch_survives(log: EventLog) -> None:
    rows = [deal(Probability=probability) for probability in ("10", "20", "20", "10", "20")]
    assert append(log, *rows).appended == 4
    assert column(log, "Probability") == [10.0, 20.0, 10.0, 20.0]


def test_versions_in_one_batch_are_taken_in_modstamp_order(log: EventLog) -> None:
    later = deal(StageName="Closed Won", SystemModstamp="2024-01-03T00:00:00.000Z")
    append(log, later, deal())
    assert column(log, "StageName") == ["Prospecting", "Closed Won"]
    assert log.latest("opportunity", ["StageName"]).to_pylist() == [{"StageName": "Closed Won"}]


def test_deleted_then_back_is_undeleted(log: EventLog) -> None:
    append(log, deal())
    append(log, deal(IsDeleted="true", SystemModstamp="2024-01-02T00:00:00.000Z"), day=1)
    append(log, deal(SystemModstamp="2024-01-03T00:00:00.000Z"), day=2)
    append(log, deal(SystemModstamp="2024-01-03T00:00:00.000Z"), day=3)
    assert column(log, "kind") == ["observed", "deleted", "undeleted"]


def test_who_looked_at_a_record_is_no_change(log: EventLog) -> None:
    append(log, deal())
    seen = deal(LastViewedDate="2024-01-05T00:00:00.000Z")
    assert append(log, seen, day=1).appended == 0


def test_occurred_at_falls_back_to_what_is_known(log: EventLog) -> None:
    append(log, deal(SystemModstamp=None), day=3)
    assert column(log, "occurred_at") == [MIDNIGHT + timedelta(days=3)]


def test_rows_without_an_id_land_once_each(log: EventLog) -> None:
    rows = [deal(Id=None, StageName="A"), deal(Id="", StageName="B")]
    assert append(log, *rows).appended == 2
    assert append(log, *reversed(rows), day=1).appended == 0
    assert column(log, "record_id") == ["", ""]


def test_values_that_do_not_cast_are_kept_as_text(log: EventLog) -> None:
    append(log, deal(Amount='1"2', CloseDate="31/01/2024", PushCount="1.5", Probability="1_0"))
    append(log, deal(Amount="13", CloseDate="2024-01-31", PushCount="1.0", Probability="1e1"), day=1)
    assert column(log, "uncast") == [
        '{"Amount":"1\\"2","CloseDate":"31/01/2024","Probability":"1_0","PushCount":"1.5"}',
        None,
    ]
    assert column(log, "PushCount") == [None, 1]


def test_a_changed_value_that_does_not_cast_is_a_change(log: EventLog) -> None:
    append(log, deal(Amount="about ten"))
    assert append(log, deal(Amount="about ten"), day=1).appended == 0
    assert append(log, deal(Amount="about twenty"), day=2).appended == 1


def test_a_record_known_gone_only_by_its_id_keeps_its_last_values(log: EventLog) -> None:
    append(log, deal(Amount="5"), deal(Id=SECOND_ID))
    append(log, deal(Amount=""), day=1)
    assert gone(log, "deleted", FIRST_ID, "006 never seen") == 1
    assert gone(log, "deleted", FIRST_ID) == 0
    assert gone(log, "purged", FIRST_ID) == 1
    assert gone(log, "deleted", FIRST_ID) == 0
    last = log.latest("opportunity", ["kind", "StageName", "Amount", "IsDeleted"], f"Id = '{FIRST_ID}'")
    assert last.to_pylist() == [
        {"kind": "purged", "StageName": "Prospecting", "Amount": None, "IsDeleted": True}
    ]
    assert append(log, deal(Amount=""), day=9).appended == 1
    assert column(log, "kind")[-1] == "undeleted"


def test_sequence_grows_without_gaps_or_repeats(log: EventLog) -> None:
    append(log, deal(), deal(Id=SECOND_ID))
    append(log, deal(StageName="Won"), day=1)
    assert column(log, "sequence") == [1, 2, 3]
    assert log.last_sequence("opportunity") == 3


def test_rows_that_cannot_be_placed_are_refused_in_one_line(log: EventLog) -> None:
    with pytest.raises(LogError, match=r"Surprise__c.*stream opportunity.*evolve"):
        append(log, deal(Surprise__c="x"))
    with pytest.raises(LogError, match="no column Id"):
        log.append_observed(
            "opportunity", pa.table({"Name": ["x"]}), run_id="", source="csv", observed_at=MIDNIGHT, window=""
        )
    with pytest.raises(KeyError, match="no stream 'lead'"):
        log.read("lead")
    with pytest.raises(ValueError, match="time zone"):
        append_naive(log)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), states=st.lists(st.sampled_from(["A", "B", "C", "gone"]), min_size=1, max_size=12))
def test_the_log_tells_every_change_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, states: list[str]
) -> None:
    log = EventLog(tmp_path_factory.mktemp("log"))
    log.evolve("opportunity", DEALS)
    rows = [
        deal(StageName="A" if state == "gone" else state, IsDeleted=str(state == "gone")) for state in states
    ]
    start = 0
    while start < len(rows):
        stop = data.draw(st.integers(start + 1, len(rows)))
        append(log, *rows[start:stop], day=start)
        append(log, rows[stop - 1], day=stop)
        start = stop
    changes = [state for index, state in enumerate(states) if index == 0 or states[index - 1] != state]
    told = log.read("opportunity", ["StageName", "IsDeleted"]).to_pylist()
    assert ["gone" if row["IsDeleted"] else row["StageName"] for row in told] == changes
    assert log.read("opportunity").num_rows == len(changes)


def gone(log: EventLog, kind: str, *record_ids: str) -> int:
    rows = pa.table({"record_id": list(record_ids)})
    at = MIDNIGHT + timedelta(days=8)
    appended = log.append_gone(
        "opportunity", rows, kind=kind, run_id="r", source="rest", observed_at=at, window="w"
    )
    return appended.appended


def append_naive(log: EventLog) -> None:
    rows = pa.Table.from_pylist([deal()])
    naive = MIDNIGHT.replace(tzinfo=None)
    log.append_observed("opportunity", rows, run_id="", source="csv", observed_at=naive, window="")
