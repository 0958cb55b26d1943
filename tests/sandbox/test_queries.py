"""Queries over HTTP: parents, paging, counting, hostile texts, bulk jobs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from connectors.sandbox.bulk.query_jobs import row_offsets
from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.process import SandboxProcess, start
from connectors.sandbox.records.ids import normalized, numbered
from connectors.sandbox.records.store import Org
from tests.sandbox.conftest import Caller

TOTAL = 4_321


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """An org of its own: rows are counted here."""
    with start(tmp_path_factory.mktemp("many leads") / "org.duckdb") as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _many_leads(sandbox: SandboxProcess) -> None:
    made = Caller(sandbox)
    made.log_in()
    for first in range(0, TOTAL, 200):
        rows = [
            {
                "attributes": {"type": "Lead"},
                "LastName": f"L{number:05d}",
                "Company": 'a,"b"\nc' if number % 7 else "商社",
            }
            for number in range(first, min(first + 200, TOTAL))
        ]
        assert made.call("POST", "composite/sobjects", json={"records": rows}).status_code == 200


def test_pages_of_2000_are_followed_to_the_end(caller: Caller) -> None:
    page = caller.call("GET", "query", params={"q": "select Id, LastName from Lead order by LastName"}).json()
    sizes, names = [], []
    while True:
        sizes.append(len(page["records"]))
        names += [each["LastName"] for each in page["records"]]
        assert page["totalSize"] == TOTAL
        if page["done"]:
            break
        page = caller.call("GET", page["nextRecordsUrl"]).json()
    assert sizes == [2000, 2000, 321]
    assert names == [f"L{number:05d}" for number in range(TOTAL)]


def test_a_page_does_not_move_when_records_change_meanwhile(caller: Caller) -> None:
    page = caller.call("GET", "query", params={"q": "select LastName from Lead"}).json()
    extra = caller.create("Lead", LastName="A", Company="late")
    rest = caller.call("GET", page["nextRecordsUrl"]).json()
    assert rest["totalSize"] == TOTAL
    caller.call("DELETE", f"sobjects/Lead/{extra}")
    caller.call("POST", "/sandbox/purge", json={"ids": [extra]})


def test_batch_size_is_kept_within_200_and_2000(caller: Caller) -> None:
    for asked, given in ((500, 500), (1, 200), (9000, 2000)):
        headers = {"Sforce-Query-Options": f"batchSize={asked}"}
        page = caller.call("GET", "query", params={"q": "select Id from Lead"}, headers=headers).json()
        assert len(page["records"]) == given
        assert page["nextRecordsUrl"].endswith(f"-{given}")


def test_what_is_out_of_range_is_still_a_salesforce_reply(caller: Caller) -> None:
    assert caller.error("select Id from Lead offset 2001")["errorCode"] == "NUMBER_OUTSIDE_VALID_RANGE"
    reply = caller.call("GET", "query", params={"q": f"select Id from Lead limit {10**30}"})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (500, "UNKNOWN_EXCEPTION")


def test_a_stale_locator_is_refused(caller: Caller) -> None:
    for locator in ("01g000000000000AAA-2000", "nonsense", "01g000000000000AAA-x"):
        reply = caller.call("GET", f"query/{locator}")
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_count_limit_offset_and_aggregates(caller: Caller) -> None:
    reply = caller.call("GET", "query", params={"q": "SELECT COUNT() FROM Lead"}).json()
    assert reply == {"totalSize": TOTAL, "done": True, "records": []}
    names = caller.query("select LastName from Lead order by LastName desc limit 2 offset 1")
    assert [each["LastName"] for each in names] == [f"L{TOTAL - 2:05d}", f"L{TOTAL - 3:05d}"]
    grouped = caller.query("select Status, count(Id) n, max(LastName) from Lead group by Status")
    assert grouped == [
        {
            "attributes": {"type": "AggregateResult"},
            "Status": "Open - Not Contacted",
            "n": TOTAL,
            "expr0": f"L{TOTAL - 1:05d}",
        }
    ]


def test_parents_are_nested_to_several_levels_and_null_when_missing(caller: Caller) -> None:
    role_id = caller.create("UserRole", Name="Team 東")
    user_id = caller.create(
        "User",
        Username="r@x.example",
        LastName="山田",
        FirstName="花子",
        Email="r@x.example",
        UserRoleId=role_id,
    )
    account_id = caller.create("Account", Name="A", OwnerId=user_id)
    deal_id = caller.deal(AccountId=account_id)
    soql = f"select Account.Owner.UserRole.Name, Account.Owner.Name from Opportunity where Id = '{deal_id}'"
    record = caller.query(soql + " and account.owner.userrole.name = 'team 東'")[0]
    assert record["Account"]["Owner"]["UserRole"]["Name"] == "Team 東"  # type: ignore[index]
    assert record["Account"]["Owner"]["attributes"]["type"] == "User"  # type: ignore[index]
    alone = caller.deal()
    assert (
        caller.query(f"select Account.Name from Opportunity where Id = '{alone}' and Account.Name = null")[0][
            "Account"
        ]
        is None
    )


def test_semi_joins_take_both_directions(caller: Caller) -> None:
    deal_id, other_id = caller.deal(Name="with task"), caller.deal(Name="without")
    caller.create("Task", Subject="x", WhatId=deal_id)
    both = f"Id in ('{deal_id}', '{other_id[:15]}')"
    found = caller.query(
        f"select Id from Opportunity where {both} and Id in (select WhatId from Task where Subject = 'x')"
    )
    assert [each["Id"] for each in found] == [deal_id]
    found = caller.query(
        f"select Id from Opportunity where {both} and Id not in (select WhatId from Task where Subject = 'x')"
    )
    assert [each["Id"] for each in found] == [other_id]


@pytest.mark.parametrize(
    "text",
    [
        "O'Brien",
        '\'; drop table "Account"; --',
        "100% _sure_",
        "back\\slash",
        "株式会社「逆算」",
        'say "hi"',
        "😀 é ß",
        "a' or '1'='1",
    ],
)
def test_hostile_texts_are_found_as_they_are(caller: Caller, text: str) -> None:
    account_id = caller.create("Account", Name=text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    found = caller.query(f"select Id, Name from Account where Name = '{escaped}'")
    assert {"Id": account_id, "Name": text}.items() <= found[0].items()
    assert len({each["Name"] for each in found}) == 1


def test_time_zone_of_the_org_bounds_days(tmp_path: Path) -> None:
    org = Org(tmp_path / "org.duckdb", lambda: datetime(2026, 5, 1, 16, tzinfo=UTC))
    load_tables(
        org, {"Organization": pa.table({"Id": [numbered("00D", 1)], "TimeZoneSidKey": ["Asia/Tokyo"]})}
    )
    context = org.query_context()
    # 16:00 UTC is already the next day in Tokyo.
    assert context.today.isoformat() == "2026-05-02"


def test_bulk_gives_what_rest_gives(caller: Caller) -> None:
    soql = "select Id, LastName, Company, CreatedDate, IsConverted, AnnualRevenue, Owner.Name from Lead order by LastName"
    job_id = caller.bulk(soql)
    job = caller.call("GET", f"jobs/query/{job_id}").json()
    assert (job["state"], job["numberRecordsProcessed"], job["object"]) == ("JobComplete", TOTAL, "Lead")
    reply = caller.call("GET", f"jobs/query/{job_id}/results")
    assert (reply.headers["Sforce-NumberOfRecords"], reply.headers["Sforce-Locator"]) == (str(TOTAL), "null")
    assert "\r" not in reply.text
    rows = list(csv.DictReader(io.StringIO(reply.content.decode(), newline="")))
    first = caller.query(soql + " limit 1")[0]
    assert (rows[0]["Id"], rows[0]["LastName"], rows[0]["IsConverted"]) == (first["Id"], "L00000", "false")
    assert rows[0]["CreatedDate"] == str(first["CreatedDate"]).replace("+0000", "Z")
    assert (rows[0]["Company"], rows[1]["Company"], rows[0]["AnnualRevenue"]) == ("商社", 'a,"b"\nc', "")


def test_bulk_locators_walk_all_rows_and_can_be_read_again(caller: Caller) -> None:
    job_id = caller.bulk("select LastName, Company from Lead order by LastName")
    path, locator, names = f"jobs/query/{job_id}/results", "", []
    while locator != "null":
        parameters = {"maxRecords": "1000"} | ({"locator": locator} if locator else {})
        reply = caller.call("GET", path, params=parameters)
        assert caller.call("GET", path, params=parameters).content == reply.content
        rows = list(csv.DictReader(io.StringIO(reply.content.decode(), newline="")))
        assert len(rows) == int(reply.headers["Sforce-NumberOfRecords"])
        names += [row["LastName"] for row in rows]
        locator = reply.headers["Sforce-Locator"]
    assert names == [f"L{number:05d}" for number in range(TOTAL)]


def test_an_empty_bulk_answer_is_a_header(caller: Caller) -> None:
    job_id = caller.bulk("select Id, Name from Lead where LastName = 'nobody'")
    reply = caller.call("GET", f"jobs/query/{job_id}/results?maxRecords=10")
    assert (reply.text, reply.headers["Sforce-NumberOfRecords"]) == ('"Id","Name"\n', "0")


def test_bulk_jobs_are_listed_deleted_and_their_errors_told(caller: Caller) -> None:
    job_id = caller.bulk("select Id from Lead")
    assert job_id in [each["id"] for each in caller.call("GET", "jobs/query").json()["records"]]
    aborted = caller.call("PATCH", f"jobs/query/{job_id}", json={"state": "Aborted"})
    assert aborted.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert caller.call("DELETE", f"jobs/query/{job_id}/").status_code == 204
    assert caller.call("GET", f"jobs/query/{job_id}").status_code == 404
    refused = caller.call("POST", "jobs/query", json={"operation": "query", "query": "select Nope from Lead"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD"


def test_query_all_in_bulk_shows_the_recycle_bin(caller: Caller) -> None:
    deal_id = caller.deal(Name="binned")
    caller.call("DELETE", f"sobjects/Opportunity/{deal_id}")
    soql = f"select Id, IsDeleted from Opportunity where Id = '{deal_id}'"
    for operation, rows in (("query", "0"), ("queryAll", "1")):
        reply = caller.call("GET", f"jobs/query/{caller.bulk(soql, operation)}/results")
        assert reply.headers["Sforce-NumberOfRecords"] == rows


def test_row_offsets_pass_over_line_ends_inside_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'"a","b"\n"1","x\n""y""\n"\n"2",""\n')
    assert row_offsets(path).tolist() == [8, 23, 30]
    assert np.diff(row_offsets(path)).tolist() == [15, 7]


def test_ids_have_the_suffix_salesforce_computes() -> None:
    # From the demo org's own export.
    assert normalized("0068d000002OrZq") == "0068d000002OrZqAAK"
    assert normalized("0018d000007K0NX") == "0018d000007K0NXAA0"
    assert normalized("0018d000007WiGU") == "0018d000007WiGUAA0"
    assert normalized("x") is None


def test_a_hundred_thousand_rows_load_in_seconds_as_they_are(tmp_path: Path) -> None:
    count = 100_000
    clock = datetime(2026, 5, 1, tzinfo=UTC)
    org = Org(tmp_path / "org.duckdb", lambda: clock)
    stamps = pa.array([clock - timedelta(days=30)] * count, pa.timestamp("us", "UTC"))
    ids = pa.array([f"00T5g0{number:09d}AAA" for number in range(count)])
    table = pa.table({"Id": ids, "Subject": pa.array(["x"] * count), "SystemModstamp": stamps, "Odd__c": ids})
    before = datetime.now(UTC)
    load_tables(org, {"Task": table})
    assert (datetime.now(UTC) - before).total_seconds() < 5
    row = org.fetch_rows(
        'select count(*) as n, max("SystemModstamp") as stamp, bool_or("IsDeleted") as gone from "Task"'
    )[0]
    assert (row["n"], row["stamp"], row["gone"]) == (
        count,
        datetime.fromisoformat("2026-04-01T00:00:00"),
        False,
    )
    assert org.objects["Task"].fields["Odd__c"].custom
    org.close()
