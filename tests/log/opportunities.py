"""One small Salesforce object, as REST (typed) and as Bulk (text) would give it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.event_log import Appended, EventLog

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)
MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)
FIRST_ID = "006000000000001AAA"
SECOND_ID = "006000000000002AAA"

DEALS = pa.schema(
    [
        ("Id", pa.string()),
        ("IsDeleted", pa.bool_()),
        ("SystemModstamp", INSTANT),
        ("StageName", pa.string()),
        ("Amount", MONEY),
        ("Probability", pa.float64()),
        ("PushCount", pa.int64()),
        ("CloseDate", pa.date32()),
        ("LastViewedDate", INSTANT),
    ]
)


def deal(**values: Any) -> dict[str, Any]:
    """One row as Bulk gives it: everything is text."""
    return {
        "Id": FIRST_ID,
        "IsDeleted": "false",
        "SystemModstamp": "2024-01-01T00:00:00.000Z",
        "StageName": "Prospecting",
    } | values


def append(log: EventLog, *rows: dict[str, Any], day: int = 0, window: str | None = None) -> Appended:
    """Append rows of opportunities as observed on this day after MIDNIGHT."""
    return log.append_observed(
        "opportunity",
        pa.Table.from_pylist(list(rows)),
        run_id=f"run {day}",
        source="bulk",
        observed_at=MIDNIGHT + timedelta(days=day),
        window=window or f"window {day}",
    )


def column(log: EventLog, name: str, stream: str = "opportunity") -> list[Any]:
    """One column of all facts in order of sequence."""
    return log.read(stream, [name])[name].to_pylist()
