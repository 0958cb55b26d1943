"""Processes that append and are killed (-9, by their own hand), each at a named point of the writing.

Run as `python -m tests.log.crashing ROOT POINT [ROOT POINT …]`; prints the exit code of each.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.event_log import EventLog, files
from tests.log.opportunities import append, deal

ROWS = 20_000
POINTS = (
    "before the first byte",
    "rows half written",
    "before the sync",
    "before the rename",
    "after the rename",
)


_write_table = pq.ParquetWriter.write_table


def batch() -> list[dict[str, Any]]:
    """Rows enough that writing them takes several writes."""
    return [deal(Id=f"006{number:012d}AAA", StageName=f"Stage {number}") for number in range(ROWS)]


def die(*_arguments: object, **_options: object) -> None:
    """Leave as a power cut would: no clean-up of any kind."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Put the death at its place."""
    armed: dict[str, tuple[object, str, Callable[..., Any]]] = {
        "before the first byte": (pq.ParquetWriter, "write_table", die),
        "rows half written": (pq.ParquetWriter, "write_table", _half_then_die),
        "before the sync": (os, "fsync", die),
        "before the rename": (Path, "replace", die),
        "after the rename": (files, "sync_folder", die),
    }
    setattr(*armed[point])


def _half_then_die(writer: pq.ParquetWriter, table: pa.Table, row_group_size: int) -> None:
    _write_table(writer, table.slice(0, table.num_rows // 2), row_group_size)
    die()


def append_and_die(root: str, point: str, rows: list[dict[str, Any]]) -> None:
    """Append the batch and die on the way."""
    log = EventLog(Path(root))
    # Everything the append does before it writes must not be what dies.
    log.read("opportunity")
    arm(point)
    append(log, *rows)


def main(*roots_and_points: str) -> None:
    """One death after the other, forked: the imports, which take longest, are done once."""
    rows = batch()
    # The first conversion imports what all later ones use.
    pa.Table.from_pylist(rows[:1])
    for root, point in zip(roots_and_points[::2], roots_and_points[1::2], strict=True):
        child = os.fork()
        if child == 0:
            try:
                append_and_die(root, point, rows)
            finally:
                os._exit(0)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{exit_code}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
