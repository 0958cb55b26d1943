"""When a sweep is made, and what stops it: nothing is marked gone on a doubt, and what was due stays due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.reading import departures, sweep
from connectors.salesforce.reading.pull import is_complete, problems
from connectors.salesforce.reading.sweep_facts import PERIODIC, SweepCalendar
from tests.salesforce.conftest import START, event_ids, only
from tests.salesforce.leaving import (
    LEADS,
    NEVER,
    NOW,
    delete,
    hide,
    kinds,
    leads,
    purge,
    replication,
    sweeps,
    swept,
)

__all__ = ["leads"]


def test_many_missing_at_once_are_a_lost_permission_until_somebody_says_otherwise(org, log, leads):
    everything = [row["Id"] for row in org.query("SELECT Id FROM Lead")]
    hide(org, *everything)
    before = event_ids(log)
    pulled = swept(org, log)
    assert (pulled.status, pulled.sweep, is_complete([pulled])) == ("closed", "refused", False)
    (problem,) = problems([pulled])
    assert f"{len(everything)} of {len(everything)} living records are no longer shown" in problem
    assert f"""GYAKUSAN_ACCEPT_GONE='{{"Lead": {len(everything)}}}'""" in problem
    assert event_ids(log) == before
    # It stays due, sooner than its period.
    assert swept(org, log, "next", sweep_every=timedelta(days=7)).sweep == "refused"
    too_few = {"accept_gone": {"Lead": len(everything) - 1}}
    assert swept(org, log, "too few", **too_few).sweep == "refused"
    accepted = swept(org, log, "accepted", accept_gone={"Lead": len(everything)})
    assert (accepted.sweep, is_complete([accepted])) == ("swept", True)
    assert {kinds(log, "lead", each)[-1] for each in everything} == {"purged"}
    org.faults()
    swept(org, log, "back")
    assert {kinds(log, "lead", each)[-1] for each in everything} == {"undeleted"}


def test_permission_that_comes_back_settles_a_refused_sweep(org, log, leads):
    hide(org, *(row["Id"] for row in org.query("SELECT Id FROM Lead")))
    assert swept(org, log).sweep == "refused"
    org.faults()
    pulled = swept(org, log, "back", sweep_every=timedelta(days=7))
    assert (pulled.sweep, pulled.sweep_message) == ("swept", "")
    assert {tuple(kinds(log, "lead", each)) for each in leads} == {("observed",)}
    assert swept(org, log, "next", sweep_every=timedelta(days=7)).sweep == ""


def test_sweep_is_made_when_its_period_is_over_and_not_before(org, log, leads):
    weekly = {"sweep_every": timedelta(days=7)}
    org.advance(days=6)
    assert swept(org, log, "six days", **weekly).sweep == ""
    org.advance(days=1)
    assert swept(org, log, "seven days", **weekly).sweep == "swept"
    org.advance(days=6)
    assert swept(org, log, "thirteen days", **weekly).sweep == ""
    org.advance(days=1, hours=-3)
    # The night of the week may begin a little earlier.
    assert swept(org, log, "fourteen days", **weekly).sweep == "swept"


def test_calendar_keeps_due_what_was_announced_or_did_not_end_well():
    week, day = timedelta(days=7), timedelta(days=1)
    for kind in ("due", "incomplete", "refused"):
        calendar = SweepCalendar({"lead": (kind, "why", START)}, {"lead": START})
        assert calendar.due("lead", START, week) == "why"
    calendar = SweepCalendar({"lead": ("swept", "why", START)}, {"lead": START - 30 * day})
    assert [calendar.due("lead", START + span, week) for span in (day, week)] == ["", PERIODIC]
    assert SweepCalendar({}, {}).due("lead", START, week) == ""


def test_killed_between_landing_and_its_fact_repeats_harmlessly(org, log, leads, monkeypatch):
    delete(org, "Lead", leads[0])
    purge(org, leads[0])
    hide(org, leads[1])

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(departures, "append_swept", killed)
        with pytest.raises(KeyboardInterrupt):
            swept(org, log, "killed")
    assert sweeps(log) == []
    assert kinds(log, "lead", leads[0]) == ["observed", "purged"]
    before = event_ids(log)
    pulled = swept(org, log, "again")
    assert (pulled.sweep, event_ids(log)) == ("swept", before)
    assert len(sweeps(log)) == 1


def test_killed_before_an_announced_sweep_makes_it_the_next_time(org, log, leads, monkeypatch):
    delete(org, "Lead", leads[0])
    purge(org, leads[0])
    replication(org, earliest_date_available=org.now.isoformat())
    org.advance(hours=1)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sweep.Sweeper, "sweep", killed)
        with pytest.raises(KeyboardInterrupt):
            org.pull(log, "killed", objects=LEADS, **NEVER)
    replication(org, reset=True)
    assert log.read("extraction_windows", where="kind = 'closed'").num_rows == 2
    org.advance(hours=1)
    (pulled,) = org.pull(log, "again", objects=LEADS, **NEVER)
    assert "because the org lists deletions only from" in pulled.sweep_message
    assert kinds(log, "lead", leads[0]) == ["observed", "purged"]


@pytest.mark.parametrize("bulk_from_rows", [0, 2_000])
def test_ids_that_do_not_all_come_mark_nothing_gone(org, log, leads, bulk_from_rows):
    hide(org, leads[0])
    org.faults(
        {"name": "short_page", "rows": 3, "soql": "SELECT Id, IsDeleted FROM Lead"},
        {"name": "truncated_csv", "rows": 3, "count_header": "absent"},
        {"name": "hide_rows", "object": "Lead", "where": f"Id = '{leads[0]}'"},
    )
    pulled = swept(org, log, bulk_from_rows=bulk_from_rows)
    assert (pulled.status, pulled.sweep) == ("closed", "incomplete")
    assert not is_complete([pulled])
    assert "id" in pulled.sweep_message
    assert {tuple(kinds(log, "lead", each)) for each in leads} == {("observed",)}
    org.faults()
    assert swept(org, log, "again", **NEVER).sweep == "swept"


def test_rows_that_shift_between_pages_mark_nothing_gone(org, log, monkeypatch):
    tasks = only("Task")
    org.pull(log, "before", objects=tasks, **NEVER)
    org.advance(hours=1)
    org.faults({"name": "shifting_pages", "soql": "SELECT Id, IsDeleted FROM Task"})
    (pulled,) = org.pull(log, "sweep", objects=tasks, bulk_from_rows=100_000, **NOW)
    assert pulled.sweep == "incomplete"
    assert "ids received" in pulled.sweep_message
    assert log.latest("task", where="kind = 'purged'").num_rows == 0


def test_budget_that_ends_before_the_sweeps_leaves_every_window_closed(org, log):
    some = only("Lead", "Account", "Contact")
    org.pull(log, "before", objects=some, **NEVER)
    org.advance(hours=1)
    counting = org.client()
    org.pull(log, "count", objects=some, client=counting, **NEVER)
    org.advance(hours=1)
    short = org.client(ApiBudget(max_calls=counting.session.calls + 1))
    pulled = org.pull(log, "short", objects=some, client=short, **NOW)
    assert [each.status for each in pulled] == ["closed"] * 3
    assert [each.sweep for each in pulled] == ["incomplete"] * 3
    assert "no API calls left" in problems(pulled)[0]
    org.advance(hours=1)
    again = org.pull(log, "again", objects=some, sweep_every=timedelta(days=7))
    assert [each.sweep for each in again] == ["swept"] * 3


def test_whole_pull_sweeps_every_object(org, log):
    org.pull(log, "before", **NEVER)
    org.advance(hours=1)
    before = event_ids(log)
    pulled = org.pull(log, "sweep", **NOW)
    assert is_complete(pulled), problems(pulled)
    closed = {each.stream for each in pulled if each.status == "closed"}
    assert {each["stream"] for each in sweeps(log)} == closed
    assert {each["kind"] for each in sweeps(log)} == {"swept"}
    assert event_ids(log) == before
