"""A small org written by hand: every object, awkward texts, deleted rows, more tasks than fit on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.store import Org

NOW = datetime(2024, 6, 3, 8, 0)
REPS = 3
OPPORTUNITIES = 120
TASKS = 2_100
NAMES = ("株式会社みどり", 'ACME "quoted", Inc.', "NA", "null", "N/A", "line\nbreak", "0012")
STAGES = ("Prospecting", "Qualification", "Closed Won", "Closed Lost")


def rep(index: int) -> str:
    return numbered("005", 100 + index % REPS)


def stamp(index: int) -> datetime:
    """An instant in the past; every seventh row shares its second with its neighbour."""
    return NOW - timedelta(days=30) + timedelta(minutes=9 * (index - (index % 7 == 0)))


def audit(rows: int) -> dict[str, list[object]]:
    stamps = [stamp(index % 4_000) for index in range(rows)]
    users = [rep(index) for index in range(rows)]
    return {
        "CreatedDate": stamps,
        "LastModifiedDate": stamps,
        "SystemModstamp": stamps,
        "CreatedById": users,
        "LastModifiedById": users,
    }


def ids(prefix: str, rows: int, start: int = 1) -> list[str]:
    return [numbered(prefix, start + index) for index in range(rows)]


def tables() -> dict[str, pa.Table]:
    columns = {
        "User": _users(),
        "UserRole": {
            "Id": ids("00E", 2),
            "Name": ["East", "West"],
            "SystemModstamp": [stamp(0)] * 2,
            "LastModifiedDate": [stamp(0)] * 2,
        },
        "Account": {"Id": ids("001", 40), "Name": [NAMES[i % 7] for i in range(40)], **_owned(40)},
        "Contact": {
            "Id": ids("003", 50),
            "LastName": ["山田"] * 50,
            "Name": ["山田 太郎"] * 50,
            "AccountId": [numbered("001", 1 + i % 40) for i in range(50)],
            **_owned(50),
        },
        "Lead": {"Id": ids("00Q", 10), "LastName": ["L"] * 10, "Company": ["C"] * 10, **_owned(10)},
        "Opportunity": _opportunities(),
        "OpportunityHistory": _history(),
        "OpportunityFieldHistory": _field_history(),
        "OpportunityContactRole": {
            "Id": ids("00K", 30),
            "OpportunityId": ids("006", 30),
            "ContactId": ids("003", 30),
            "Role": ["Decision Maker"] * 30,
            **audit(30),
        },
        "Task": _tasks(),
        "Event": _events(),
        "Period": {
            "Id": ids("026", 3),
            "Type": ["Month"] * 3,
            "StartDate": [date(2024, m, 1) for m in (4, 5, 6)],
            "SystemModstamp": [stamp(0)] * 3,
        },
        "ForecastingQuota": {
            "Id": ids("0J9", REPS),
            "QuotaOwnerId": [rep(i) for i in range(REPS)],
            "QuotaAmount": [1_000_000.5 + i for i in range(REPS)],
            "StartDate": [date(2024, 6, 1)] * REPS,
            **audit(REPS),
        },
    }
    return {name: pa.table(each) for name, each in columns.items()}


def _users() -> dict[str, list[object]]:
    return {
        "Id": [rep(i) for i in range(REPS)],
        "Username": [f"rep{i}@example.com" for i in range(REPS)],
        "Name": [f"Rep {i}" for i in range(REPS)],
        "LastName": [f"{i}" for i in range(REPS)],
        "Email": [f"rep{i}@example.com" for i in range(REPS)],
        "IsActive": [True] * REPS,
        "TimeZoneSidKey": ["Asia/Tokyo"] * REPS,
        **audit(REPS),
    }


def _owned(rows: int) -> dict[str, list[object]]:
    return {"OwnerId": [rep(i) for i in range(rows)], "IsDeleted": [False] * rows, **audit(rows)}


def _opportunities() -> dict[str, list[object]]:
    rows = OPPORTUNITIES
    return {
        "Id": ids("006", rows),
        "Name": [NAMES[i % 7] for i in range(rows)],
        "AccountId": [numbered("001", 1 + i % 40) for i in range(rows)],
        "StageName": [STAGES[i % 4] for i in range(rows)],
        "Amount": [None if i % 11 == 0 else 1000.25 * i + 0.1 for i in range(rows)],
        "Probability": [33.3 if i % 2 else 10.0 for i in range(rows)],
        "CloseDate": [date(2024, 5, 1) + timedelta(days=i) for i in range(rows)],
        "IsClosed": [i % 4 > 1 for i in range(rows)],
        "IsWon": [i % 4 == 2 for i in range(rows)],
        "FiscalYear": [2024] * rows,
        **_owned(rows),
        "IsDeleted": [i % 29 == 0 for i in range(rows)],
    }


def _history() -> dict[str, list[object]]:
    rows = 2 * OPPORTUNITIES
    stamps = [stamp(i) for i in range(rows)]
    return {
        "Id": ids("008", rows),
        "OpportunityId": [numbered("006", 1 + i // 2) for i in range(rows)],
        "StageName": [STAGES[i % 4] for i in range(rows)],
        "Amount": [1e8 + i for i in range(rows)],
        "CloseDate": [date(2024, 5, 1)] * rows,
        "CreatedDate": stamps,
        "CreatedById": [rep(i) for i in range(rows)],
        "SystemModstamp": stamps,
        "IsDeleted": [False] * rows,
    }


def _field_history() -> dict[str, list[object]]:
    rows = 60
    return {
        "Id": ids("017", rows),
        "OpportunityId": ids("006", rows),
        "Field": ["Amount"] * rows,
        "OldValue": [None if i % 3 else f"{i}.0" for i in range(rows)],
        "NewValue": [NAMES[i % 7] for i in range(rows)],
        "CreatedDate": [stamp(i) for i in range(rows)],
        "CreatedById": [rep(i) for i in range(rows)],
        "IsDeleted": [False] * rows,
    }


def _tasks() -> dict[str, list[object]]:
    return {
        "Id": ids("00T", TASKS),
        "Subject": [NAMES[i % 7] for i in range(TASKS)],
        "Status": ["Completed" if i % 3 else "Not Started" for i in range(TASKS)],
        "IsClosed": [bool(i % 3) for i in range(TASKS)],
        "Priority": ["Normal"] * TASKS,
        "WhatId": [numbered("006", 1 + i % OPPORTUNITIES) for i in range(TASKS)],
        "ActivityDate": [stamp(i).date() for i in range(TASKS)],
        "IsArchived": [i % 50 == 0 for i in range(TASKS)],
        **_owned(TASKS),
    }


def _events() -> dict[str, list[object]]:
    rows = 45
    return {
        "Id": ids("00U", rows),
        "Subject": ["初回訪問"] * rows,
        "StartDateTime": [stamp(i) for i in range(rows)],
        "ActivityDateTime": [stamp(i) for i in range(rows)],
        "DurationInMinutes": [30 + i for i in range(rows)],
        "WhatId": ids("006", rows),
        **_owned(rows),
    }


def write_org(path: Path) -> Path:
    """The org as a file a sandbox can be started on, its clock frozen at NOW (UTC)."""
    now = NOW.replace(tzinfo=UTC)
    org = Org(path, lambda: now)
    org.set_clock(now)
    org.prepare()
    load_tables(org, tables())
    org.close()
    return path
