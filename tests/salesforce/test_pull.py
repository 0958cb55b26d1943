"""Reading a live org: complete, counted, once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from connectors.event_log import EventLog
from connectors.salesforce.connection.errors import RequestRefused
from connectors.salesforce.reading import bulk
from connectors.salesforce.reading import pull as pull_module
from connectors.salesforce.reading.pull import is_complete, problems
from connectors.salesforce.schema.objects import OBJECTS
from tests.salesforce.conftest import STREAMS, LiveOrg, event_ids, only
from tests.salesforce.seed import TASKS


def statuses(pulled):
    return {each.object_name: each.status for each in pulled}


def in_log(log: EventLog, stream: str) -> dict[str, dict]:
    standing = log.latest(stream, where="kind <> 'deleted'")
    return {row["Id"]: row for row in standing.to_pylist()}


def same(ours, theirs) -> bool:
    if isinstance(ours, datetime):
        return ours == datetime.fromisoformat(theirs)
    if isinstance(ours, Decimal):
        return abs(ours - Decimal(str(theirs))) < Decimal("0.00005")
    return (ours.isoformat() if hasattr(ours, "isoformat") else ours) == theirs


def assert_equal_to_the_org(org: LiveOrg, log: EventLog, declared) -> None:
    names = list(org.client().describe(declared.name).types)
    theirs = {
        row["Id"]: row for row in org.query(f"SELECT {', '.join(names)} FROM {declared.name}", "queryAll")
    }
    theirs = {key: row for key, row in theirs.items() if not row.get("IsDeleted")}
    ours = in_log(log, declared.stream)
    assert ours.keys() == theirs.keys()
    different = [
        (key, name, ours[key][name], row[name])
        for key, row in theirs.items()
        for name in names
        if not same(ours[key][name], row[name])
    ]
    assert different == []


def test_first_sync_then_increment_is_the_org(org, log):
    first = org.pull(log, "first")
    assert is_complete(first), problems(first)
    assert {each.method for each in first if each.rows_received} == {"bulk"}
    client = org.client()
    opportunity = org.query("SELECT Id FROM Opportunity LIMIT 1")[0]["Id"]
    org.advance(hours=1)
    client.restful(
        f"sobjects/Opportunity/{opportunity}", "PATCH", json={"Amount": 42.5, "StageName": "Qualification"}
    )
    made = client.restful("sobjects/Task", "POST", json={"Subject": "新しい", "WhatId": opportunity})
    org.advance(hours=1)
    second = org.pull(log, "second")
    assert is_complete(second), problems(second)
    assert {each.method for each in second} == {"rest", "none"}
    assert made["id"] in in_log(log, "task")
    absent = {each.stream for each in second if each.status == "absent"}
    for declared in OBJECTS:
        if declared.stream not in absent:
            assert_equal_to_the_org(org, log, declared)


def test_every_window_is_counted_and_a_second_pull_appends_nothing_for_few_calls(org, log):
    first = org.pull(log, "first")
    windows = {row["record_id"]: row for row in log.read("extraction_windows").to_pylist()}
    assert windows.keys() == set(STREAMS)
    for each in first:
        assert each.rows_received == each.rows_processed == each.rows_counted
        window = windows[each.stream]
        assert (window["kind"], window["rows_received"]) == (each.status, each.rows_received)
        assert each.status == "closed" or (each.status, each.rows_received) == ("absent", 0)
    assert windows["task"]["rows_counted"] >= TASKS
    org.advance(hours=2)
    before = event_ids(log)
    client = org.client()
    second = org.pull(log, "second", client=client)
    assert event_ids(log) == before
    assert sum(each.rows_appended for each in second) == 0
    assert client.session.calls <= 1 + 3 * len(OBJECTS)


def test_rest_and_bulk_give_the_same_facts(org, log, tmp_path):
    some = only("User", "Account", "Opportunity", "OpportunityFieldHistory", "Task", "ForecastingQuota")
    by_rest = EventLog(tmp_path / "rest")
    org.pull(log, objects=some, bulk_page_rows=1_500)
    client = org.client()
    client.limits()
    client.budget.bulk_jobs_left = 0
    pulled = org.pull(by_rest, objects=some, client=client)
    assert {each.method for each in pulled} == {"rest"}
    assert event_ids(log) == event_ids(by_rest)
    assert len(event_ids(log)) > TASKS


def test_object_that_bulk_refuses_comes_by_rest(org, log, monkeypatch):
    def refused(*_):
        raise RequestRefused("not supported by the Bulk API", status=400, faults=())

    monkeypatch.setattr(bulk, "create_job", refused)
    (pulled,) = org.pull(log, objects=only("Opportunity"))
    assert (pulled.method, pulled.status, pulled.job_id) == ("rest", "closed", None)


def test_awkward_texts_survive(org, log):
    org.pull(log, objects=only("Account"))
    names = {row["Name"] for row in in_log(log, "account").values()}
    assert {"NA", "null", "N/A", "line\nbreak", "0012", 'ACME "quoted", Inc.', "株式会社みどり"} <= names


def test_overlap_is_read_again_and_counted_once(org, log):
    org.client().restful("sobjects/Task", "POST", json={"Subject": "twice read"})
    org.advance(minutes=2)
    org.pull(log, "first", objects=only("Task"))
    before = log.read("task").num_rows
    org.advance(minutes=2)
    (pulled,) = org.pull(log, "second", objects=only("Task"))
    assert (pulled.rows_received, pulled.rows_appended) == (1, 0)
    assert log.read("task").num_rows == before


def test_deletion_arrives(org, log):
    org.pull(log, "first", objects=only("Task"))
    task = org.query("SELECT Id FROM Task ORDER BY Id DESC LIMIT 1")[0]["Id"]
    org.client().restful(f"sobjects/Task/{task}", "DELETE")
    org.advance(hours=1)
    org.pull(log, "second", objects=only("Task"))
    last = log.latest("task", where=f"record_id = '{task}'").to_pylist()
    assert [row["kind"] for row in last] == ["deleted"]


def test_large_increment_goes_by_bulk(org, log):
    org.pull(log, objects=only("Lead"))
    org.client().restful("sobjects/Lead", "POST", json={"LastName": "x", "Company": "y"})
    org.advance(hours=1)
    (pulled,) = org.pull(log, objects=only("Lead"), bulk_from_rows=0)
    assert (pulled.method, pulled.rows_received, pulled.status) == ("bulk", 1, "closed")


def test_killed_between_data_and_window_counts_once(org, log, tmp_path, monkeypatch):
    untouched = EventLog(tmp_path / "untouched")
    org.pull(untouched, objects=only("Opportunity"))
    with monkeypatch.context() as patched:
        patched.setattr(pull_module, "window_rows", _killed)
        with pytest.raises(KeyboardInterrupt):
            org.pull(log, "killed", objects=only("Opportunity"))
    assert log.read("extraction_windows").num_rows == 0
    assert log.read("opportunity").num_rows > 0
    resumed, increment = org.pull(log, "again", objects=only("Opportunity"))
    assert (resumed.status, resumed.rows_appended) == ("closed", 0)
    assert increment.status == "closed"
    assert event_ids(log) == event_ids(untouched)


def _killed(*_):
    raise KeyboardInterrupt


def test_every_stream_exists_with_its_base_contract_even_when_empty(log):
    pull_module.declare_streams(log)
    for declared in OBJECTS:
        assert set(declared.fields) <= set(log.contract(declared.stream).names)
        assert log.read(declared.stream).num_rows == 0


def test_progress_is_told_page_by_page(org, log):
    told = []
    pull_module.pull(
        org.client(),
        log,
        run_id="r",
        clock=lambda: org.now,
        objects=only("Task"),
        progress=lambda stream, rows, total: told.append((stream, rows, total)),
        options=pull_module.PullOptions(bulk_page_rows=1_000),
    )
    assert len(told) == 3
    assert told[-1][1] == told[-1][2] >= TASKS
