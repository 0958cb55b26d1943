"""The id sweep: whatever left or came without moving the cursor."""

from __future__ import annotations

from datetime import timedelta

from connectors.event_log import EventLog
from connectors.salesforce.reading import departures, sweep
from connectors.salesforce.reading.pull import is_complete, problems
from connectors.salesforce.reading.sweep_facts import PERIODIC
from tests.salesforce.conftest import event_ids, only
from tests.salesforce.leaving import (
    LEADS,
    NEVER,
    NOW,
    create,
    delete,
    hide,
    kinds,
    last,
    leads,
    make_leads,
    merge,
    purge,
    sweeps,
    swept,
    switch,
    undelete,
    update,
)

__all__ = ["leads"]


def test_hard_delete_leaves_only_an_absence_and_becomes_purged(org, log, leads):
    delete(org, "Lead", leads[0])
    purge(org, leads[0])
    pulled = swept(org, log)
    assert is_complete([pulled])
    assert (pulled.sweep, pulled.sweep_message) == ("swept", "id sweep: 1 gone for good, 0 found")
    fact = last(log, "lead", leads[0])
    assert (fact["kind"], fact["LastName"], fact["IsDeleted"]) == ("purged", "L0", True)
    (swept_fact,) = sweeps(log)
    assert (swept_fact["kind"], swept_fact["trigger"]) == ("swept", PERIODIC)
    assert (swept_fact["ids_missing"], swept_fact["rows_purged"], swept_fact["rows_found"]) == (1, 1, 0)
    counted = org.query("SELECT COUNT(Id) n FROM Lead", "queryAll")[0]["n"]
    assert swept_fact["ids_at_source"] == counted
    before = event_ids(log)
    assert (swept(org, log, "again").sweep_message, event_ids(log)) == ("", before)


def test_soft_delete_then_hard_delete_is_gone_once_and_then_for_good(org, log, leads):
    delete(org, "Lead", leads[0])
    org.advance(hours=1)
    org.pull(log, "deleted", objects=LEADS, **NEVER)
    purge(org, leads[0])
    swept(org, log)
    swept(org, log, "again")
    assert kinds(log, "lead", leads[0]) == ["observed", "deleted", "purged"]
    assert sweeps(log)[0]["ids_missing"] == 0


def test_emptying_the_whole_recycle_bin_is_no_loss_of_permission(org, log, leads):
    delete(org, "Lead", *leads)
    org.advance(hours=1)
    org.pull(log, "deleted", objects=LEADS, **NEVER)
    purge(org, *leads)
    assert is_complete([swept(org, log)])
    assert {kinds(log, "lead", each)[-1] for each in leads} == {"purged"}


def test_undelete_out_of_the_recycle_bin_comes_with_the_cursor(org, log, leads):
    delete(org, "Lead", leads[0])
    org.advance(hours=1)
    org.pull(log, "deleted", objects=LEADS, **NEVER)
    undelete(org, leads[0])
    org.advance(hours=1)
    org.pull(log, "back", objects=LEADS, **NEVER)
    assert kinds(log, "lead", leads[0]) == ["observed", "deleted", "undeleted"]
    assert last(log, "lead", leads[0])["IsDeleted"] is False
    assert swept(org, log).sweep_message == ""


def test_record_taken_for_purged_that_reappears_is_undeleted(org, log, leads):
    hide(org, leads[0])
    swept(org, log)
    assert kinds(log, "lead", leads[0]) == ["observed", "purged"]
    org.faults()
    pulled = swept(org, log, "back")
    assert pulled.sweep_message == "id sweep: 0 gone for good, 1 found"
    assert kinds(log, "lead", leads[0]) == ["observed", "purged", "undeleted"]
    assert swept(org, log, "again").sweep_message == ""


def test_record_deleted_and_restored_between_two_pulls_is_as_it_was(org, log, leads):
    delete(org, "Lead", leads[0])
    org.advance(minutes=5)
    undelete(org, leads[0])
    org.advance(hours=1)
    assert swept(org, log).sweep_message == ""
    assert set(kinds(log, "lead", leads[0])) == {"observed"}


