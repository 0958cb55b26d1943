"""What the org itself says is gone (getDeleted), and up to when every change is visible (latestDateCovered)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import HalfPage, MissingField, MissingObject, RequestRefused
from connectors.salesforce.reading.scratch import scratch_cursor
from connectors.salesforce.schema.objects import INSTANT

# The org answers for 15 days back, counted at its own clock; an hour is left for the two clocks to differ.
FURTHEST_BACK = timedelta(days=15) - timedelta(hours=1)
# Enough to learn latestDateCovered where nothing earlier is asked for, or nothing earlier can be answered.
_RECENT = timedelta(hours=1)
# Salesforce refuses a span of a minute or less, and cuts both ends to the minute.
_SHORTEST = timedelta(minutes=2)
_COLUMNS: dict[str, pa.DataType] = {"record_id": pa.string(), "occurred_at": INSTANT}
_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True)
class Gone:
    """Records the org says are deleted: `rows` has record_id and occurred_at (deletedDate), one row each.

    `latest_date_covered_at`: changes stamped up to then are all visible, later ones may still be in a running
    transaction; None when the org does not say. `missed` says why deletions may be missing from the rows,
    empty when none can be.
    """

    rows: pa.Table
    latest_date_covered_at: datetime | None = None
    earliest_date_available_at: datetime | None = None
    missed: str = ""

    def until(self, to_at: datetime) -> pa.Table:
        """The rows deleted no later than `to_at`: what came after belongs to the next window."""
        deleted_at = pc.field("occurred_at")
        return self.rows.filter((deleted_at <= pa.scalar(to_at, INSTANT)) | deleted_at.is_null())


NOTHING_SAID = Gone(_SCHEMA.empty_table())
"""For an object that has no such list, or whose list is refused: the recycle bin and the sweep remain."""


def read_deleted(
    client: SalesforceClient,
    object_name: str,
    *,
    last_to_at: datetime | None,
    to_at: datetime,
    overlap: timedelta,
) -> Gone:
    """Deletions since `overlap` before the last closed window's end (None: before the first), up to `to_at`.

    One call; a second one where the first is refused for reaching too far or holding too many. Raises
    HalfPage, and what concerns the session as a whole.
    """
    end = _whole_minute_from(to_at)
    if last_to_at is None:
        return _recent(client, object_name, end)
    start = min(last_to_at - overlap, end - _SHORTEST)
    missed = ""
    if start < end - FURTHEST_BACK:
        start, missed = end - FURTHEST_BACK, "the last window ended more than 15 days ago"
    try:
        gone = _answer(client, object_name, start, end) or NOTHING_SAID
    except _OutOfReach as refusal:
        gone, missed = _recent(client, object_name, end), str(refusal)
    earliest_at = gone.earliest_date_available_at
    if earliest_at is not None and earliest_at > last_to_at:
        missed = missed or f"the org lists deletions only from {earliest_at:%Y-%m-%d %H:%M} UTC on"
    return replace(gone, missed=missed)


class _OutOfReach(Exception):
    """The org has no complete list for the span; the message says why."""


_OUT_OF_REACH = {
    "EXCEEDED_ID_LIMIT": "more than 600,000 records were deleted since the last window",
    "INVALID_REPLICATION_DATE": "the org no longer lists deletions as far back as the last window",
}


def _recent(client: SalesforceClient, object_name: str, end: datetime) -> Gone:
    try:
        return _answer(client, object_name, end - _RECENT, end) or NOTHING_SAID
    except _OutOfReach:
        return NOTHING_SAID


def _answer(client: SalesforceClient, object_name: str, start: datetime, end: datetime) -> Gone | None:
    span = {"start": _minute_text(start), "end": _minute_text(end)}
    try:
        reply = client.call("GET", f"sobjects/{object_name}/deleted/", params=span)
    except RequestRefused as problem:
        known = sorted(problem.codes & _OUT_OF_REACH.keys())
        if known:
            raise _OutOfReach(_OUT_OF_REACH[known[0]]) from problem
        return None
    except (MissingObject, MissingField):
        return None
    return _parsed(reply.content.decode(), object_name)


def _parsed(body: str, object_name: str) -> Gone:
    # Up to 600,000 entries: they stay in DuckDB until they are Arrow.
    cursor = scratch_cursor()
    try:
        rows = cursor.sql(_ROWS, params=[body]).to_arrow_table().cast(_SCHEMA)
        ((covered_at, earliest_at),) = cursor.execute(_DATES, [body]).fetchall()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise HalfPage(
            "a list of deleted records is not whole JSON", where=object_name, remedy="run again"
        ) from error
    finally:
        cursor.close()
    return Gone(rows, _instant(covered_at), _instant(earliest_at))


_ROWS = """
    SELECT entry.id AS record_id, max(try_cast(entry.deletedDate AS TIMESTAMPTZ)) AS occurred_at
    FROM (SELECT unnest(from_json(json_extract($1::JSON, '$.deletedRecords'),
                                  '[{"id": "VARCHAR", "deletedDate": "VARCHAR"}]')) AS entry)
    WHERE entry.id IS NOT NULL GROUP BY ALL ORDER BY ALL"""
_DATES = """
    SELECT document->>'$.latestDateCovered', document->>'$.earliestDateAvailable'
    FROM (SELECT $1::JSON AS document)"""


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _minute_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _whole_minute_from(instant: datetime) -> datetime:
    whole = instant.replace(second=0, microsecond=0)
    return whole if whole == instant else whole + timedelta(minutes=1)
