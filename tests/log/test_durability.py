"""Whole files or none: after a kill, a full disk, and with two writers."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connectors.event_log import EventLog, LogError
from tests.log import crashing
from tests.log.conftest import new_log
from tests.log.opportunities import SECOND_ID, append, column, deal

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, EventLog]:
    """A log for every point of the writing, with one row landed, then a batch whose writer was killed there."""
    logs = {point: new_log(tmp_path_factory.mktemp("crashed")) for point in crashing.POINTS}
    for log in logs.values():
        append(log, deal(StageName="landed before"))
    arguments = [part for point, log in logs.items() for part in (str(log.root), point)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.log.crashing", *arguments],
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ended.stdout.split() == [str(-signal.SIGKILL.value)] * len(logs)
    return logs


@pytest.mark.parametrize("point", crashing.POINTS)
def test_killed_while_writing_leaves_whole_files_and_counts_once(
    crashed: Mapping[str, EventLog], point: str
) -> None:
    log = crashed[point]
    for path in (log.root / "opportunity").glob("*.parquet"):
        pq.read_table(path)
    landed = log.read("opportunity").num_rows
    assert landed == (crashing.ROWS + 1 if point == "after the rename" else 1)

    assert append(log, *crashing.batch()).appended == crashing.ROWS + 1 - landed
    sequences = column(log, "sequence")
    assert len(sequences) == crashing.ROWS + 1
    assert sequences == sorted(set(sequences))
    assert not list((log.root / "opportunity").glob(".*"))


def test_a_full_disk_is_told_and_what_landed_is_kept(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, deal())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(LogError) as told:
        patched.setattr(os, "fsync", full)
        append(log, deal(Id=SECOND_ID), day=1)
    assert "No space left on device" in told.value.what
    assert "opportunity" in told.value.where
    assert "free some space" in told.value.remedy
    assert "\n" not in str(told.value)
    assert column(log, "sequence") == [1]
    assert not list((log.root / "opportunity").glob(".*"))
    assert append(log, deal(Id=SECOND_ID), day=2).appended == 1


def test_a_write_the_system_cuts_short_is_told(log: EventLog) -> None:
    append(log, deal())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
        with pytest.raises(LogError, match=r"File too large.*what landed before is kept"):
            append(log, deal(Id=SECOND_ID), day=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert column(log, "sequence") == [1]


def test_a_second_writer_is_told_to_wait(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.event_log.log.LOCK_SECONDS", 0.1)
    other = EventLog(log.root)
    with log.writing(), pytest.raises(LogError, match="another process is writing"):
        append(other, deal())
    assert append(other, deal()).appended == 1


def test_a_file_the_log_did_not_write_is_named(log: EventLog) -> None:
    append(log, deal())
    (log.root / "opportunity" / "copy of 1.parquet").write_bytes(b"PAR1")
    with pytest.raises(LogError, match=r"copy of 1\.parquet.*move the file out"):
        append(log, deal(), day=1)


def test_a_damaged_file_is_named(log: EventLog) -> None:
    path = append(log, deal()).path
    assert path is not None
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LogError, match=rf"{path.name}.*restore it from a backup"):
        log.read("opportunity")
