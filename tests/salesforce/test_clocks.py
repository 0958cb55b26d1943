"""Records that show late, records of one second, clocks that are off: nothing lost, nothing counted twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from connectors.salesforce.reading.deletes import NOTHING_SAID
from connectors.salesforce.reading.departures import Departures
from connectors.salesforce.reading.pull import is_complete
from tests.salesforce.conftest import LiveOrg, event_ids
from tests.salesforce.test_completeness import LEAD, assert_closed_by_proof, create, ids_in_log


def commit(org: LiveOrg) -> None:
    requests.post(f"{org.credentials.login_url}/sandbox/commit", json={}, timeout=5).raise_for_status()


def test_record_committed_late_is_found_below_the_cursor_by_the_overlap(org, log):
    org.pull(log, "first", objects=LEAD)
    org.advance(hours=1)
    org.faults({"name": "late_commit"})
    late = create(org, "Lead", LastName="late", Company="c")
    org.advance(minutes=5)
    # Read by the clock alone: what latestDateCovered holds back is another matter.
    second = org.pull(log, "second", objects=LEAD)[-1]
    assert late not in ids_in_log(log, "lead")
    commit(org)
    org.faults()
    org.advance(minutes=3)
    third = org.pull(log, "third", objects=LEAD)[-1]
    assert (second.status, third.status) == ("closed", "closed")
    assert late in ids_in_log(log, "lead")
    assert log.read("lead", where=f"record_id = '{late}'").num_rows == 1


def test_record_committed_late_is_found_by_the_overlap_alone(org, log, monkeypatch):
    # As for an object without getDeleted: there is no latestDateCovered.
    monkeypatch.setattr(Departures, "ask", lambda *_: NOTHING_SAID)
    org.pull(log, "first", objects=LEAD)
    org.advance(hours=1)
    org.faults({"name": "late_commit"})
    late = create(org, "Lead", LastName="late", Company="c")
    stamped_at = org.now
    org.advance(minutes=5)
    second = org.pull(log, "second", objects=LEAD)[-1]
    assert second.window_to_at > stamped_at, "the cursor is past the record's stamp"
    assert late not in ids_in_log(log, "lead")
    commit(org)
    org.faults()
    org.advance(minutes=3)
    org.pull(log, "third", objects=LEAD)
    assert late in ids_in_log(log, "lead")


def test_records_of_one_second_on_both_sides_of_a_window_s_end_come_once(org, log):
    org.pull(log, "first", objects=LEAD)
    org.advance(hours=1)
    before = create(org, "Lead", LastName="before", Company="c")
    org.pull(log, "second", objects=LEAD, lag=timedelta(0))
    after = create(org, "Lead", LastName="after", Company="c")
    stamps = org.query(f"SELECT SystemModstamp FROM Lead WHERE Id IN ('{before}', '{after}')")
    assert stamps[0] == stamps[1]
    org.advance(minutes=1)
    (pulled,) = org.pull(log, "third", objects=LEAD, lag=timedelta(0))
    assert_closed_by_proof(pulled)
    assert {before, after} <= ids_in_log(log, "lead")
    assert log.read("lead", where=f"record_id = '{before}'").num_rows == 1


@pytest.mark.parametrize("says_what_it_covers", [True, False], ids=["latestDateCovered", "Date header alone"])
def test_clock_of_ours_hours_ahead_does_not_close_what_the_org_has_not_lived_through(
    org, log, monkeypatch, says_what_it_covers
):
    if not says_what_it_covers:
        monkeypatch.setattr(Departures, "ask", lambda *_: NOTHING_SAID)
    true_now = org.now
    org.now = true_now + timedelta(hours=5)
    (pulled,) = org.pull(log, "ahead", objects=LEAD)
    assert pulled.window_to_at <= true_now
    org.now = true_now
    org.advance(hours=1)
    made = create(org, "Lead", LastName="in between", Company="c")
    org.advance(hours=1)
    org.pull(log, "right again", objects=LEAD)
    assert made in ids_in_log(log, "lead")


def test_clock_of_ours_hours_behind_reads_less_and_loses_nothing(org, log):
    true_now = org.now
    made = create(org, "Lead", LastName="too new for us", Company="c")
    org.now = true_now - timedelta(hours=5)
    (pulled,) = org.pull(log, "behind", objects=LEAD)
    assert_closed_by_proof(pulled)
    assert made not in ids_in_log(log, "lead")
    org.now = true_now
    org.advance(minutes=2)
    org.pull(log, "right again", objects=LEAD)
    assert made in ids_in_log(log, "lead")


@pytest.mark.parametrize("seconds", [-7_200, 7_200], ids=["behind", "ahead"])
def test_date_header_that_is_off_loses_nothing(org, log, seconds):
    org.faults({"name": "clock_skew", "seconds": seconds})
    first = org.pull(log, "skewed", objects=LEAD)
    org.faults()
    made = create(org, "Lead", LastName="meanwhile", Company="c")
    org.advance(minutes=2)
    second = org.pull(log, "right again", objects=LEAD)
    assert is_complete([*first, *second])
    assert made in ids_in_log(log, "lead")


def test_org_clock_that_jumps_back_takes_no_cursor_with_it(org, log):
    (first,) = org.pull(log, "first", objects=LEAD)
    before = event_ids(log)
    org.advance(minutes=-5)
    (second,) = org.pull(log, "jumped back", objects=LEAD)
    assert second.window_to_at == first.window_to_at
    assert event_ids(log) == before
    made = create(org, "Lead", LastName="stamped below the cursor", Company="c")
    org.advance(minutes=7)
    org.pull(log, "third", objects=LEAD)
    assert made in ids_in_log(log, "lead")
