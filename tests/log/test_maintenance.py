"""Compaction changes no fact; erasure leaves none, and none comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.event_log import EventLog, LogError, files
from tests.log.opportunities import FIRST_ID, INSTANT, MIDNIGHT, SECOND_ID, append, column, deal


def test_compaction_keeps_every_fact_in_one_file(log: EventLog) -> None:
    append_days(log, 5)
    before = log.read("opportunity")
    compacted = log.compact("opportunity")
    assert (compacted.files_before, compacted.facts) == (5, 5)
    assert batches(log) == [compacted.path]
    assert log.read("opportunity").equals(before)
    assert append(log, deal(StageName="after"), day=9).appended == 1
    assert column(log, "sequence") == [1, 2, 3, 4, 5, 6]


def test_compaction_of_little_is_nothing(log: EventLog) -> None:
    assert log.compact("opportunity").facts == 0
    append(log, deal())
    assert log.compact("opportunity").facts == 1


def test_a_crash_between_merging_and_removing_counts_nothing_twice(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_days(log, 4)
    before = log.read("opportunity")
    with monkeypatch.context() as patched, pytest.raises(LogError):
        patched.setattr(Path, "unlink", refuse)
        log.compact("opportunity")
    assert len(batches(log)) == 5
    assert log.read("opportunity").equals(before)
    assert log.latest("opportunity").num_rows == 1
    assert append(log, deal(StageName="day 3"), day=8).appended == 0
    append(log, deal(StageName="after"), day=9)
    assert log.compact("opportunity").facts == 5
    assert column(log, "sequence") == [1, 2, 3, 4, 5]


def test_duplicates_keep_the_earliest_observation(log: EventLog) -> None:
    append_days(log, 1)
    path = batches(log)[0]
    first = log.read("opportunity")
    late = first.set_column(4, "observed_at", pa.array([MIDNIGHT.replace(year=2025)], INSTANT))
    files.write_parquet(files.batch_path(path.parent, 2, 2), late.schema, [late])
    assert log.read("opportunity").equals(first)
    log.compact("opportunity")
    assert log.read("opportunity").equals(first)


def test_an_erased_record_is_gone_everywhere_and_does_not_return(log: EventLog) -> None:
    append_days(log, 3)
    append(log, deal(Id=SECOND_ID), day=4)
    judge(log, "verdict 1", FIRST_ID)
    judge(log, "verdict 2", SECOND_ID)
    erased = log.erase([FIRST_ID], run_id="erasing", observed_at=MIDNIGHT)
    assert (erased.record_ids, erased.facts, erased.files_rewritten) == (1, 4, 4)
    assert set(column(log, "record_id")) == {SECOND_ID}
    assert column(log, "record_id", "gate_verdicts") == ["verdict 2"]
    assert not held_anywhere(log, FIRST_ID)

    assert append(log, deal(StageName="back"), deal(Id=SECOND_ID, StageName="on"), day=5).appended == 1
    assert append(log, deal(StageName="back"), day=6).appended == 0
    assert log.erase([FIRST_ID], run_id="again", observed_at=MIDNIGHT).facts == 0


def test_sequences_of_erased_facts_are_not_given_out_again(log: EventLog) -> None:
    append_days(log, 2)
    log.erase([FIRST_ID], run_id="erasing", observed_at=MIDNIGHT)
    append(log, deal(Id=SECOND_ID), day=3)
    assert column(log, "sequence") == [3]
    log.compact("opportunity")
    assert log.last_sequence("opportunity") == 3


def test_an_erasure_cut_short_blocks_the_return_and_finishes_later(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_days(log, 2)
    with monkeypatch.context() as patched, pytest.raises(LogError):
        patched.setattr("connectors.event_log.maintenance.erase", fail)
        log.erase([FIRST_ID], run_id="erasing", observed_at=MIDNIGHT)
    assert append(log, deal(StageName="back"), day=5).appended == 0
    assert log.erase([FIRST_ID], run_id="again", observed_at=MIDNIGHT).facts == 2


def append_days(log: EventLog, days: int) -> None:
    for day in range(days):
        append(log, deal(StageName=f"day {day}"), day=day)


def batches(log: EventLog) -> list[Path]:
    return [batch.path for batch in files.batch_files(log.root / "opportunity")]


def judge(log: EventLog, verdict_id: str, record_id: str) -> None:
    row = {"record_id": verdict_id, "kind": "refused", "occurred_at": MIDNIGHT, "record_id_judged": record_id}
    log.append_facts(
        "gate_verdicts", pa.Table.from_pylist([row]), run_id="r", observed_at=MIDNIGHT, key=["record_id"]
    )


def held_anywhere(log: EventLog, record_id: str) -> bool:
    streams = [stream for stream in log.streams() if stream != "erasures"]
    return any(record_id in str(log.read(stream).to_pylist()) for stream in streams)


def refuse(*_arguments: Any, **_options: Any) -> None:
    raise PermissionError(13, "Permission denied")


def fail(*_arguments: Any) -> None:
    raise LogError("power cut", "here", "none")
