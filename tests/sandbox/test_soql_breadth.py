"""SOQL beyond plain selects, over HTTP: groups, sub-selects, TYPEOF, FIELDS, functions, column metadata, errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sandbox.process import SandboxProcess, start
from tests.sandbox.conftest import Caller

Row = dict[str, object]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """An org of its own: rows are counted here."""
    with start(tmp_path_factory.mktemp("breadth") / "org.duckdb") as running:
        _fill(Caller(running))
        yield running


def _fill(caller: Caller) -> None:
    caller.log_in()
    caller.set_clock("2026-05-01T20:00:00Z")
    east, west, _ = (
        caller.create("Account", Name=name, Industry="Banking") for name in ("East", "West", "Idle")
    )
    deals = [
        caller.deal(Name=f"deal {number}", AccountId=account, Amount=amount, StageName=stage, CloseDate=day)
        for number, (account, amount, stage, day) in enumerate(
            [
                (east, 100, "Prospecting", "2026-01-31"),
                (east, 300, "Prospecting", "2026-02-01"),
                (west, 50, "Closed Won", "2026-02-15"),
                (None, None, "Closed Won", "2025-12-31"),
            ]
        )
    ]
    for number in range(3):
        caller.create("Task", Subject=f"task {number}", WhatId=deals[0])
    caller.create("Task", Subject="of the account", WhatId=west)
    caller.create("Task", Subject="of nothing")
    gone = caller.create("Task", Subject="gone", WhatId=deals[0])
    caller.call("DELETE", f"sobjects/Task/{gone}")
    caller.set_clock(None)


def bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "attributes"}


def rows(caller: Caller, soql: str) -> list[Row]:
    return [bare(each) for each in caller.query(soql)]


# groups


def test_every_aggregate_by_group_with_and_without_alias(caller: Caller) -> None:
    found = caller.query(
        "SELECT StageName, COUNT(Id), COUNT(Amount) filled, COUNT_DISTINCT(AccountId) accounts, SUM(Amount), AVG(Amount), "
        "MIN(Amount) least, MAX(CloseDate) last FROM Opportunity GROUP BY StageName ORDER BY StageName"
    )
    assert [bare(each) for each in found] == [
        {"StageName": "Closed Won", "expr0": 2, "filled": 1, "accounts": 1, "expr1": 50.0, "expr2": 50.0,
         "least": 50.0, "last": "2026-02-15"},
        {"StageName": "Prospecting", "expr0": 2, "filled": 2, "accounts": 1, "expr1": 400.0, "expr2": 200.0,
         "least": 100.0, "last": "2026-02-01"},
    ]  # fmt: skip
    assert found[0]["attributes"] == {"type": "AggregateResult"}


def test_an_aggregate_without_a_group_is_one_row(caller: Caller) -> None:
    assert rows(
        caller, "select max(SystemModstamp) newest, count(Id) from Opportunity where Amount > 1000"
    ) == [{"newest": None, "expr0": 0}]
    assert rows(caller, "select count_distinct(StageName) from Opportunity") == [{"expr0": 2}]


def test_having_filters_groups(caller: Caller) -> None:
    soql = "select AccountId, count(Id) n from Opportunity group by AccountId having count(Id) > 1"
    assert [each["n"] for each in rows(caller, soql)] == [2]
    soql = "select StageName from Opportunity group by StageName having sum(Amount) < 100 and StageName like 'Closed%'"
    assert rows(caller, soql) == [{"StageName": "Closed Won"}]


def test_groups_by_date_functions_and_by_a_parents_field(caller: Caller) -> None:
    soql = (
        "select CALENDAR_YEAR(CloseDate) y, CALENDAR_MONTH(CloseDate), count(Id) n from Opportunity "
        "group by CALENDAR_YEAR(CloseDate), CALENDAR_MONTH(CloseDate) order by CALENDAR_YEAR(CloseDate), CALENDAR_MONTH(CloseDate)"
    )
    assert rows(caller, soql) == [
        {"y": 2025, "expr0": 12, "n": 1}, {"y": 2026, "expr0": 1, "n": 1}, {"y": 2026, "expr0": 2, "n": 2},
    ]  # fmt: skip
    soql = "select Account.Name, sum(Amount) total from Opportunity group by Account.Name order by Account.Name nulls last"
    assert rows(caller, soql) == [
        {"Name": "East", "total": 400.0}, {"Name": "West", "total": 50.0}, {"Name": None, "total": None},
    ]  # fmt: skip


def test_an_hour_is_told_in_the_orgs_zone_when_converted(caller: Caller) -> None:
    organization = caller.query("select Id from Organization")[0]["Id"]
    soql = (
        "select HOUR_IN_DAY(CreatedDate) utc, HOUR_IN_DAY(convertTimezone(CreatedDate)) here from Account "
        "group by HOUR_IN_DAY(CreatedDate), HOUR_IN_DAY(convertTimezone(CreatedDate))"
    )
    assert rows(caller, soql) == [{"utc": 20, "here": 20}]
    path = f"sobjects/Organization/{organization}"
    for zone, hour in (("Asia/Tokyo", 5), ("UTC", 20)):
        assert caller.call("PATCH", path, json={"TimeZoneSidKey": zone}).status_code == 204
        assert rows(caller, soql) == [{"utc": 20, "here": hour}]


# sub-selects, TYPEOF, FIELDS


def test_children_come_nested_in_order_and_without_the_deleted(caller: Caller) -> None:
    soql = (
        "SELECT Name, (SELECT Subject, Owner.Name FROM Tasks WHERE Subject LIKE 'task%' ORDER BY Subject DESC LIMIT 2), "
        "(SELECT StageName FROM OpportunityHistories) FROM Opportunity ORDER BY Name LIMIT 2"
    )
    first, second = caller.query(soql)
    tasks = first["Tasks"]
    assert (tasks["totalSize"], tasks["done"]) == (2, True)  # type: ignore[index]
    assert [each["Subject"] for each in tasks["records"]] == ["task 2", "task 1"]  # type: ignore[index]
    assert tasks["records"][0]["attributes"]["type"] == "Task"  # type: ignore[index]
    assert tasks["records"][0]["Owner"]["Name"] == "Gyakusan integration"  # type: ignore[index]
    assert second["Tasks"] is None
    assert second["OpportunityHistories"]["totalSize"] == 1  # type: ignore[index]


def test_children_of_children_and_deleted_ones_in_query_all(caller: Caller) -> None:
    soql = "select Name, (select Name, (select Subject from Tasks) from Opportunities order by Name) from Account order by Name"
    found = caller.query(soql, everything=True)
    assert [each["Name"] for each in found] == ["East", "Idle", "West"]
    east, idle = found[0]["Opportunities"], found[1]["Opportunities"]
    assert [each["Name"] for each in east["records"]] == ["deal 0", "deal 1"]  # type: ignore[index]
    assert [each["Tasks"] and each["Tasks"]["totalSize"] for each in east["records"]] == [4, None]  # type: ignore[index]
    assert idle is None


def test_typeof_gives_each_parent_its_own_fields(caller: Caller) -> None:
    soql = (
        "SELECT Subject, TYPEOF What WHEN Account THEN Industry, CreatedDate WHEN Opportunity THEN Amount ELSE Name END "
        "FROM Task WHERE Subject IN ('task 0', 'of the account', 'of nothing') ORDER BY Subject"
    )
    nothing, account, deal = caller.query(soql)
    assert nothing["What"] is None
    assert bare(account["What"]) == {"Industry": "Banking", "CreatedDate": "2026-05-01T20:00:00.000+0000"}  # type: ignore[arg-type]
    assert account["What"]["attributes"]["type"] == "Account"  # type: ignore[index]
    assert bare(deal["What"]) == {"Amount": 100.0}  # type: ignore[arg-type]
    soql = "select TYPEOF What WHEN Account THEN Phone ELSE Name END from Task where Subject = 'task 0'"
    assert bare(caller.query(soql)[0]["What"]) == {"Name": "deal 0"}  # type: ignore[arg-type]


def test_fields_gives_all_standard_or_custom_ones(caller: Caller) -> None:
    standard = set(bare(caller.query("select FIELDS(STANDARD) from Task limit 1")[0]))
    custom = set(bare(caller.query("select FIELDS(CUSTOM) from Task limit 1")[0]))
    everything = set(bare(caller.query("select fields(all) from Task limit 200")[0]))
    assert everything == standard | custom
    assert {each for each in everything if each.endswith("__c")} == custom
    assert "Subject" in standard
    assert "must have a LIMIT" in caller.error("select FIELDS(ALL) from Task")["message"]
    assert "must have a LIMIT" in caller.error("select FIELDS(CUSTOM) from Task limit 201")["message"]


def test_order_by_nulls_offset_for_view_and_labels(caller: Caller) -> None:
    def amounts(tail: str) -> list[object]:
        return [each["Amount"] for each in caller.query(f"select Amount from Opportunity {tail}")]

    assert amounts("order by Amount") == [None, 50.0, 100.0, 300.0]
    assert amounts("order by Amount desc nulls last limit 2 offset 1") == [100.0, 50.0]
    assert amounts("where Amount > 99 order by Amount for view") == [100.0, 300.0]
    assert amounts("where Amount > 99 order by Amount with security_enforced") == [100.0, 300.0]


# columns and errors


def test_column_metadata_is_what_the_cli_reads(caller: Caller) -> None:
    soql = "select Id, Amount, Account.Owner.Name, Account.Name, (select Subject, Status from Tasks) from Opportunity"
    reply = caller.call("GET", "query", params={"q": soql, "columns": "true"}).json()
    assert (reply["entityName"], reply["keyPrefix"], reply["idSelected"], reply["groupBy"]) == (
        "Opportunity", "006", True, False,
    )  # fmt: skip
    columns = {each["columnName"]: each for each in reply["columnMetadata"]}
    assert list(columns) == ["Id", "Amount", "Account", "Tasks"]
    assert [each["columnName"] for each in columns["Account"]["joinColumns"]] == ["Owner", "Name"]
    assert (columns["Tasks"]["aggregate"], columns["Account"]["aggregate"]) == (True, False)
    assert [each["columnName"] for each in columns["Tasks"]["joinColumns"]] == ["Subject", "Status"]
    assert (columns["Amount"]["numberType"], columns["Amount"]["textType"]) == (True, False)
    soql = "select StageName, count(Id), sum(Amount) total from Opportunity group by StageName"
    reply = caller.call("GET", "query", params={"q": soql, "columns": "true"}).json()
    shown = [(each["columnName"], each["displayName"], each["aggregate"]) for each in reply["columnMetadata"]]
    assert shown == [
        ("StageName", "StageName", False),
        ("expr0", "count(Id)", True),
        ("total", "sum(Amount)", True),
    ]


@pytest.mark.parametrize(
    ("soql", "code", "message", "place"),
    [
        ("select Id from Opportunity group by", "MALFORMED_QUERY", "unexpected token: '<EOF>'", "Row:1:Column:36"),
        ("select Name\nfrom Oportunity", "INVALID_TYPE", "'Oportunity' is not supported", "Row:2:Column:6"),
        ("select Id,\n  Amont from Opportunity", "INVALID_FIELD", "No such column 'Amont'", "Row:2:Column:3"),
        ("select Acount.Name from Opportunity", "INVALID_FIELD", "relationship 'Acount'", "Row:1:Column:8"),
        ("select Id, (select Id from Taskz) from Account", "INVALID_TYPE", "relationship 'Taskz'", "Row:1:Column:28"),
        ("select Id, (select Nope from Tasks) from Account", "INVALID_FIELD", "No such column 'Nope'", "Column:20"),
        ("select Id, (select count() from Tasks) from Account", "MALFORMED_QUERY", "Only root queries", "Column:33"),
        ("select Name, count(Id) from Account", "MALFORMED_QUERY", "must be grouped or aggregated: Name", "Column:8"),
        ("select CALENDAR_YEAR(CloseDate), count(Id) from Opportunity", "MALFORMED_QUERY", "must be grouped", "Column:8"),
        ("select Name n from Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing", "Column:8"),
        ("select Id, (select Id from Tasks) from Account group by Id", "MALFORMED_QUERY", "Grouped query", "Column:28"),
        ("select TYPEOF Owner WHEN User THEN Name END from Account", "MALFORMED_QUERY", "polymorphic", "Column:15"),
        ("select TYPEOF What WHEN Contact THEN Name END from Task", "INVALID_TYPE", "'Contact'", "Column:25"),
        ("select TYPEOF What WHEN Account THEN Nope END from Task", "INVALID_FIELD", "'Nope'", "Column:38"),
        ("select SQUARE(Amount) from Opportunity", "MALFORMED_QUERY", "unknown function", "Column:8"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_told_where(caller: Caller, soql: str, code: str, message: str, place: str) -> None:
    error = caller.error(soql)
    assert (error["errorCode"], message in error["message"], place in error["message"]) == (
        code,
        True,
        True,
    ), error


def test_bulk_refuses_what_bulk_cannot(caller: Caller) -> None:
    for soql in ("select Id, (select Id from Tasks) from Account", "select count(Id) from Account"):
        reply = caller.call("POST", "jobs/query", json={"operation": "query", "query": soql})
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "API_ERROR")
