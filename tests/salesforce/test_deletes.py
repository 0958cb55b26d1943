"""Deletions the org lists itself, and the end of a window it vouches for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import HalfPage, MissingObject, RequestRefused
from connectors.salesforce.connection.replies import refusal
from connectors.salesforce.reading import deletes, departures
from connectors.salesforce.reading.pull import declare_streams, is_complete, problems
from connectors.salesforce.reading.window_history import stream_windows
from connectors.salesforce.reading.windows import RESUMED, WINDOW_KEY, PulledWindow, window_rows
from connectors.salesforce.schema.org_schema import OrgSchema
from tests.salesforce.conftest import START, event_ids, only
from tests.salesforce.leaving import (
    LEADS,
    create,
    delete,
    kinds,
    last,
    make_leads,
    purge,
    replication,
    sweeps,
    switch,
    undelete,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def plain_replication(org):
    yield
    replication(org, reset=True)


def test_hard_deleted_record_is_known_from_the_orgs_list(org, log):
    replication(org, purge_stays_in_delete_log=True)
    lead = create(org, "Lead", LastName="x", Company="y")
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    deleted_at = org.now + HOUR
    org.advance(hours=1)
    delete(org, "Lead", lead)
    purge(org, lead)
    org.advance(hours=1)
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert is_complete([pulled])
    fact = last(log, "lead", lead)
    assert (fact["kind"], fact["LastName"], fact["IsDeleted"]) == ("deleted", "x", True)
    assert (fact["occurred_at"], fact["source"]) == (deleted_at, "rest")
    org.advance(minutes=5)
    org.pull(log, "third", objects=LEADS)
    assert kinds(log, "lead", lead) == ["observed", "deleted"]


def test_record_in_the_recycle_bin_and_on_the_list_is_deleted_once(org, log):
    lead = create(org, "Lead", LastName="x", Company="y")
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    delete(org, "Lead", lead)
    for minutes in (5, 5, 600):
        org.advance(minutes=minutes)
        org.pull(log, "later", objects=LEADS)
    assert kinds(log, "lead", lead) == ["observed", "deleted"]


def test_deletion_after_the_windows_end_waits_for_the_next_window(org, log):
    lead = create(org, "Lead", LastName="x", Company="y")
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    # The list is asked for whole minutes: it holds a deletion ten seconds behind the window's end.
    org.advance(hours=1, seconds=20 - org.now.second)
    delete(org, "Lead", lead)
    org.advance(seconds=50)
    org.pull(log, "second", objects=LEADS)
    assert kinds(log, "lead", lead) == ["observed"]
    org.advance(minutes=1)
    org.pull(log, "third", objects=LEADS)
    assert kinds(log, "lead", lead) == ["observed", "deleted"]


def test_transaction_that_commits_hours_later_is_never_below_the_cursor(org, log):
    org.pull(log, "first", objects=LEADS)
    org.advance(hours=1)
    org.faults({"name": "late_commit", "object": "Lead"})
    stamped_at = org.now
    lead = create(org, "Lead", LastName="late", Company="y")
    org.advance(hours=5)
    (held,) = org.pull(log, "second", objects=LEADS)
    assert (held.status, held.window_to_at, held.latest_date_covered_at) == ("closed", stamped_at, stamped_at)
    assert "long transaction" in held.message
    assert kinds(log, "lead", lead) == []
    org.faults()
    switch(org, "commit")
    (after,) = org.pull(log, "third", objects=LEADS)
    assert (after.status, after.message) == ("closed", "")
    assert kinds(log, "lead", lead) == ["observed"]


def test_transaction_open_during_the_first_sync_is_not_lost_either(org, log):
    org.faults({"name": "late_commit", "object": "Lead"})
    lead = create(org, "Lead", LastName="late", Company="y")
    org.advance(hours=3)
    (first,) = org.pull(log, "first", objects=LEADS)
    assert first.window_to_at == org.now - 3 * HOUR
    org.faults()
    switch(org, "commit")
    org.pull(log, "second", objects=LEADS)
    assert kinds(log, "lead", lead) == ["observed"]


def test_window_carries_latest_date_covered(org, log):
    replication(org, latest_date_covered_lag_seconds=600)
    (first,) = org.pull(log, "first", objects=LEADS)
    (fact,) = log.read("extraction_windows").to_pylist()
    assert fact["latest_date_covered_at"] == fact["window_to_at"] == org.now - timedelta(minutes=10)
    assert first.message == ""


def test_windows_close_while_the_clock_stands_still(org, log):
    org.advance(seconds=17)
    lead = create(org, "Lead", LastName="x", Company="y")
    for run in ("first", "second", "third"):
        (pulled,) = org.pull(log, run, objects=LEADS, lag=timedelta(0))
        assert (pulled.status, pulled.window_to_at) == ("closed", org.now)
    delete(org, "Lead", lead)
    org.pull(log, "fourth", objects=LEADS, lag=timedelta(0))
    assert kinds(log, "lead", lead) == ["observed", "deleted"]


def test_last_window_more_than_fifteen_days_ago_triggers_the_sweep_and_says_so(org, log):
    leads = make_leads(org, 3)
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    delete(org, "Lead", leads[0])
    purge(org, leads[0])
    org.advance(days=16)
    (pulled,) = org.pull(log, "second", objects=LEADS, sweep_every=900 * DAY)
    assert is_complete([pulled])
    assert pulled.sweep == "swept"
    assert "because the last window ended more than 15 days ago: 1 gone" in pulled.sweep_message
    assert kinds(log, "lead", leads[0]) == ["observed", "purged"]
    assert [(each["kind"], each["trigger"]) for each in sweeps(log)] == [
        ("due", "the last window ended more than 15 days ago"),
        ("swept", "the last window ended more than 15 days ago"),
    ]


def test_list_that_begins_after_the_last_window_triggers_the_sweep_and_says_so(org, log):
    leads = make_leads(org, 3)
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    delete(org, "Lead", leads[0])
    purge(org, leads[0])
    org.advance(hours=5)
    replication(org, earliest_date_available=(org.now - HOUR).isoformat())
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert kinds(log, "lead", leads[0]) == ["observed", "purged"]
    since = f"{org.now - HOUR:%Y-%m-%d %H:%M} UTC"
    assert f"because the org lists deletions only from {since} on" in pulled.sweep_message
    org.advance(hours=5)
    (pulled,) = org.pull(log, "third", objects=LEADS)
    assert (pulled.sweep, pulled.sweep_message) == ("", "")


def test_list_that_begins_before_the_last_window_triggers_nothing(org, log):
    org.pull(log, "first", objects=LEADS)
    replication(org, earliest_date_available=(org.now - HOUR).isoformat())
    org.advance(hours=5)
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert (pulled.sweep, sweeps(log)) == ("", [])


def test_more_ids_than_the_org_lists_trigger_the_sweep(org, log):
    leads = make_leads(org, 4)
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    org.advance(hours=1)
    delete(org, "Lead", *leads[:3])
    purge(org, leads[0])
    replication(org, maximum_ids=1)
    org.advance(hours=3)
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert is_complete([pulled])
    assert "more than 600,000 records were deleted" in pulled.sweep_message
    assert pulled.latest_date_covered_at >= pulled.window_to_at == org.now - timedelta(minutes=1)
    assert [kinds(log, "lead", each)[-1] for each in leads] == ["purged", "deleted", "deleted", "observed"]


def test_span_the_org_refuses_triggers_the_sweep(org, log, monkeypatch):
    org.pull(log, "first", objects=LEADS)
    monkeypatch.setattr(deletes, "FURTHEST_BACK", 60 * DAY)
    org.advance(days=31)
    (pulled,) = org.pull(log, "second", objects=LEADS, sweep_every=900 * DAY)
    assert is_complete([pulled])
    assert "no longer lists deletions as far back as the last window" in pulled.sweep_message
    assert pulled.latest_date_covered_at is not None


def test_first_sync_misses_nothing_and_sweeps_nothing(org, log):
    replication(org, earliest_date_available=(org.now - HOUR).isoformat())
    pulled = org.pull(log, "first", objects=only("Lead", "User", "Account"))
    assert is_complete(pulled), problems(pulled)
    assert {each.sweep for each in pulled} == {""}
    assert sweeps(log) == []


def test_only_objects_the_org_replicates_are_asked(org, log, monkeypatch):
    asked, flags = [], OrgSchema.flags

    def recorded(client, name, **span):
        asked.append(name)
        return deletes.read_deleted(client, name, **span)

    monkeypatch.setattr(departures, "read_deleted", recorded)
    monkeypatch.setattr(
        OrgSchema, "flags", lambda self, name: replace(flags(self, name), is_replicateable=name != "Contact")
    )
    pulled = org.pull(log, objects=only("Lead", "Contact", "Account"))
    assert is_complete(pulled), problems(pulled)
    assert sorted(asked) == ["Account", "Lead"]


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS", "API_DISABLED_FOR_ORG"])
def test_refused_list_leaves_the_recycle_bin_and_the_sweep(org, log, monkeypatch, code):
    from connectors.salesforce.connection.errors import ApiFault

    call = SalesforceClient.call

    def refused(self, method, path, **options):
        if path.endswith("/deleted/"):
            raise refusal(403, (ApiFault(code, "no"),), where=path)
        return call(self, method, path, **options)

    lead = create(org, "Lead", LastName="x", Company="y")
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    delete(org, "Lead", lead)
    org.advance(hours=1)
    monkeypatch.setattr(SalesforceClient, "call", refused)
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert (pulled.status, pulled.latest_date_covered_at) == ("closed", None)
    assert pulled.window_to_at == org.now - timedelta(minutes=1)
    assert kinds(log, "lead", lead) == ["observed", "deleted"]
    assert isinstance(refusal(403, (ApiFault(code, "no"),), where=""), MissingObject | RequestRefused)


def test_cut_list_keeps_the_cursor(org, log):
    org.pull(log, "first", objects=LEADS)
    org.advance(hours=1)
    org.faults({"name": "truncated_page", "path": "/deleted"})
    (pulled,) = org.pull(log, "second", objects=LEADS)
    assert pulled.status == "incomplete"
    org.faults()
    (pulled,) = org.pull(log, "third", objects=LEADS)
    assert pulled.window_from_at == org.now - HOUR - timedelta(minutes=11)


def test_list_that_is_no_json_is_a_half_page():
    with pytest.raises(HalfPage):
        deletes._parsed('{"deletedRecords": [{"id": "00Q', "Lead")


def test_history_rows_on_the_list_stay_as_they_were(org, log, monkeypatch):
    history = only("OpportunityHistory")
    org.pull(log, "first", objects=history)
    row = log.latest("opportunity_history", ["record_id"])["record_id"][0].as_py()
    listed = deletes._parsed(
        f'{{"deletedRecords": [{{"id": "{row}", "deletedDate": "{org.now.isoformat()}"}}]}}', "x"
    )
    monkeypatch.setattr(departures, "read_deleted", lambda *_, **__: listed)
    org.advance(hours=1)
    before = event_ids(log)
    org.pull(log, "second", objects=history)
    assert event_ids(log) == before


def test_record_on_the_list_that_is_back_already_is_not_gone(org, log, monkeypatch):
    lead = create(org, "Lead", LastName="x", Company="y")
    org.advance(hours=1)
    org.pull(log, "first", objects=LEADS)
    org.advance(hours=1)
    delete(org, "Lead", lead)
    deleted_at = org.now
    org.advance(minutes=5)
    undelete(org, lead)
    entry = f'{{"id": "{lead}", "deletedDate": "{deleted_at.isoformat()}"}}'
    listed = deletes._parsed(f'{{"deletedRecords": [{entry}]}}', "Lead")
    monkeypatch.setattr(departures, "read_deleted", lambda *_, **__: listed)
    org.advance(hours=1)
    org.pull(log, "second", objects=LEADS)
    assert last(log, "lead", lead)["kind"] == "observed"


def test_list_is_read_to_the_instant():
    body = """{"deletedRecords": [
        {"id": "00Q1", "deletedDate": "2024-05-07T22:07:19.000+0000"},
        {"id": "00Q2", "deletedDate": "2024-05-08T07:07:20.000+0900"},
        {"id": "00Q2", "deletedDate": "2024-05-08T07:07:20.000+0900"},
        {"id": "00Q3", "deletedDate": null}],
      "earliestDateAvailable": "2024-05-03T15:57:00.000+0000",
      "latestDateCovered": "2024-05-08T21:20:00.000+0000"}"""
    gone = deletes._parsed(body, "Lead")
    assert gone.rows["record_id"].to_pylist() == ["00Q1", "00Q2", "00Q3"]
    assert gone.rows["occurred_at"][1].as_py() == datetime(2024, 5, 7, 22, 7, 20, tzinfo=UTC)
    assert gone.latest_date_covered_at == datetime(2024, 5, 8, 21, 20, tzinfo=UTC)
    assert gone.earliest_date_available_at == datetime(2024, 5, 3, 15, 57, tzinfo=UTC)
    until = gone.until(datetime(2024, 5, 7, 22, 7, 19, tzinfo=UTC))
    assert until["record_id"].to_pylist() == ["00Q1", "00Q3"]


def test_window_that_only_resumed_a_job_does_not_move_where_the_list_is_read_from(org, log):
    declare_streams(log, LEADS)
    ends = {"increment": START, RESUMED: START + HOUR}
    windows = [
        PulledWindow("lead", "Lead", "closed", window_from_at=START - DAY, window_to_at=end, reason=reason)
        for reason, end in ends.items()
    ]
    for alone, expected in ((windows[1:], START + HOUR), (windows[:1], START)):
        rows = window_rows(alone, alone[0].reason, START)
        log.append_facts("extraction_windows", rows, run_id="r", observed_at=START, key=WINDOW_KEY)
        assert stream_windows(log)["lead"].deletions_to_at == expected
    assert stream_windows(log)["lead"].closed_to_at == START + HOUR
