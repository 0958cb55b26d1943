"""Windows of the cursor, and the fact that records what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.salesforce.objects import INSTANT

EXTRACTION_WINDOWS = "extraction_windows"
_COLUMNS: Mapping[str, pa.DataType] = {
    "pull_id": pa.string(),
    "stream": pa.string(),
    "object_name": pa.string(),
    "cursor_field": pa.string(),
    "window_from_at": INSTANT,
    "window_to_at": INSTANT,
    "method": pa.string(),
    "job_id": pa.string(),
    "rows_received": pa.int64(),
    "rows_processed": pa.int64(),
    "rows_counted": pa.int64(),
    "rows_appended": pa.int64(),
    "api_calls": pa.int64(),
    "seconds": pa.float64(),
    "message": pa.string(),
}
EXTRACTION_WINDOWS_CONTRACT = pa.schema(_COLUMNS)
WINDOW_KEY = ("pull_id", "record_id", "kind", "window_to_at", "occurred_at")


@dataclass(frozen=True)
class Window:
    """The half-open span (from_at, to_at] of the cursor field; from_at None is the beginning of time."""

    from_at: datetime | None
    to_at: datetime

    def condition(self, cursor_field: str | None) -> str:
        """The WHERE clause; empty for an object without a cursor, which is read whole."""
        if cursor_field is None:
            return ""
        until = f"{cursor_field} <= {soql_instant(self.to_at)}"
        if self.from_at is None:
            return f" WHERE {until}"
        return f" WHERE {cursor_field} > {soql_instant(self.from_at)} AND {until}"

    def label(self) -> str:
        """The window as text, part of the identity of values that move without the cursor."""
        start = soql_instant(self.from_at) if self.from_at else ""
        return f"{start}/{soql_instant(self.to_at)}"


@dataclass(frozen=True)
class PulledWindow:
    """What became of one window of one object.

    `status`: closed (rows_received = rows_processed = rows_counted, the cursor moved), incomplete (what
    landed is kept, the cursor stays), absent (an optional object the org does not have), failed (a required
    one it does not show). rows_processed is what the reply reports (numberRecordsProcessed or totalSize),
    rows_counted is COUNT() at the source; `method` is bulk, rest or none.
    """

    stream: str
    object_name: str
    status: str
    cursor_field: str | None = None
    window_from_at: datetime | None = None
    window_to_at: datetime | None = None
    method: str = "none"
    job_id: str | None = None
    rows_received: int = 0
    rows_processed: int = 0
    rows_counted: int = 0
    rows_appended: int = 0
    api_calls: int = 0
    seconds: float = 0.0
    message: str = ""


def soql_instant(instant: datetime) -> str:
    """A SOQL datetime literal in UTC, to the second as Salesforce stamps."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_window(last_to_at: datetime | None, now: datetime, *, lag: timedelta, overlap: timedelta) -> Window:
    """The window to read now: from `overlap` before the last one closed, up to `lag` before now.

    A clock that went back does not take the cursor with it.
    """
    to_at = (now - lag).replace(microsecond=0)
    if last_to_at is None:
        return Window(None, to_at)
    return Window(last_to_at - overlap, max(to_at, last_to_at))


def window_rows(windows: Iterable[PulledWindow], pull_id: str, occurred_at: datetime) -> pa.Table:
    """The windows of one pull as facts, one row per window; record_id is the stream, kind the status."""
    listed = list(windows)
    columns: dict[str, pa.Array[Any]] = {
        "record_id": pa.array([each.stream for each in listed], pa.string()),
        "kind": pa.array([each.status for each in listed], pa.string()),
        "occurred_at": pa.array([occurred_at] * len(listed), INSTANT),
    }
    columns["pull_id"] = pa.array([pull_id] * len(listed), pa.string())
    for column in list(EXTRACTION_WINDOWS_CONTRACT)[1:]:
        columns[column.name] = pa.array([getattr(each, column.name) for each in listed], column.type)
    return pa.table(columns)


def cursors(closed: pa.Table) -> Mapping[str, datetime]:
    """Stream -> end of its latest closed window, from facts of kind closed."""
    latest = closed.group_by("stream").aggregate([("window_to_at", "max")])
    return {row["stream"]: row["window_to_at_max"] for row in latest.to_pylist() if row["window_to_at_max"]}
