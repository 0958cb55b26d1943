"""Deals that are awkward each in one way. Ids say the case; instants are UTC, the organisation in Tokyo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.warehouse import helpers
from tests.warehouse.helpers import Warehouse

AS_OF_DATE = date(2026, 6, 30)
KNOWN_AT = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)
FIRST_PULL = datetime(2026, 6, 1, 18, 0, tzinfo=UTC)
SECOND_PULL = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
TOO_LATE = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)

Row = Mapping[str, Any]

STAGES = (
    ("Qualify", 1, False, False),
    ("Analyse", 2, False, False),
    ("Propose", 3, False, False),
    ("Closed Won", 8, True, True),
    ("Closed Lost", 9, True, False),
)


def stages() -> list[Row]:
    return [
        {
            "Id": f"01J{order:015}",
            "MasterLabel": name,
            "ApiName": name,
            "SortOrder": order,
            "IsActive": True,
            "IsClosed": is_closed,
            "IsWon": is_won,
        }
        for name, order, is_closed, is_won in STAGES
    ]


def deal(name: str, stage: str, created: str, **fields: Any) -> Row:
    """One Opportunity; closed flags as its stage says and modified at creation, unless told otherwise."""
    is_closed = stage.startswith("Closed")
    row = {
        "Id": f"006{name}",
        "Name": name,
        "OwnerId": "005one",
        "StageName": stage,
        "Amount": "1000",
        "CloseDate": "2026-07-31",
        "IsClosed": is_closed,
        "IsWon": stage == "Closed Won",
        "IsDeleted": False,
        "CreatedDate": created,
        "LastModifiedDate": created,
        "SystemModstamp": created,
    }
    modified = fields.pop("modified", None)
    if modified:
        row |= {"LastModifiedDate": modified, "SystemModstamp": modified}
    return {**row, **fields}


def changes(name: str, *rows: tuple[str, str], **fields: Any) -> list[Row]:
    """OpportunityHistory of one deal: (stage, instant) in order."""
    return [
        {
            "Id": f"008{name}{number:03}",
            "OpportunityId": f"006{name}",
            "StageName": stage,
            "CreatedDate": at,
            "SystemModstamp": at,
            **fields,
        }
        for number, (stage, at) in enumerate(rows)
    ]


def opportunities() -> list[Row]:
    return [
        deal("plain", "Analyse", "2026-06-01T00:00:00Z", modified="2026-06-10T00:00:00Z"),
        # 15:00 UTC is midnight in Tokyo.
        deal("late_evening", "Closed Won", "2026-06-10T14:59:59Z", modified="2026-06-20T15:00:00Z"),
        deal("tomorrow_in_tokyo", "Qualify", "2026-06-30T15:00:00Z"),
        deal("won_on_day_0", "Closed Won", "2026-06-05T01:00:00Z", modified="2026-06-05T02:00:00Z"),
        deal("born_won", "Closed Won", "2026-06-05T01:00:00Z"),
        deal("reopened", "Analyse", "2026-05-01T00:00:00Z", modified="2026-06-12T00:00:00Z"),
        deal(
            "flag_says_open",
            "Closed Won",
            "2026-06-01T00:00:00Z",
            modified="2026-06-10T00:00:00Z",
            IsClosed=False,
            IsWon=False,
        ),
        deal("history_first", "Qualify", "2026-06-10T00:00:00Z", modified="2026-06-01T00:00:00Z"),
        deal("history_elsewhere", "Propose", "2026-06-01T00:00:00Z", modified="2026-06-15T00:00:00Z"),
        deal("no_history_lost", "Closed Lost", "2026-06-01T00:00:00Z", CloseDate="2026-06-20"),
        deal("no_history_open", "Analyse", "2026-06-01T00:00:00Z"),
        deal("no_amount", "Qualify", "2026-06-01T00:00:00Z", Amount=None),
        deal("amount_zero", "Qualify", "2026-06-01T00:00:00Z", Amount="0"),
        deal(
            "handed_over",
            "Qualify",
            "2026-06-01T00:00:00Z",
            modified="2026-06-08T00:00:00Z",
            OwnerId="005two",
        ),
        deal(
            "in_the_bin", "Qualify", "2026-06-01T00:00:00Z", modified="2026-06-21T00:00:00Z", IsDeleted=True
        ),
        deal(
            "changed_after",
            "Closed Won",
            "2026-06-01T00:00:00Z",
            modified="2026-06-30T16:00:00Z",
            Amount="9000",
        ),
    ]


def histories() -> list[Row]:
    return [
        *changes("plain", ("Qualify", "2026-06-01T00:00:00Z"), ("Analyse", "2026-06-10T00:00:00Z")),
        *changes("late_evening", ("Qualify", "2026-06-10T14:59:59Z"), ("Closed Won", "2026-06-20T15:00:00Z")),
        *changes("tomorrow_in_tokyo", ("Qualify", "2026-06-30T15:00:00Z")),
        *changes("won_on_day_0", ("Qualify", "2026-06-05T01:00:00Z"), ("Closed Won", "2026-06-05T02:00:00Z")),
        *changes("born_won", ("Closed Won", "2026-06-05T01:00:00Z")),
        *changes(
            "reopened",
            ("Qualify", "2026-05-01T00:00:00Z"),
            ("Closed Lost", "2026-05-11T00:00:00Z"),
            ("Analyse", "2026-06-12T00:00:00Z"),
        ),
        *changes(
            "flag_says_open", ("Qualify", "2026-06-01T00:00:00Z"), ("Closed Won", "2026-06-10T00:00:00Z")
        ),
        *changes("history_first", ("Qualify", "2026-06-04T00:00:00Z"), ("Qualify", "2026-06-11T00:00:00Z")),
        *changes(
            "history_elsewhere", ("Qualify", "2026-06-01T00:00:00Z"), ("Analyse", "2026-06-05T00:00:00Z")
        ),
        *changes("no_amount", ("Qualify", "2026-06-01T00:00:00Z")),
        *changes("amount_zero", ("Qualify", "2026-06-01T00:00:00Z")),
        *changes("handed_over", ("Qualify", "2026-06-01T00:00:00Z")),
        *changes("in_the_bin", ("Qualify", "2026-06-01T00:00:00Z")),
        *changes("changed_after", ("Qualify", "2026-06-01T00:00:00Z"), Amount="500", CloseDate="2026-06-15"),
        *changes(
            "changed_after_",
            ("Closed Won", "2026-06-30T16:00:00Z"),
            Amount="9000",
            OpportunityId="006changed_after",
        ),
    ]


def people() -> dict[str, list[Row]]:
    users = [("005one", "小野 一", "00Eeast", "ja"), ("005two", "Tina Two", "00Ewest", "en_US")]
    return {
        "UserRole": [{"Id": "00Eeast", "Name": "East"}, {"Id": "00Ewest", "Name": "West"}],
        "User": [
            {
                "Id": user,
                "Name": name,
                "UserRoleId": role,
                "LanguageLocaleKey": language,
                "IsActive": True,
                "TimeZoneSidKey": "Asia/Tokyo",
            }
            for user, name, role, language in users
        ],
        "Account": [{"Id": "001acme", "Name": "Acme"}],
        "Contact": [{"Id": "003boss", "Name": "部長 太郎", "AccountId": "001acme", "Title": "営業部長"}],
    }


def activities() -> dict[str, list[Row]]:
    call = {
        "OwnerId": "005two",
        "WhoId": "003boss",
        "TaskSubtype": "Call",
        "CallType": "Outbound",
        "Status": "Completed",
        "IsClosed": True,
        "IsDeleted": False,
    }
    meeting = {
        "OwnerId": "005one",
        "WhoId": "003boss",
        "WhatId": "006plain",
        "IsAllDayEvent": False,
        "IsDeleted": False,
    }
    return {
        "Task": [
            {
                "Id": "00Tfirst",
                "CompletedDateTime": "2026-06-02T01:00:00Z",
                "CreatedDate": "2026-06-02T01:00:00Z",
                **call,
            },
            {
                "Id": "00Tsecond",
                "CompletedDateTime": "2026-06-03T01:00:00Z",
                "CreatedDate": "2026-06-03T01:00:00Z",
                **call,
            },
            {
                "Id": "00Tlong_ago",
                "CompletedDateTime": "2026-01-02T01:00:00Z",
                "CreatedDate": "2026-01-02T01:00:00Z",
                **call,
                "WhoId": None,
                "WhatId": "006won_on_day_0",
            },
        ],
        "Event": [
            {
                "Id": "00Uheld",
                "CreatedDate": "2026-06-03T02:00:00Z",
                "StartDateTime": "2026-06-08T01:00:00Z",
                "EndDateTime": "2026-06-08T02:00:00Z",
                **meeting,
            },
            {
                "Id": "00Usecond",
                "CreatedDate": "2026-06-09T02:00:00Z",
                "StartDateTime": "2026-06-15T01:00:00Z",
                "EndDateTime": "2026-06-15T02:00:00Z",
                **meeting,
            },
            {
                "Id": "00Uplanned",
                "CreatedDate": "2026-06-20T02:00:00Z",
                "StartDateTime": "2026-07-02T01:00:00Z",
                "EndDateTime": "2026-07-02T02:00:00Z",
                **meeting,
            },
            {
                "Id": "00Utoo_late",
                "CreatedDate": "2026-06-08T02:00:00Z",
                "StartDateTime": "2026-06-15T01:00:00Z",
                "EndDateTime": "2026-06-15T02:00:00Z",
                **meeting,
                "WhoId": None,
                "WhatId": "006won_on_day_0",
            },
        ],
    }


def land_cases(warehouse: Warehouse) -> None:
    """The first pull sees one deal in the bin that later came back; the last pull comes after known_at."""
    undeleted = deal(
        "undeleted", "Qualify", "2026-05-20T00:00:00Z", modified="2026-05-30T00:00:00Z", IsDeleted=True
    )
    earlier = {
        "Opportunity": [undeleted],
        "OpportunityHistory": changes("undeleted", ("Qualify", "2026-05-20T00:00:00Z")),
    }
    helpers.land(warehouse, {"OpportunityStage": stages(), **earlier}, FIRST_PULL)
    back = deal("undeleted", "Qualify", "2026-05-20T00:00:00Z", modified="2026-06-05T00:00:00Z")
    refused = deal("refused", "Qualify", "2026-06-05T00:00:00Z")
    readmitted = deal("readmitted", "Qualify", "2026-06-05T00:00:00Z")
    helpers.land(
        warehouse,
        {
            **people(),
            **activities(),
            "Opportunity": [*opportunities(), back, refused, readmitted],
            "OpportunityHistory": histories(),
            "OpportunityFieldHistory": [
                {
                    "Id": "017over",
                    "OpportunityId": "006handed_over",
                    "Field": "Owner",
                    "OldValue": "005one",
                    "NewValue": "005two",
                    "CreatedDate": "2026-06-08T00:00:00Z",
                },
            ],
            "OpportunityContactRole": [
                {
                    "Id": "00Kplain",
                    "OpportunityId": "006plain",
                    "ContactId": "003boss",
                    "Role": "Evaluator",
                    "IsDeleted": False,
                    "CreatedDate": "2026-06-01T00:00:00Z",
                },
            ],
            "Period": [
                {"Id": "026q3", "Type": "Quarter", "StartDate": "2026-07-01", "EndDate": "2026-09-30"},
                {"Id": "026aug", "Type": "Month", "StartDate": "2026-08-01", "EndDate": "2026-08-31"},
            ],
            "ForecastingQuota": [
                {"Id": "0J9q3", "QuotaOwnerId": "005one", "PeriodId": "026q3", "QuotaAmount": "3000"},
                {"Id": "0J9aug", "QuotaOwnerId": "005one", "PeriodId": "026aug", "QuotaAmount": "1500"},
            ],
        },
        SECOND_PULL,
    )
    judged = {
        row["Name"]: row["event_id"]
        for row in warehouse.log.read("opportunity", ["Name", "event_id"]).to_pylist()
    }
    helpers.refuse(
        warehouse, "opportunity", [judged["refused"], judged["readmitted"]], observed_at=SECOND_PULL
    )
    helpers.refuse(
        warehouse, "opportunity", [judged["readmitted"]], kind="readmitted", observed_at=SECOND_PULL
    )
    land_late_duplicate(warehouse)
    unknown = deal("plain", "Closed Lost", "2026-06-01T00:00:00Z", modified="2026-06-25T00:00:00Z")
    helpers.land(warehouse, {"Opportunity": [unknown]}, TOO_LATE)


def land_late_duplicate(warehouse: Warehouse) -> None:
    """What a crash between landing and remembering leaves: the oldest fact once more, after all others."""
    folder = warehouse.log.root / "opportunity"
    oldest = warehouse.log.read("opportunity").slice(0, 1)
    sequence = warehouse.log.last_sequence("opportunity") + 1
    for name, value in {"sequence": sequence, "observed_at": SECOND_PULL}.items():
        place = oldest.schema.get_field_index(name)
        oldest = oldest.set_column(
            place, oldest.schema.field(name), pa.array([value], oldest.schema.field(name).type)
        )
    pq.write_table(oldest, folder / f"{sequence:015}-{sequence:015}.parquet")
    helpers.accept(warehouse, SECOND_PULL)
