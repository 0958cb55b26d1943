"""Misbehaviour on demand, as a client meets it over HTTP."""

from __future__ import annotations

import csv
import io
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.faults import KINDS, Fault, parse_fault
from connectors.sandbox.process import SandboxStartError, start
from dagster_project.errors import SettingsError
from dagster_project.sandbox_command import read_faults
from tests.sandbox.conftest import Caller

UPSERT = "composite/sobjects/Task/GyakusanActionKey__c"


def tasks(caller: Caller, prefix: str, count: int) -> list[str]:
    """Ids of new tasks whose keys start with prefix, in order."""
    ids: list[str] = []
    for first in range(0, count, 200):
        rows = [
            {"attributes": {"type": "Task"}, "Subject": "x", "GyakusanActionKey__c": f"{prefix}-{number:05d}"}
            for number in range(first, min(first + 200, count))
        ]
        ids += [each["id"] for each in caller.call("PATCH", UPSERT, json={"records": rows}).json()]
    return ids


def upserted(caller: Caller, *keys: str) -> list[dict[str, object]]:
    rows = [{"attributes": {"type": "Task"}, "Subject": "y", "GyakusanActionKey__c": key} for key in keys]
    return caller.call("PATCH", UPSERT, json={"records": rows}).json()


def code(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()[0]["errorCode"]


def test_too_many_requests_says_when_to_come_again(caller: Caller) -> None:
    caller.set_faults({"name": "too_many_requests", "times": 1, "seconds": 7})
    reply = caller.call("GET", "limits")
    assert code(reply) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert reply.headers["Retry-After"] == "7"
    assert caller.call("GET", "limits").status_code == 200


def test_too_many_at_one_time_is_worded_apart_from_the_days_limit(caller: Caller) -> None:
    caller.set_faults({"name": "concurrent_limit", "times": 1})
    reply = caller.call("GET", "limits")
    assert code(reply) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert "Concurrent" in reply.json()[0]["message"]


def test_a_slow_reply_comes_late_and_whole(caller: Caller) -> None:
    caller.set_faults({"name": "slow", "seconds": 0.3, "path": "/limits"})
    started = time.monotonic()
    assert caller.call("GET", "limits").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_lost_reply_leaves_the_record_committed(caller: Caller) -> None:
    caller.set_faults({"name": "lost_reply", "times": 1, "path": "/sobjects/Account"})
    with pytest.raises(requests.ConnectionError):
        caller.call("POST", "sobjects/Account", json={"Name": "lost and found"})
    assert len(caller.query("select Id from Account where Name = 'lost and found'")) == 1


def test_the_date_header_is_the_orgs_clock_and_can_be_off(caller: Caller) -> None:
    caller.set_clock("2026-05-01T00:00:00Z")
    assert parsedate_to_datetime(caller.call("GET", "limits").headers["Date"]).isoformat() == (
        "2026-05-01T00:00:00+00:00"
    )
    caller.set_faults({"name": "clock_skew", "seconds": -90})
    reply = caller.call("GET", "limits")
    assert parsedate_to_datetime(reply.headers["Date"]).isoformat() == "2026-04-30T23:58:30+00:00"
    assert len(reply.raw.headers.getlist("Date")) == 1


def paged(caller: Caller, soql: str, size: int = 200) -> tuple[list[str], int]:
    """Ids of all pages and the totalSize."""
    options = {"Sforce-Query-Options": f"batchSize={size}"}
    page = caller.call("GET", "query", params={"q": soql}, headers=options).json()
    ids = [each["Id"] for each in page["records"]]
    while not page["done"]:
        page = caller.call("GET", page["nextRecordsUrl"]).json()
        ids += [each["Id"] for each in page["records"]]
    return ids, page["totalSize"]


def test_shifting_pages_repeat_one_row_and_lose_another_under_the_same_total(caller: Caller) -> None:
    made = tasks(caller, "shift", 450)
    caller.set_faults({"name": "shifting_pages", "times": 1, "object": "Task"})
    soql = "select Id from Task where GyakusanActionKey__c like 'shift-%' order by GyakusanActionKey__c"
    ids, total = paged(caller, soql)
    assert (len(ids), total) == (450, 450)
    assert sorted({*ids}) == sorted({*made} - {made[200]})
    assert ids[199] == ids[200] == made[199]
    assert paged(caller, soql) == (made, 450)


def test_a_short_page_lacks_rows_but_not_in_its_total(caller: Caller) -> None:
    made = tasks(caller, "short", 3)
    soql = "select Id from Task where GyakusanActionKey__c like 'short-%' order by GyakusanActionKey__c"
    caller.set_faults({"name": "short_page", "rows": 2, "times": 1, "soql": "short-"})
    assert paged(caller, soql) == (made[:1], 3)


@pytest.mark.parametrize(("count_header", "told"), [("whole", "5"), ("cut", "3"), ("absent", None)])
def test_truncated_csv_is_whole_http_with_rows_missing(
    caller: Caller, count_header: str, told: str | None
) -> None:
    tasks(caller, "csv", 5)
    job_id = caller.bulk("select GyakusanActionKey__c from Task where GyakusanActionKey__c like 'csv-%'")
    caller.set_faults({"name": "truncated_csv", "rows": 2, "count_header": count_header, "times": 1})
    reply = caller.call("GET", f"jobs/query/{job_id}/results")
    rows = list(csv.reader(io.StringIO(reply.text)))
    assert rows == [["GyakusanActionKey__c"], *([f"csv-{number:05d}"] for number in range(3))]
    assert reply.headers.get("Sforce-NumberOfRecords") == told
    assert caller.call("GET", f"jobs/query/{job_id}/results").text.count("\n") == 6


def test_truncated_csv_can_end_in_mid_row(caller: Caller) -> None:
    tasks(caller, "torn", 3)
    job_id = caller.bulk("select GyakusanActionKey__c from Task where GyakusanActionKey__c like 'torn-%'")
    caller.set_faults({"name": "truncated_csv", "mid_row": True})
    text = caller.call("GET", f"jobs/query/{job_id}/results?maxRecords=2").text
    assert text == '"GyakusanActionKey__c"\n"torn-00000"\n"torn-'


def started_job(caller: Caller) -> str:
    reply = caller.call("POST", "jobs/query", json={"operation": "query", "query": "select Id from User"})
    return str(reply.json()["id"])


def states(caller: Caller, job_id: str, polls: int) -> list[str]:
    found = []
    for _ in range(polls):
        found.append(caller.call("GET", f"jobs/query/{job_id}").json()["state"])
        time.sleep(0.05)
    return found


def test_a_bulk_job_fails_with_a_reason_and_has_no_results(caller: Caller) -> None:
    caller.set_faults({"name": "bulk_job_failed", "object": "User", "message": "too hard", "times": 1})
    job_id = started_job(caller)
    assert states(caller, job_id, 10)[-1] == "Failed"
    assert caller.call("GET", f"jobs/query/{job_id}").json()["errorMessage"] == "too hard"
    assert caller.call("GET", f"jobs/query/{job_id}/results").status_code == 400
    assert states(caller, started_job(caller), 10)[-1] == "JobComplete"


def test_a_bulk_job_dawdles_for_some_polls_or_for_good(caller: Caller) -> None:
    caller.set_faults({"name": "bulk_job_slow", "polls": 3, "times": 1})
    assert states(caller, started_job(caller), 10)[:3] == ["InProgress"] * 3
    caller.set_faults({"name": "bulk_job_slow", "times": 1})
    job_id = started_job(caller)
    assert states(caller, job_id, 5) == ["InProgress"] * 5
    assert (
        caller.call("PATCH", f"jobs/query/{job_id}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    )


def test_a_locked_row_does_not_drop_its_batch(caller: Caller) -> None:
    made = tasks(caller, "lock", 3)
    caller.set_faults({"name": "lock_row", "path": made[1]})
    results = upserted(caller, *(f"lock-{number:05d}" for number in range(3)))
    assert [each["success"] for each in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"  # type: ignore[index]


def test_rows_fail_with_a_limit_one_in_so_many_or_by_what_they_say(caller: Caller) -> None:
    caller.set_faults({"name": "row_error", "code": "LIMIT_EXCEEDED", "every": 3, "object": "Task"})
    results = upserted(caller, *(f"every-{number}" for number in range(7)))
    assert [each["success"] for each in results] == [True, True, False, True, True, False, True]
    caller.set_faults({"name": "row_error", "match": "every-4", "code": "STORAGE_LIMIT_EXCEEDED", "times": 1})
    results = upserted(caller, "every-3", "every-4")
    assert [each["success"] for each in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == "STORAGE_LIMIT_EXCEEDED"  # type: ignore[index]
    assert upserted(caller, "every-4")[0]["success"] is True


def test_rows_that_are_not_shared_are_nowhere_to_be_seen(caller: Caller) -> None:
    caller.set_clock("2026-05-01T00:00:00Z")
    seen, unseen = caller.deal(Name="seen", Amount=1), caller.deal(Name="unseen", Amount=999_999)
    caller.create("Task", WhatId=unseen, Subject="of the unseen")
    caller.set_clock("2026-05-01T00:10:00Z")
    caller.set_faults({"name": "hide_rows", "object": "Opportunity", "where": "Amount > 900000"})
    where = f"where Id in ('{seen}', '{unseen}')"
    assert [each["Name"] for each in caller.query(f"select Name from Opportunity {where}")] == ["seen"]
    assert [each["Name"] for each in caller.query(f"select Name from Opportunity {where}", True)] == ["seen"]
    assert caller.call("GET", f"sobjects/Opportunity/{unseen}").status_code == 404
    tied = f"select Id from Task where WhatId in (select Id from Opportunity {where})"
    assert caller.query(tied) == []
    window = {"start": "2026-05-01T00:00:00Z", "end": "2026-05-01T00:10:00Z"}
    ids = caller.call("GET", "sobjects/Opportunity/updated", params=window).json()["ids"]
    assert (seen in ids, unseen in ids) == (True, False)
    reply = caller.call("GET", "queryAll", params={"q": f"select count() from Opportunity {where}"})
    assert reply.json()["totalSize"] == 1


def test_an_unknown_fault_or_option_is_refused_with_what_there_is(caller: Caller) -> None:
    reply = caller.call("PUT", "/sandbox/faults", json={"faults": [{"name": "rain"}]})
    assert "unknown fault rain; there are bulk_job_failed" in reply.json()[0]["message"]
    reply = caller.call("PUT", "/sandbox/faults", json={"faults": [{"name": "slow", "rows": 2}]})
    assert "unknown option rows of the fault slow; there are after" in reply.json()[0]["message"]


def test_faults_are_read_as_the_command_line_gives_them() -> None:
    assert parse_fault("too_many_requests,times=3,seconds=.5") == {
        "name": "too_many_requests", "times": 3, "seconds": 0.5,
    }  # fmt: skip
    assert parse_fault("hide_rows,object=Lead,where=Status in ('a', 'b') and IsConverted = false") == {
        "name": "hide_rows", "object": "Lead", "where": "Status in ('a', 'b') and IsConverted = false",
    }  # fmt: skip
    assert parse_fault("truncated_csv,mid_row=true")["mid_row"] is True
    for wrong in ("", "slow,seconds=soon", "slow,colour=red"):
        with pytest.raises(SalesforceError):
            parse_fault(wrong)


def test_the_command_line_says_what_is_wrong_with_a_fault() -> None:
    assert read_faults(["slow,seconds=2", "error_503"]) == (
        {"name": "slow", "seconds": 2.0},
        {"name": "error_503"},
    )
    with pytest.raises(SettingsError, match="unknown option colour of the fault slow"):
        read_faults(["slow,colour=red"])


def test_rows_of_a_bulk_upload_fail_one_by_one(caller: Caller) -> None:
    caller.set_faults({"name": "row_error", "match": "ingest-2", "code": "UNABLE_TO_LOCK_ROW"})
    asked = {"object": "Task", "operation": "upsert", "externalIdFieldName": "GyakusanActionKey__c"}
    job_id = caller.call("POST", "jobs/ingest", json=asked).json()["id"]
    text = "GyakusanActionKey__c,Subject\n" + "".join(f"ingest-{number},x\n" for number in range(4))
    caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=text, headers={"Content-Type": "text/csv"})
    caller.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "UploadComplete"})
    for _ in range(100):
        if caller.call("GET", f"jobs/ingest/{job_id}").json()["state"] == "JobComplete":
            break
        time.sleep(0.05)
    failed = list(csv.DictReader(io.StringIO(caller.call("GET", f"jobs/ingest/{job_id}/failedResults").text)))
    assert [each["GyakusanActionKey__c"] for each in failed] == ["ingest-2"]
    assert failed[0]["sf__Error"].startswith("UNABLE_TO_LOCK_ROW")


def test_every_option_of_every_fault_exists() -> None:
    known = set(Fault.__dataclass_fields__)
    assert {option for options, _ in KINDS.values() for option in options.split()} <= known


def test_every_fault_stands_in_the_documentation_with_its_options() -> None:
    text = (Path(__file__).parents[2] / "docs/sandbox.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    for name, (options, _) in KINDS.items():
        assert f"`{name}`" in rows, f"docs/sandbox.md lacks {name}"
        assert all(f"`{each}`" in rows[f"`{name}`"] for each in options.split()), name


def test_a_sandbox_starts_with_faults_in_force(tmp_path: Path) -> None:
    with start(tmp_path / "org.duckdb", faults=["error_503,path=/limits,times=1"]) as running:
        caller = Caller(running)
        caller.log_in()
        assert [caller.call("GET", "limits").status_code for _ in range(2)] == [503, 200]
    with pytest.raises(SandboxStartError, match="unknown fault rain"):
        start(tmp_path / "org.duckdb", faults=["rain"])
