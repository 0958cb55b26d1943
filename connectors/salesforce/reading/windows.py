"""Windows of the cursor, and the fact that records what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.salesforce.schema.objects import INSTANT

EXTRACTION_WINDOWS = "extraction_windows"
_COLUMNS: Mapping[str, pa.DataType] = {
    "pull_id": pa.string(),
    "stream": pa.string(),
    "object_name": pa.string(),
    "cursor_field": pa.string(),
    "window_from_at": INSTANT,
    "window_to_at": INSTANT,
    "latest_date_covered_at": INSTANT,
    "reason": pa.string(),
    "method": pa.string(),
    "job_id": pa.string(),
    "rows_received": pa.int64(),
    "rows_processed": pa.int64(),
    "rows_counted": pa.int64(),
    "rows_moved_on": pa.int64(),
    "rows_appended": pa.int64(),
    "api_calls": pa.int64(),
    "seconds": pa.float64(),
    "message": pa.string(),
}
EXTRACTION_WINDOWS_CONTRACT = pa.schema(_COLUMNS)
# Why a window spans what it does (column `reason`).
FIRST = "first"
INCREMENT = "increment"
NEW_FIELD = "new field"
NO_CURSOR = "no cursor"
FORMULAS_DUE = "formulas due"
RESUMED = "resumed"
WINDOW_KEY = ("pull_id", "record_id", "kind", "reason", "window_to_at", "occurred_at")


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

    `status`: closed (rows_received = rows_processed = rows_counted + rows_moved_on, the cursor moved),
    incomplete (what landed is kept, the cursor stays), absent (an optional object the org does not have),
    failed (a required one it does not show). rows_received are different records; rows_processed is what the
    reply reports (numberRecordsProcessed or totalSize); rows_counted is COUNT() at the source, the second one
    when the first disagreed; rows_moved_on are records that were received and had changed since, out of the
    window, when it was counted again. `method` is bulk, rest or none; `reason` is why the window was read:
    first, increment, new field, no cursor, formulas due, resumed. `latest_date_covered_at` is up to when the
    org vouched for changes to be visible (None: it did not say). `sweep` is the kind of the id sweep that
    followed, if one did, and `sweep_message` what it has to say.
    """

    stream: str
    object_name: str
    status: str
    cursor_field: str | None = None
    window_from_at: datetime | None = None
    window_to_at: datetime | None = None
    latest_date_covered_at: datetime | None = None
    reason: str = ""
    method: str = "none"
    job_id: str | None = None
    rows_received: int = 0
    rows_processed: int = 0
    rows_counted: int = 0
    rows_moved_on: int = 0
    rows_appended: int = 0
    api_calls: int = 0
    seconds: float = 0.0
    message: str = ""
    sweep: str = ""
    sweep_message: str = ""


def soql_instant(instant: datetime) -> str:
    """A SOQL datetime literal in UTC, to the second as Salesforce stamps."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_window(
    last_to_at: datetime | None, now: datetime, *, overlap: timedelta, covered_at: datetime | None = None
) -> Window:
    """The window to read now: from `overlap` before the last one closed, up to now, or to where the org
    vouches for changes to be visible (`covered_at`) if that is earlier.

    A clock that went back does not take the cursor with it.
    """
    to_at = min(now, covered_at or now).replace(microsecond=0)
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
