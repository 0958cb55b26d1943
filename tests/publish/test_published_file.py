"""Swapped in whole: no reader ever sees half of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dagster_project.publish.published_file import publish


def warehouse_with(path: Path, rows: int) -> Path:
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"create table fct_thing as select range as id, {rows} as edition from range({rows})"
        )
        connection.execute("create table int_hidden as select 1 as x")
        connection.execute("create table run_parameters as select date '2026-10-14' as as_of_date")
    return path


def test_marts_and_decisions_are_copied_and_intermediate_models_are_not(tmp_path: Path) -> None:
    decided = pa.table({"action_key": ["a", "b"]})
    counts = publish(
        tmp_path / "p" / "marts.duckdb",
        warehouse_with(tmp_path / "w.duckdb", 3),
        {"sync_next_actions": decided},
    )
    assert counts == {"fct_thing": 3, "run_parameters": 1, "sync_next_actions": 2}


def test_a_reader_that_holds_the_old_file_keeps_working(tmp_path: Path) -> None:
    target = tmp_path / "marts.duckdb"
    publish(target, warehouse_with(tmp_path / "w.duckdb", 3), {})
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "3"
    publish(target, warehouse_with(tmp_path / "w.duckdb", 5), {})
    reader.stdin.write("again\n")
    reader.stdin.flush()
    assert reader.stdout.readline().strip() == "3"
    reader.communicate()
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select count(*) from fct_thing").fetchone() == (5,)


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("select count(*) from fct_thing").fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute("select count(*) from fct_thing").fetchone()[0], flush=True)
"""

WRITER = """
import sys
from pathlib import Path
from dagster_project.publish.published_file import publish
print("ready", flush=True)
while True:
    publish(Path(sys.argv[1]), Path(sys.argv[2]), {})
"""


def test_killed_at_any_moment_the_published_file_is_whole(tmp_path: Path) -> None:
    target, warehouse = tmp_path / "marts.duckdb", warehouse_with(tmp_path / "w.duckdb", 20_000)
    publish(target, warehouse, {})
    for attempt in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target), str(warehouse)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.02 + 0.013 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        with duckdb.connect(str(target), read_only=True) as connection:
            assert connection.execute("select count(*), min(edition) from fct_thing").fetchone() == (
                20_000,
                20_000,
            )


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "marts.duckdb"
    publish(target, warehouse_with(tmp_path / "w.duckdb", 3), {})
    with pytest.raises(duckdb.Error):
        publish(target, tmp_path / "absent" / "w.duckdb", {})
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select count(*) from fct_thing").fetchone() == (3,)
