"""An organisation in New York that never won a deal: stages renamed and retired, two sales processes, clocks put forward.

Instants are UTC; New York is five hours behind until 8 March 2026, 07:00 UTC, and four from then on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from tests.warehouse import helpers
from tests.warehouse.cases import Row, changes, deal
from tests.warehouse.helpers import Warehouse

AS_OF_DATE = date(2026, 4, 15)
TIME_ZONE = "America/New_York"
FIRST_PULL = datetime(2026, 3, 2, 8, tzinfo=UTC)
SECOND_PULL = datetime(2026, 4, 16, 8, tzinfo=UTC)
RENAMED_AT = "2026-03-20T12:00:00Z"
MERGED_AT = "2026-03-11T15:00:00Z"
CREATED = "2026-02-02T15:00:00Z"
NEW, RENEWAL, OTHER_RENEWAL = "012new", "012renewal", "012other_renewal"

STAGES = (
    ("Qualify", 1, True, False, False),
    ("Demo", 2, True, False, False),
    ("Analyse", 3, True, False, False),
    ("Quote", 4, True, False, False),
    ("Negotiate", 5, True, False, False),
    ("Signed", 8, True, True, True),
    ("Dropped", 9, True, True, False),
)
NEW_NAMES = {"Quote": "Proposal", "Dropped": "Given up"}
RETIRED = "Demo"


def stage(name: str, order: int, is_active: bool, is_closed: bool, is_won: bool) -> Row:
    return {
        "Id": f"01J{order:015}",
        "MasterLabel": name,
        "ApiName": name,
        "SortOrder": order,
        "IsActive": is_active,
        "IsClosed": is_closed,
        "IsWon": is_won,
    }


def stages_now() -> list[Row]:
    return [
        stage(NEW_NAMES.get(name, name), order, name != RETIRED, is_closed, is_won)
        for name, order, _, is_closed, is_won in STAGES
    ]


def lost(name: str, created: str, at: str, **fields: Any) -> Row:
    return deal(name, "Given up", created, modified=at, IsClosed=True, **{"RecordTypeId": NEW, **fields})


def still_open(name: str, stage_name: str, created: str, modified: str, **fields: Any) -> Row:
    return deal(name, stage_name, created, modified=modified, **{"RecordTypeId": NEW, **fields})


def before_the_renaming() -> list[Row]:
    return [
        still_open("renamed_while_open", "Quote", CREATED, "2026-02-10T15:00:00Z"),
        deal("renamed_when_lost", "Dropped", CREATED, modified="2026-02-10T15:00:00Z", RecordTypeId=NEW),
    ]


def opportunities() -> list[Row]:
    moved = "2026-04-01T15:00:00Z"
    return [
        still_open("renamed_while_open", "Proposal", CREATED, RENAMED_AT),
        lost("renamed_when_lost", CREATED, RENAMED_AT),
        still_open("skipped", "Proposal", CREATED, moved),
        still_open("over_a_retired_stage", "Analyse", CREATED, moved),
        still_open("in_a_retired_stage", "Demo", CREATED, moved),
        still_open("moved_back", "Analyse", CREATED, moved),
        still_open("same_second", "Negotiate", CREATED, moved),
        still_open("renewal", "Proposal", CREATED, moved, RecordTypeId=RENEWAL),
        still_open("renewal_of_another_type", "Negotiate", CREATED, moved, RecordTypeId=OTHER_RENEWAL),
        still_open("back_at_quote", "Proposal", CREATED, moved, RecordTypeId=RENEWAL),
        lost("over_the_clock_change", "2026-03-07T05:00:00Z", "2026-03-09T04:00:00Z"),
        lost("before_midnight", "2026-03-08T04:59:59Z", "2026-03-09T03:59:59Z"),
        lost("closes_in_the_future", CREATED, "2026-04-02T15:00:00Z", CloseDate="2026-12-31"),
        still_open("history_of_tomorrow", "Qualify", CREATED, CREATED),
        still_open("merged", "Qualify", CREATED, moved, AccountId="001winner"),
    ]


def histories() -> list[Row]:
    moved, start = "2026-04-01T15:00:00Z", ("Qualify", CREATED)
    return [
        *changes("renamed_while_open", start, ("Quote", "2026-02-10T15:00:00Z")),
        *changes("renamed_when_lost", start, ("Dropped", "2026-02-10T15:00:00Z")),
        *changes("skipped", start, ("Quote", "2026-02-12T15:00:00Z")),
        *changes("over_a_retired_stage", start, ("Analyse", moved)),
        *changes("in_a_retired_stage", start, ("Demo", moved)),
        *changes("moved_back", start, ("Analyse", "2026-03-01T15:00:00Z"), ("Qualify", "2026-03-11T15:00:00Z"),
                 ("Analyse", moved)),
        *changes("same_second", start, ("Analyse", moved), ("Negotiate", moved)),
        *changes("renewal", start, ("Proposal", moved)),
        *changes("renewal_of_another_type", start, ("Negotiate", moved)),
        *changes("back_at_quote", start, ("Quote", "2026-02-20T15:00:00Z"), ("Proposal", moved)),
        *changes("over_the_clock_change", ("Qualify", "2026-03-07T05:00:00Z"), ("Dropped", "2026-03-09T04:00:00Z")),
        *changes("before_midnight", ("Qualify", "2026-03-08T04:59:59Z"), ("Dropped", "2026-03-09T03:59:59Z")),
        *changes("history_of_tomorrow", start, ("Negotiate", "2026-04-20T15:00:00Z")),
        *changes("merged", start),
    ]  # fmt: skip


def activities() -> dict[str, list[Row]]:
    call = {
        "OwnerId": "005one",
        "TaskSubtype": "Call",
        "CallType": "Outbound",
        "Status": "Completed",
        "IsClosed": True,
        "IsDeleted": False,
        "CreatedDate": "2026-03-10T15:00:00Z",
    }
    meeting = {
        "Id": "00Umerged",
        "OwnerId": "005one",
        "WhoId": "003winner",
        "WhatId": "006merged",
        "CreatedDate": "2026-03-12T15:00:00Z",
        "StartDateTime": "2026-03-14T15:00:00Z",
        "EndDateTime": "2026-03-14T16:00:00Z",
        "IsDeleted": False,
    }
    return {
        "Task": [
            {**call, "Id": "00Tclocks_change", "ActivityDate": "2026-03-08", "WhatId": "006skipped"},
            {**call, "Id": "00Tday_after", "ActivityDate": "2026-03-09", "WhatId": "006skipped"},
            {
                **call,
                "Id": "00Tdue_later",
                "ActivityDate": "2026-05-20",
                "WhatId": "006skipped",
                "SystemModstamp": MERGED_AT,
            },
            {**call, "Id": "00Tmerged", "ActivityDate": "2026-03-10", "WhoId": "003winner"},
        ],
        "Event": [meeting],
    }


def people() -> dict[str, list[Row]]:
    """Two accounts with a contact each; the second pull finds both merged into the first."""
    return {
        "UserRole": [{"Id": "00Eeast", "Name": "East"}, {"Id": "00Ewest", "Name": "West"}],
        "User": [
            {"Id": "005one", "Name": "One", "UserRoleId": "00Eeast", "IsActive": True},
            {"Id": "005idle", "Name": "Idle", "UserRoleId": "00Ewest", "IsActive": True},
        ],
        "Account": [{"Id": "001winner", "Name": "Winner"}, {"Id": "001loser", "Name": "Loser"}],
        "Contact": [
            {"Id": "003winner", "Name": "Ann", "AccountId": "001winner"},
            {"Id": "003loser", "Name": "Ann again", "AccountId": "001loser", "Title": "CEO"},
        ],
    }


def merged_away() -> dict[str, list[Row]]:
    return {
        "Account": [
            {
                "Id": "001loser",
                "Name": "Loser",
                "IsDeleted": True,
                "MasterRecordId": "001winner",
                "SystemModstamp": MERGED_AT,
            }
        ],
        "Contact": [
            {
                "Id": "003winner",
                "Name": "Ann",
                "AccountId": "001winner",
                "Title": "CEO",
                "SystemModstamp": MERGED_AT,
            },
            {
                "Id": "003loser",
                "Name": "Ann again",
                "IsDeleted": True,
                "MasterRecordId": "003winner",
                "SystemModstamp": MERGED_AT,
            },
        ],
    }


def processes() -> dict[str, list[Row]]:
    return {
        "BusinessProcess": [{"Id": "019new", "Name": "New"}, {"Id": "019renewal", "Name": "Renewals"}],
        "RecordType": [
            {"Id": NEW, "Name": "New", "SobjectType": "Opportunity", "BusinessProcessId": "019new"},
            {"Id": RENEWAL, "Name": "Renewal", "SobjectType": "Opportunity", "BusinessProcessId": "019renewal"},
            {"Id": OTHER_RENEWAL, "Name": "Other", "SobjectType": "Opportunity", "BusinessProcessId": "019renewal"},
        ],
    }  # fmt: skip


def build(warehouse: Warehouse) -> None:
    """Two pulls, the second after stages were renamed and accounts merged; then every mart with its data tests."""
    touched_loser = still_open("merged", "Qualify", CREATED, CREATED, AccountId="001loser")
    loser_task = {
        "Id": "00Tmerged", "OwnerId": "005one", "WhoId": "003loser", "IsClosed": True, "IsDeleted": False,
        "TaskSubtype": "Call", "ActivityDate": "2026-02-20", "CreatedDate": "2026-02-20T15:00:00Z",
    }  # fmt: skip
    first = {"Opportunity": [*before_the_renaming(), touched_loser], "Task": [loser_task]}
    defined = {"OpportunityStage": [stage(*each) for each in STAGES]}
    helpers.land(warehouse, {**defined, **processes(), **people(), **first}, FIRST_PULL)
    helpers.land(
        warehouse,
        {
            "OpportunityStage": stages_now(),
            "Opportunity": opportunities(),
            "OpportunityHistory": histories(),
            **merged_away(),
            **activities(),
            "ForecastingQuota": [
                {"Id": "0J9idle", "QuotaOwnerId": "005idle", "StartDate": "2026-04-01", "QuotaAmount": "0"}
            ],
        },
        SECOND_PULL,
    )
    helpers.write_run(warehouse, AS_OF_DATE, time_zone=TIME_ZONE, known_at=SECOND_PULL, country_code="US")
    helpers.dbt(warehouse, "build", "--exclude-resource-type", "unit_test")
