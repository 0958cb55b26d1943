"""A window closes only when every row of it came, once: whatever the org, the network and the clocks do."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.errors import UnreachableHost
from connectors.salesforce.connection.session import RetryPolicy
from connectors.salesforce.reading import rest
from connectors.salesforce.reading.received_ids import ReceivedIds
from tests.salesforce.conftest import FAST, LiveOrg, only
from tests.salesforce.seed import TASKS

TASK, LEAD, ACCOUNT = only("Task"), only("Lead"), only("Account")


def by_rest(org: LiveOrg):
    """A client that has no Bulk jobs left."""
    client = org.client()
    client.limits()
    client.budget.bulk_jobs_left = 0
    return client


def closed_windows(log) -> int:
    return log.read("extraction_windows", where="kind = 'closed'").num_rows


def ids_in_log(log, stream: str) -> set[str]:
    return set(log.read(stream, ["record_id"])["record_id"].to_pylist())


def create(org: LiveOrg, name: str, **values) -> str:
    return org.client().restful(f"sobjects/{name}", "POST", json=values)["id"]


def assert_closed_by_proof(window) -> None:
    assert window.status == "closed", window.message
    assert window.rows_received == window.rows_processed == window.rows_counted + window.rows_moved_on


# What comes is not what was said


def test_page_that_shifts_brings_one_row_twice_and_is_noticed_though_the_total_agrees(org, log):
    org.faults({"name": "shifting_pages", "times": 1})
    (pulled,) = org.pull(log, objects=TASK, client=by_rest(org))
    assert_closed_by_proof(pulled)
    assert len(ids_in_log(log, "task")) == pulled.rows_counted >= TASKS


def test_pages_that_keep_shifting_keep_the_cursor_and_say_how_many_rows_differ(org, log):
    org.faults({"name": "shifting_pages"})
    (pulled,) = org.pull(log, objects=TASK, client=by_rest(org))
    rows = pulled.rows_received
    assert (pulled.status, closed_windows(log)) == ("incomplete", 0)
    assert pulled.rows_received == pulled.rows_processed == pulled.rows_counted
    assert f"{rows} rows received ({rows - 1} of them different)" in pulled.message
    org.faults()
    (again,) = org.pull(log, "again", objects=TASK)
    assert_closed_by_proof(again)
    assert again.rows_appended == 1, "the row that was never sent"


@pytest.mark.parametrize("times", [1, None], ids=["once", "for good"])
def test_page_that_lacks_rows(org, log, times):
    org.faults({"name": "short_page", "rows": 3, "times": times, "soql": "SELECT Id, "})
    (pulled,) = org.pull(log, objects=LEAD, client=by_rest(org))
    assert pulled.status == ("closed" if times else "incomplete")
    assert closed_windows(log) == (1 if times else 0)
    if times is None:
        assert "7 rows received, 10 reported, 10 counted" in pulled.message


@pytest.mark.parametrize("header", ["whole", "cut", "absent"])
@pytest.mark.parametrize("mid_row", [False, True], ids=["between rows", "in a row"])
def test_bulk_page_that_lacks_rows_is_noticed_whatever_its_header_says(org, log, header, mid_row):
    org.faults({"name": "truncated_csv", "rows": 2, "times": 1, "count_header": header, "mid_row": mid_row})
    (pulled,) = org.pull(log, objects=ACCOUNT)
    assert_closed_by_proof(pulled)
    assert len(ids_in_log(log, "account")) == pulled.rows_counted


def test_bulk_pages_that_always_lack_rows_keep_the_cursor(org, log):
    org.faults({"name": "truncated_csv", "rows": 2, "count_header": "cut"})
    (pulled,) = org.pull(log, objects=ACCOUNT)
    assert (pulled.status, closed_windows(log)) == ("incomplete", 0)
    assert "38 rows received, 40 reported, 40 counted" in pulled.message
    org.faults()
    (again,) = org.pull(log, "again", objects=ACCOUNT)
    assert_closed_by_proof(again)


def test_reply_lost_on_the_way_is_asked_for_again(org, log):
    org.faults({"name": "lost_reply", "path": "/queryAll", "times": 1})
    (pulled,) = org.pull(log, objects=ACCOUNT)
    assert_closed_by_proof(pulled)


def test_job_whose_reply_is_lost_is_handed_in_again(org, log):
    org.faults({"name": "lost_reply", "path": "/jobs/query", "times": 1})
    (pulled,) = org.pull(log, objects=ACCOUNT)
    assert_closed_by_proof(pulled)


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "too_many_requests", "seconds": 1, "times": 2},
        {"name": "concurrent_limit", "times": 2},
        {"name": "error_503", "times": 2},
        {"name": "slow", "seconds": 0.05, "times": 5},
        {"name": "truncated_page", "times": 2},
        {"name": "lost_reply", "times": 2},
        {"name": "expire_token", "times": 1, "after": 3},
        {"name": "bulk_job_failed", "times": 1},
        {"name": "bulk_job_slow", "polls": 3},
    ],
    ids=lambda fault: fault["name"],
)
@pytest.mark.parametrize("road", ["bulk", "rest"])
def test_fault_that_passes_is_survived(org, log, fault, road):
    client = org.client() if road == "bulk" else by_rest(org)
    org.faults(fault)
    pulled = org.pull(log, objects=only("Account", "Opportunity"), client=client)
    for each in pulled:
        assert_closed_by_proof(each)


def test_retry_after_is_waited_for(org, log):
    waits: list[float] = []
    client = org.client()
    client.session.retry_policy = RetryPolicy(attempts=3, sleep=waits.append)
    org.faults({"name": "too_many_requests", "seconds": 17, "times": 1, "path": "/describe"})
    (pulled,) = org.pull(log, objects=ACCOUNT, client=client)
    assert pulled.status == "closed"
    assert waits == [17.0]


def test_reply_slower_than_the_time_out_is_an_error_by_name(org, log):
    client = connect(org.credentials, retry=FAST, timeout_seconds=(1.0, 0.3))
    org.faults({"name": "slow", "seconds": 0.6, "path": "/describe"})
    with pytest.raises(UnreachableHost, match="connection broke before an answer came"):
        org.pull(log, objects=ACCOUNT, client=client)


# Records that change while they are read


def changing_after_first_count(org: LiveOrg, monkeypatch, edit) -> None:
    """Runs `edit` after the first COUNT() of a window, a second after its end."""
    counted, calls = rest.count_rows, []

    def count_then_edit(*given):
        count = counted(*given)
        if not calls:
            org.advance(seconds=1)
            edit()
        calls.append(count)
        return count

    monkeypatch.setattr(rest, "count_rows", count_then_edit)


@pytest.mark.parametrize("road", ["bulk", "rest"])
def test_record_changed_before_the_rows_are_read_is_counted_again(org, log, monkeypatch, road):
    lead = org.query("SELECT Id FROM Lead ORDER BY Id LIMIT 1")[0]["Id"]
    url = f"sobjects/Lead/{lead}"
    changing_after_first_count(
        org, monkeypatch, lambda: org.client().restful(url, "PATCH", json={"Company": "moved on"})
    )
    client = org.client() if road == "bulk" else by_rest(org)
    (pulled,) = org.pull(log, objects=LEAD, client=client, lag=timedelta(0))
    assert_closed_by_proof(pulled)
    assert (pulled.rows_received, pulled.rows_counted, pulled.rows_moved_on) == (9, 9, 0)
    org.advance(minutes=2)
    (increment,) = org.pull(log, "next", objects=LEAD)
    assert_closed_by_proof(increment)
    assert len(ids_in_log(log, "lead")) == 10
    assert log.latest("lead", ["Company"], f"record_id = '{lead}'")["Company"].to_pylist() == ["moved on"]


def test_records_changed_before_and_after_the_rows_are_read_are_told_apart(org, log, monkeypatch):
    leads = [row["Id"] for row in org.query("SELECT Id FROM Lead ORDER BY Id")]

    def edit(lead: str) -> None:
        org.client().restful(f"sobjects/Lead/{lead}", "PATCH", json={"Company": "moved on"})

    changing_after_first_count(org, monkeypatch, lambda: edit(leads[0]))
    landed = log.append_observed

    def land_then_edit(*given, **options):
        appended = landed(*given, **options)
        edit(leads[1])
        return appended

    monkeypatch.setattr(log, "append_observed", land_then_edit)
    (pulled,) = org.pull(log, objects=LEAD, lag=timedelta(0))
    assert_closed_by_proof(pulled)
    rows = len(leads)
    assert (pulled.rows_received, pulled.rows_counted, pulled.rows_moved_on) == (rows - 1, rows - 2, 1)
    monkeypatch.undo()
    org.advance(minutes=2)
    (increment,) = org.pull(log, "next", objects=LEAD)
    assert_closed_by_proof(increment)
    assert increment.rows_received == 2
    assert ids_in_log(log, "lead") == set(leads)


def test_record_purged_while_it_is_read_is_no_reason_to_stop(org, log, monkeypatch):
    extra = create(org, "Lead", LastName="short", Company="lived")
    org.advance(minutes=2)

    def purge() -> None:
        org.client().restful(f"sobjects/Lead/{extra}", "DELETE")
        url = f"{org.credentials.login_url}/sandbox/purge"
        requests.post(url, json={"ids": [extra]}, timeout=5).raise_for_status()

    changing_after_first_count(org, monkeypatch, purge)
    (pulled,) = org.pull(log, objects=LEAD)
    assert_closed_by_proof(pulled)


# Ids


@given(st.lists(st.lists(st.integers(0, 50), max_size=20), max_size=6))
def test_received_ids_count_each_record_once_over_all_pages(pages):
    received = ReceivedIds()
    for page in pages:
        received.add(pa.chunked_array([pa.array([f"003{number:015d}" for number in page], pa.string())]))
    different = {number for page in pages for number in page}
    assert received.distinct() == len(different)
    asked = pa.chunked_array([pa.array([f"003{number:015d}" for number in range(25)], pa.string())])
    assert received.count_among(asked) == len({number for number in different if number < 25})


def test_a_million_ids_are_told_apart():
    received = ReceivedIds()
    numbers = pa.array(range(10**11, 10**11 + 1_000_000), pa.int64()).cast(pa.string())
    ids = pc.binary_join_element_wise("00T", numbers, "AAA", "")
    for start in range(0, 1_000_000, 250_000):
        received.add(pa.chunked_array([ids.slice(start, 250_000)]))
    assert received.distinct() == 1_000_000
    received.add(pa.chunked_array([ids.slice(77, 1)]))
    assert received.distinct() == 1_000_000