def test_record_that_a_sharing_change_brings_into_view_is_found(org, log):
    leads = make_leads(org, 12)
    hide(org, *leads[:10])
    org.advance(hours=1)
    org.pull(log, "before", objects=LEADS, **NEVER)
    assert kinds(log, "lead", leads[0]) == []
    org.faults()
    org.advance(hours=1)
    pulled = swept(org, log)
    assert pulled.sweep_message == "id sweep: 0 gone for good, 10 found"
    assert [kinds(log, "lead", each) for each in leads] == [["observed"]] * 12
    assert last(log, "lead", leads[3])["LastName"] == "L3"


def test_much_that_comes_into_view_is_read_whole(org, log, monkeypatch):
    monkeypatch.setattr(sweep, "_MOST_READ_BY_ID", 4)
    leads = make_leads(org, 9)
    hide(org, *leads)
    org.advance(hours=1)
    org.pull(log, "before", objects=LEADS, **NEVER)
    org.faults()
    org.advance(hours=1)
    assert swept(org, log).sweep_message == "id sweep: 0 gone for good, 9 found"
    assert [kinds(log, "lead", each) for each in leads] == [["observed"]] * 9


def test_deletion_the_cursor_missed_is_found_in_the_recycle_bin(org, log, leads, monkeypatch):
    monkeypatch.setattr(departures, "read_deleted", lambda *_, **__: departures.NOTHING_SAID)
    delete(org, "Lead", leads[0])
    org.advance(hours=1)
    # As if the cursor had passed it: a window that begins after the deletion.
    org.pull(log, "late", objects=LEADS, overlap=timedelta(minutes=-90), **NEVER)
    org.advance(hours=1)
    assert kinds(log, "lead", leads[0])[-1] == "observed"
    assert swept(org, log).sweep_message == "id sweep: 0 gone for good, 1 found"
    assert kinds(log, "lead", leads[0]) == ["observed", "deleted"]


def test_history_the_org_purges_stays_in_the_log(org, log):
    history = only("OpportunityHistory", "OpportunityFieldHistory")
    org.pull(log, "before", objects=history, **NEVER)
    known = {each.stream: log.latest(each.stream, ["record_id"])["record_id"].to_pylist() for each in history}
    purge(org, *known["opportunity_history"][:100], *known["opportunity_field_history"][:50])
    org.advance(hours=1)
    before = event_ids(log)
    pulled = org.pull(log, "sweep", objects=history, **NOW)
    assert is_complete(pulled), problems(pulled)
    assert [each["ids_missing"] for each in sweeps(log)] == [100, 50]
    assert {each["rows_purged"] for each in sweeps(log)} == {0}
    assert {fact for fact in event_ids(log) if fact not in before} == set()


def test_history_that_comes_into_view_is_found(org, log):
    history = only("OpportunityHistory")
    opportunity = create(org, "Opportunity", Name="d", StageName="Prospecting", CloseDate="2030-01-01")
    org.faults(
        {"name": "hide_rows", "object": "OpportunityHistory", "where": f"OpportunityId = '{opportunity}'"}
    )
    org.advance(hours=1)
    org.pull(log, "before", objects=history, **NEVER)
    org.faults()
    org.advance(hours=1)
    (pulled,) = org.pull(log, "sweep", objects=history, **NOW)
    assert pulled.sweep_message == "id sweep: 0 gone for good, 1 found"


def test_losers_of_a_merge_go_to_the_winner_and_later_vanish(org, log):
    some = only("Account", "Opportunity")
    winner, loser = (create(org, "Account", Name=name) for name in ("winner", "loser"))
    deal = create(
        org, "Opportunity", Name="d", StageName="Prospecting", CloseDate="2030-01-01", AccountId=loser
    )
    org.advance(hours=1)
    org.pull(log, "before", objects=some, **NEVER)
    merge(org, winner, loser)
    org.advance(hours=1)
    org.pull(log, "merged", objects=some, **NEVER)
    gone = last(log, "account", loser)
    assert (gone["kind"], gone["MasterRecordId"], gone["Name"]) == ("deleted", winner, "loser")
    assert last(log, "opportunity", deal)["AccountId"] == winner
    assert kinds(log, "account", winner)[0] == "observed"
    purge(org, loser)
    org.advance(hours=1)
    assert is_complete(org.pull(log, "sweep", objects=some, **NOW))
    assert kinds(log, "account", loser) == ["observed", "deleted", "purged"]
    assert last(log, "account", loser)["MasterRecordId"] == winner
    assert last(log, "opportunity", deal)["kind"] == "observed"


