"""A small org in a log: what a gate test needs to land rows and name the bad ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.schema.objects import OBJECTS

NOW = datetime(2024, 6, 1, tzinfo=UTC)
REP = "005000000000001AAA"
ACCOUNT = "001000000000001AAA"
PLAIN = {
    "CreatedDate": "2024-01-01T00:00:00.000Z",
    "LastModifiedDate": "2024-01-02T00:00:00.000Z",
    "SystemModstamp": "2024-01-02T00:00:00.000Z",
}


def organization(log: EventLog) -> EventLog:
    """The log with every stream declared, one rep, one account and two stages landed."""
    for salesforce_object in OBJECTS:
        log.evolve(salesforce_object.stream, salesforce_object.base_contract())
    land(log, "user", {"Id": REP, "Name": "佐藤", "IsActive": "true"})
    land(log, "account", {"Id": ACCOUNT, "Name": "Acme", "OwnerId": REP})
    land(
        log, "opportunity_stage", *(stage(number, name) for number, name in enumerate(["Open", "Closed Won"]))
    )
    return log


def stage(number: int, name: str) -> dict[str, str]:
    """One row of the org's stage list."""
    return {"Id": f"01J{number:012d}AAA", "MasterLabel": name, "SortOrder": str(number)}


def deal(number: int, **values: Any) -> dict[str, Any]:
    """A deal nothing is wrong with, but for these values."""
    return {
        "Id": deal_id(number),
        "IsDeleted": "false",
        "StageName": "Open",
        "Amount": "100",
        "CloseDate": "2024-07-01",
        "OwnerId": REP,
        "AccountId": ACCOUNT,
    } | values


def deal_id(number: int) -> str:
    """The key of the deal with this number."""
    return f"006{number:012d}AAA"


def land(log: EventLog, stream: str, *rows: dict[str, Any], day: int = 0) -> int:
    """Land rows as text, as Bulk gives them; returns how many facts were new."""
    whole = [PLAIN | row for row in rows]
    names = list(dict.fromkeys(name for row in whole for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in whole], pa.string()) for name in names})
    at = NOW + timedelta(days=day)
    window = f"{stream} {day}"
    appended = log.append_observed(
        stream, table, run_id=f"run {day}", source="bulk", observed_at=at, window=window
    )
    return appended.appended
