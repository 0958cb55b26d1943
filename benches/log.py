"""Appending 10,000 changed records to a stream of a million, beside writing the same rows as plain Parquet.

Run by ``make bench-log``; prints a table and judges nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.event_log import EventLog

RECORDS, CHANGED = 1_000_000, 10_000
OBSERVED_AT = datetime(2026, 10, 15, tzinfo=UTC)


def deals(rows: int, stage: str) -> pa.Table:
    """One row per record: id, stage, modification stamp."""
    ids = pc.binary_join_element_wise("006", pa.array(np.arange(rows)).cast(pa.string()), "")
    stamp = pa.array([OBSERVED_AT] * rows, pa.timestamp("us", tz="UTC"))
    return pa.table({"Id": ids, "StageName": pa.array([stage] * rows, pa.string()), "SystemModstamp": stamp})


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Print seconds, and their ratio to plain Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "log")
        log.evolve("opportunity", deals(0, "").schema)

        def append(rows: pa.Table, run_id: str) -> float:
            return timed(
                lambda: log.append_observed(
                    "opportunity", rows, run_id=run_id, source="bulk", observed_at=OBSERVED_AT, window=run_id
                )
            )

        changed = deals(CHANGED, "Closed Won")
        timings = {
            "plain Parquet, 10,000 rows": timed(
                lambda: pq.write_table(changed, Path(folder) / "plain.parquet")
            ),
            "first append, 1,000,000 rows": append(deals(RECORDS, "Prospecting"), "first"),
            "append, 10,000 changed": append(changed, "second"),
            "append, the same again": append(changed, "third"),
        }
    plain = timings["plain Parquet, 10,000 rows"]
    print(f"{'what':<32}{'seconds':>9}{'ratio':>8}")
    for what, spent in timings.items():
        print(f"{what:<32}{spent:>9.3f}{spent / plain:>8.1f}")


if __name__ == "__main__":
    main()