def test_children_go_with_their_parent_and_come_back_with_it(org, log):
    some = only("Account", "Contact", "Opportunity", "OpportunityHistory", "Task")
    account = create(org, "Account", Name="parent")
    contact = create(org, "Contact", LastName="c", AccountId=account)
    deal = create(
        org, "Opportunity", Name="d", StageName="Prospecting", CloseDate="2030-01-01", AccountId=account
    )
    task = create(org, "Task", Subject="t", WhatId=deal)
    family = (("account", account), ("contact", contact), ("opportunity", deal), ("task", task))
    org.advance(hours=1)
    org.pull(log, "before", objects=some, **NEVER)
    delete(org, "Account", account)
    org.advance(hours=1)
    org.pull(log, "deleted", objects=some, **NEVER)
    assert {kinds(log, *each)[-1] for each in family} == {"deleted"}
    (stage,) = log.latest("opportunity_history", where=f"OpportunityId = '{deal}'").to_pylist()
    assert stage["kind"] == "deleted"
    undelete(org, account)
    org.advance(hours=1)
    org.pull(log, "back", objects=some, **NOW)
    assert {kinds(log, *each)[-1] for each in family} == {"undeleted"}
    delete(org, "Account", account)
    purge(org, account, contact, deal, task)
    org.advance(hours=1)
    assert is_complete(org.pull(log, "gone", objects=some, **NOW))
    assert {kinds(log, *each)[-1] for each in family} == {"purged"}


def test_sweep_by_bulk_is_the_sweep_by_rest(org, log, tmp_path):
    other = EventLog(tmp_path / "bulk")
    leads = make_leads(org, 10)
    org.advance(hours=1)
    for each in (log, other):
        org.pull(each, "before", objects=LEADS, **NEVER)
    delete(org, "Lead", *leads[:2])
    purge(org, leads[0])
    org.advance(hours=1)
    org.pull(log, "sweep", objects=LEADS, **NOW)
    org.pull(other, "sweep", objects=LEADS, bulk_from_rows=0, **NOW)
    assert event_ids(log) == event_ids(other)
    compared = ("ids_at_source", "ids_missing", "rows_purged", "rows_found", "kind")
    assert [[each[name] for name in compared] for each in sweeps(log)] == [
        [each[name] for name in compared] for each in sweeps(other)
    ]


def test_object_without_a_recycle_bin_or_a_creation_date_is_swept(org, log):
    roles = only("UserRole")
    org.pull(log, "before", objects=roles, **NEVER)
    role = log.latest("user_role", ["record_id"])["record_id"][0].as_py()
    hide(org, role, name="UserRole")
    org.advance(hours=1)
    (pulled,) = org.pull(log, "sweep", objects=roles, **NOW)
    assert pulled.sweep_message == "id sweep: 1 gone for good, 0 found"
    assert kinds(log, "user_role", role) == ["observed", "purged"]


def test_person_erased_by_law_is_not_found_again(org, log, leads):
    log.erase([leads[0]], run_id="erasure", observed_at=org.now)
    assert swept(org, log).sweep_message == ""
    assert kinds(log, "lead", leads[0]) == []


def test_record_made_after_the_window_is_left_to_the_next(org, log, leads):
    lead = create(org, "Lead", LastName="x", Company="y")
    (pulled,) = org.pull(log, "sweep", objects=LEADS, **NOW)
    assert (pulled.sweep_message, kinds(log, "lead", lead)) == ("", [])
    org.advance(hours=1)
    org.pull(log, "next", objects=LEADS, **NEVER)
    assert kinds(log, "lead", lead) == ["observed"]


def test_record_changed_while_ids_are_read_is_not_missing(org, log, leads):
    update(org, "Lead", leads[0], Company="changed after the window")
    assert swept(org, log).sweep_message == ""
    assert "purged" not in kinds(log, "lead", leads[0])


def test_field_history_older_than_the_org_keeps_stays_in_the_log(org, log):
    history = only("OpportunityFieldHistory")
    org.pull(log, "before", objects=history, **NEVER)
    known = event_ids(log)
    switch(org, "features", "PUT", features=["history_retention"])
    org.advance(days=760)
    (pulled,) = org.pull(log, "sweep", objects=history, **NOW)
    switch(org, "features", "PUT", features=[])
    assert is_complete([pulled])
    (fact,) = sweeps(log)
    assert (fact["ids_at_source"], fact["ids_missing"]) == (0, len(known))
    assert event_ids(log) == known
