"""Our own tasks are known again on the next pull, by their key or by their mark, and are nobody's touches."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.salesforce.writing.write_plan import marked_subject, marker
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

REP, DEAL, US = "005000000000001AAA", "006000000000001AAA", "005000000000099AAA"
AS_OF = date(2026, 6, 30)
SUBJECT = "見積もりの返事を聞く"


def at(day: int) -> datetime:
    return datetime(2026, 6, day, 3, tzinfo=UTC)


def task(record_id: str, day: int, **values: Any) -> dict[str, Any]:
    return {
        "Id": record_id,
        "OwnerId": REP,
        "WhatId": DEAL,
        "Subject": SUBJECT,
        "Status": "Not Started",
        "IsClosed": False,
        "TaskSubtype": "Call",
        "ActivityDate": date(2026, 6, day),
        "CreatedDate": at(day),
        "LastModifiedById": US,
        "LastModifiedDate": at(day),
        "SystemModstamp": at(day),
        "IsDeleted": False,
        **values,
    }


@pytest.fixture(scope="module")
def warehouse(new_warehouse: NewWarehouse) -> Warehouse:
    made = new_warehouse("own writes")
    stamped = {"SystemModstamp": at(1), "CreatedDate": at(1), "LastModifiedDate": at(1), "IsDeleted": False}
    deal = {"Id": DEAL, "Name": "deal", "OwnerId": REP, "StageName": "Qualify", "CloseDate": date(2026, 8, 1)}
    user = {"Id": REP, "Name": "Rep", "Username": "rep@example.com", "IsActive": True, **stamped}
    keyed, marked = {"GyakusanActionKey__c": "k1"}, {"Subject": marked_subject(SUBJECT, "k2")}
    done = {"Status": "Completed", "IsClosed": True}
    first = [
        task("00Tkeyed", 10, **keyed),
        task("00Tmarked", 10, **marked),
        task("00Tdone", 12, **marked, **done, CompletedDateTime=at(12)),
        task("00Town_call", 8, **done, CompletedDateTime=at(8), LastModifiedById=REP),
    ]
    helpers.land(
        made, {"User": [user], "Opportunity": [{**deal, "IsClosed": False, **stamped}], "Task": first}
    )
    # We wrote once more: the stamp moves, and nothing else that anybody did.
    again = [task("00Tkeyed", 10, **keyed, Priority="Low") | {"SystemModstamp": at(20)}]
    helpers.land(made, {"Task": again})
    helpers.write_run(made, AS_OF)
    helpers.build(made)
    return made


def activity(warehouse: Warehouse, record_id: str) -> dict[str, Any]:
    return warehouse.row(f"from fct_activity where activity_id = '{record_id}'")


def test_own_tasks_are_known_by_key_and_by_mark(warehouse: Warehouse) -> None:
    keys = {
        name: activity(warehouse, name)["action_key"] for name in ("00Tkeyed", "00Tmarked", "00Town_call")
    }
    assert keys == {"00Tkeyed": "k1", "00Tmarked": marker("k2"), "00Town_call": None}
    own = warehouse.rows("select activity_id from fct_activity where is_own_write order by 1")
    assert [row["activity_id"] for row in own] == ["00Tdone", "00Tkeyed", "00Tmarked"]


@pytest.mark.parametrize("record_id", ["00Tkeyed", "00Tmarked"])
def test_a_task_we_wrote_is_no_touch_and_no_appointment(warehouse: Warehouse, record_id: str) -> None:
    found = activity(warehouse, record_id)
    flags = ("is_done", "is_touch", "is_inbound", "is_appointment", "is_meeting_held", "is_scheduled")
    assert not any(found[name] for name in flags)


def test_writing_again_moves_no_time_of_the_activity(warehouse: Warehouse) -> None:
    assert activity(warehouse, "00Tkeyed")["activity_at"] == datetime(2026, 6, 10, tzinfo=UTC)


def test_the_rep_who_finishes_our_task_has_acted(warehouse: Warehouse) -> None:
    assert activity(warehouse, "00Tdone")["is_touch"]


def test_the_deal_was_last_touched_by_the_rep_not_by_us(warehouse: Warehouse) -> None:
    deal = warehouse.row("from fct_opportunity")
    assert (deal["touches"], deal["last_touch_at"]) == (2, at(12))
    assert deal["last_activity_at"] == at(12)


def test_only_what_a_rep_did_is_an_event(warehouse: Warehouse) -> None:
    rows = warehouse.rows(
        "select event_type, activity_id from fct_crm_events where activity_id is not null order by 2"
    )
    assert [tuple(row.values()) for row in rows] == [("Touched", "00Tdone"), ("Touched", "00Town_call")]
