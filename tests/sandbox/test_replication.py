"""Records that come late, are merged, or go: what getUpdated, getDeleted and queries say of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.process import start
from tests.sandbox.conftest import Caller

NOON = "2026-05-01T12:00:00Z"


@pytest.fixture(autouse=True)
def _settings_put_back(caller: Caller) -> Iterator[None]:
    caller.set_clock(NOON)
    yield
    settings(caller, reset=True)


def settings(caller: Caller, **given: object) -> None:
    assert caller.call("PUT", "/sandbox/replication", json=given).status_code == 200


def changes(caller: Caller, name: str, kind: str, start: str, end: str) -> dict[str, object]:
    reply = caller.call("GET", f"sobjects/{name}/{kind}/", params={"start": start, "end": end})
    assert reply.status_code == 200, reply.text
    return reply.json()


def refusal(caller: Caller, kind: str, start: str, end: str) -> dict[str, str]:
    reply = caller.call("GET", f"sobjects/Account/{kind}", params={"start": start, "end": end})
    assert reply.status_code == 400
    return reply.json()[0]


def deleted(caller: Caller, name: str, start: str, end: str) -> dict[str, str]:
    records = changes(caller, name, "deleted", start, end)["deletedRecords"]
    return {each["id"]: each["deletedDate"] for each in records}  # type: ignore[attr-defined]


def names(caller: Caller, *ids: str) -> list[object]:
    listed = ",".join(f"'{each}'" for each in ids)
    return [each["Name"] for each in caller.query(f"select Name from Account where Id in ({listed})")]


# late commits


def test_a_late_record_is_stamped_at_the_start_and_seen_after_the_clock_has_passed(caller: Caller) -> None:
    caller.set_faults({"name": "late_commit", "object": "Account", "seconds": 600})
    late = caller.create("Account", Name="late")
    caller.set_clock("2026-05-01T12:09:59Z")
    assert names(caller, late) == []
    early = changes(caller, "Account", "updated", "2026-05-01T11:00:00Z", "2026-05-01T12:09:00Z")
    assert late not in early["ids"]  # type: ignore[operator]
    assert early["latestDateCovered"] == "2026-05-01T12:00:00.000+0000"
    caller.set_clock("2026-05-01T12:10:00Z")
    seen = caller.query(f"select Name, SystemModstamp, CreatedDate from Account where Id = '{late}'")[0]
    assert seen["SystemModstamp"] == seen["CreatedDate"] == "2026-05-01T12:00:00.000+0000"
    found = changes(caller, "Account", "updated", "2026-05-01T12:00:00Z", "2026-05-01T12:10:00Z")
    assert late in found["ids"]  # type: ignore[operator]
    assert found["latestDateCovered"] == "2026-05-01T12:10:00.000+0000"


def test_a_late_update_shows_the_old_values_until_it_is_committed(caller: Caller) -> None:
    account = caller.create("Account", Name="before")
    caller.set_faults({"name": "late_commit", "times": 1, "seconds": 0})
    caller.call("PATCH", f"sobjects/Account/{account}", json={"Name": "after"})
    other = caller.create("Account", Name="at once")
    assert sorted(map(str, names(caller, account, other))) == ["at once", "before"]
    assert caller.call("POST", "/sandbox/commit", json={}).json() == {"committed": 1}
    assert sorted(map(str, names(caller, account, other))) == ["after", "at once"]


def test_taking_the_fault_away_commits_what_it_held(caller: Caller) -> None:
    caller.set_faults({"name": "late_commit", "seconds": 0})
    account = caller.create("Account", Name="held")
    assert names(caller, account) == []
    caller.set_faults()
    assert names(caller, account) == ["held"]


def test_the_rows_of_an_open_transaction_are_locked_for_others_row_by_row(caller: Caller) -> None:
    first, second = (caller.create("Account", Name=name) for name in ("first", "second"))
    caller.set_faults({"name": "late_commit", "times": 1, "seconds": 0})
    caller.call("PATCH", f"sobjects/Account/{first}", json={"Name": "mine"})
    rows = [{"attributes": {"type": "Account"}, "Id": each, "Site": "x"} for each in (first, second)]
    results = caller.call("PATCH", "composite/sobjects", json={"records": rows}).json()
    assert [each["success"] for each in results] == [False, True]
    assert results[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert caller.call("DELETE", f"sobjects/Account/{first}").json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"


def test_upserting_a_key_that_is_being_created_makes_no_second_record(caller: Caller) -> None:
    path = "sobjects/Task/GyakusanActionKey__c/late-key"
    caller.set_faults({"name": "late_commit", "times": 1, "seconds": 0})
    created = caller.call("PATCH", path, json={"Subject": "one"})
    assert created.status_code == 201
    again = caller.call("PATCH", path, json={"Subject": "two"})
    assert (again.status_code, again.json()[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    caller.set_faults()
    assert caller.call("PATCH", path, json={"Subject": "two"}).json()["id"] == created.json()["id"]


def test_a_late_deletion_is_seen_late_with_its_early_stamp(caller: Caller) -> None:
    account = caller.create("Account", Name="going")
    caller.set_clock("2026-05-01T12:01:00Z")
    caller.set_faults({"name": "late_commit", "times": 1, "seconds": 300})
    assert caller.call("DELETE", f"sobjects/Account/{account}").status_code == 204
    assert names(caller, account) == ["going"]
    caller.set_clock("2026-05-01T12:06:00Z")
    assert names(caller, account) == []
    found = deleted(caller, "Account", "2026-05-01T12:01:00Z", "2026-05-01T12:02:00Z")
    assert found[account] == "2026-05-01T12:01:00.000+0000"


def test_a_late_stage_change_brings_its_history_late(caller: Caller) -> None:
    deal = caller.deal()
    caller.set_faults({"name": "late_commit", "times": 1, "seconds": 0, "object": "Opportunity"})
    caller.call("PATCH", f"sobjects/Opportunity/{deal}", json={"StageName": "Qualification"})
    soql = f"select StageName from OpportunityHistory where OpportunityId = '{deal}'"
    assert len(caller.query(soql)) == 1
    caller.set_faults()
    assert len(caller.query(soql)) == 2


def test_what_was_not_committed_is_gone_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    with start(path) as first:
        caller = Caller(first)
        caller.log_in()
        kept = caller.create("Account", Name="kept")
        caller.set_faults({"name": "late_commit"})
        lost = caller.create("Account", Name="lost")
    with start(path) as second:
        caller = Caller(second)
        caller.log_in()
        assert names(caller, kept, lost) == ["kept"]
        assert caller.create("Account", Name="next") not in (kept, lost)


# merge


def test_merging_accounts_moves_children_and_names_the_master(caller: Caller) -> None:
    winner, loser = (caller.create("Account", Name=name) for name in ("winner", "loser"))
    deal = caller.deal(AccountId=loser)
    contact = caller.create("Contact", LastName="x", AccountId=loser)
    task = caller.create("Task", Subject="call", WhatId=loser, Status="Completed", ActivityDate="2026-04-30")
    caller.set_clock("2026-05-02T12:00:00Z")
    reply = caller.call("POST", "/sandbox/merge", json={"winner": winner[:15], "losers": [loser]}).json()
    assert (reply["id"], reply["mergedRecordIds"]) == (winner, [loser])
    assert {deal, contact, task} <= {*reply["updatedRelatedIds"]}
    for name, record_id, field in (
        ("Opportunity", deal, "AccountId"), ("Contact", contact, "AccountId"), ("Task", task, "WhatId"),
        ("Task", task, "AccountId"),
    ):  # fmt: skip
        row = caller.query(f"select {field}, SystemModstamp from {name} where Id = '{record_id}'")[0]
        assert (row[field], row["SystemModstamp"]) == (winner, "2026-05-02T12:00:00.000+0000")
    gone = caller.query(
        f"select IsDeleted, MasterRecordId, SystemModstamp from Account where Id = '{loser}'", everything=True
    )[0]
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)
    assert loser in deleted(caller, "Account", "2026-05-02T12:00:00Z", "2026-05-02T12:01:00Z")
    kept = caller.query(f"select LastActivityDate, SystemModstamp from Account where Id = '{winner}'")[0]
    assert (kept["LastActivityDate"], kept["SystemModstamp"]) == (
        "2026-04-30",
        "2026-05-02T12:00:00.000+0000",
    )


def test_a_merged_record_that_is_purged_is_only_an_id_that_is_gone(caller: Caller) -> None:
    winner, loser = (caller.create("Lead", LastName=name, Company="c") for name in ("w", "l"))
    caller.call("POST", "/sandbox/merge", json={"winner": winner, "losers": [loser]})
    caller.call("POST", "/sandbox/purge", json={"ids": [loser]})
    assert caller.query(f"select Id from Lead where Id = '{loser}'", everything=True) == []
    assert loser not in deleted(caller, "Lead", NOON, "2026-05-01T12:01:00Z")


@pytest.mark.parametrize("case", ["itself", "four", "another object", "deleted", "none"])
def test_what_cannot_be_merged_is_refused_and_nothing_moves(caller: Caller, case: str) -> None:
    ids = [caller.create("Account", Name="a") for _ in range(4)]
    contact = caller.create("Contact", LastName="x")
    caller.call("DELETE", f"sobjects/Account/{ids[3]}")
    losers = {
        "itself": [ids[0]], "four": [*ids[1:3], contact], "another object": [contact], "deleted": [ids[3]], "none": [],
    }[case]  # fmt: skip
    reply = caller.call("POST", "/sandbox/merge", json={"winner": ids[0], "losers": losers})
    assert reply.status_code in (400, 404)
    assert len(names(caller, *ids[:3])) == 3


# getUpdated and getDeleted


def test_spans_salesforce_refuses_are_refused_in_its_words(caller: Caller) -> None:
    same_minute = refusal(caller, "updated", "2026-05-01T11:59:01Z", "2026-05-01T11:59:59Z")
    assert same_minute["errorCode"] == "INVALID_REPLICATION_DATE"
    assert "at least one minute greater" in same_minute["message"]
    backwards = refusal(caller, "deleted", "2026-05-01T11:00:00Z", "2026-05-01T10:00:00Z")
    assert backwards["errorCode"] == "INVALID_REPLICATION_DATE"
    old = refusal(caller, "deleted", "2026-03-31T00:00:00Z", "2026-05-01T10:00:00Z")
    assert "more than 30 days ago" in old["message"]
    word = refusal(caller, "deleted", "yesterday", "2026-05-01T10:00:00Z")
    assert word["errorCode"] == "INVALID_REPLICATION_DATE"


def test_an_object_that_cannot_be_replicated_says_so(caller: Caller) -> None:
    reply = caller.call(
        "GET", "sobjects/OpportunityFieldHistory/deleted", params={"start": NOON, "end": NOON}
    )
    assert "not replicateable" in reply.json()[0]["message"]


def test_seconds_of_the_span_are_dropped(caller: Caller) -> None:
    caller.set_clock("2026-05-01T12:00:30Z")
    account = caller.create("Account", Name="half past")
    caller.set_clock("2026-05-01T12:05:00Z")
    asked = ("2026-05-01T12:00:45Z", "2026-05-01T12:01:10Z")
    assert account in changes(caller, "Account", "updated", *asked)["ids"]  # type: ignore[operator]
    asked = ("2026-05-01T11:00:00Z", "2026-05-01T12:00:59Z")
    assert account not in changes(caller, "Account", "updated", *asked)["ids"]  # type: ignore[operator]


def test_the_delete_log_goes_back_fifteen_days_and_says_so(caller: Caller) -> None:
    old, young = (caller.create("Account", Name=name) for name in ("old", "young"))
    caller.call("DELETE", f"sobjects/Account/{old}")
    caller.set_clock("2026-05-10T12:00:00Z")
    caller.call("DELETE", f"sobjects/Account/{young}")
    caller.set_clock("2026-05-17T12:00:00Z")
    reply = changes(caller, "Account", "deleted", "2026-05-01T00:00:00Z", "2026-05-17T00:00:00Z")
    ids = [each["id"] for each in reply["deletedRecords"]]  # type: ignore[attr-defined]
    assert (old in ids, young in ids) == (False, True)
    assert reply["earliestDateAvailable"] == "2026-05-02T12:00:00.000+0000"


def test_the_start_of_the_delete_log_can_be_moved_so_that_deletes_are_missed(caller: Caller) -> None:
    account = caller.create("Account", Name="missed")
    caller.call("DELETE", f"sobjects/Account/{account}")
    caller.set_clock("2026-05-01T14:00:00Z")
    settings(caller, earliest_date_available="2026-05-01T22:00:00+09:00")
    span = ("2026-05-01T11:00:00Z", "2026-05-01T14:00:00Z")
    reply = changes(caller, "Account", "deleted", *span)
    assert (reply["deletedRecords"], reply["earliestDateAvailable"]) == ([], "2026-05-01T13:00:00.000+0000")
    settings(caller, earliest_date_available=None)
    assert account in deleted(caller, "Account", *span)


def test_latest_date_covered_can_lag_behind_the_clock(caller: Caller) -> None:
    settings(caller, latest_date_covered_lag_seconds=900)
    for kind in ("updated", "deleted"):
        covered = changes(caller, "Account", kind, "2026-05-01T11:00:00Z", NOON)["latestDateCovered"]
        assert covered == "2026-05-01T11:45:00.000+0000"


def test_too_many_ids_are_refused(caller: Caller) -> None:
    for _ in range(3):
        account = caller.create("Account", Name="many")
        caller.call("DELETE", f"sobjects/Account/{account}")
        caller.create("Account", Name="many")
    caller.set_clock("2026-05-01T12:01:00Z")
    settings(caller, maximum_ids=2)
    for kind in ("updated", "deleted"):
        assert refusal(caller, kind, NOON, "2026-05-01T12:01:00Z")["errorCode"] == "EXCEEDED_ID_LIMIT"
    settings(caller, maximum_ids=600_000)
    assert len(deleted(caller, "Account", NOON, "2026-05-01T12:01:00Z")) >= 3


def test_purged_rows_stay_in_the_delete_log_only_where_the_org_is_set_so(caller: Caller) -> None:
    silent, logged, binned = (caller.create("Account", Name="x") for _ in range(3))
    caller.call("DELETE", f"sobjects/Account/{binned}")
    caller.set_clock("2026-05-01T12:10:00Z")
    caller.call("POST", "/sandbox/purge", json={"ids": [silent]})
    settings(caller, purge_stays_in_delete_log=True)
    caller.call("POST", "/sandbox/purge", json={"ids": [logged, binned]})
    found = deleted(caller, "Account", NOON, "2026-05-01T12:11:00Z")
    assert silent not in found
    assert (found[logged], found[binned]) == ("2026-05-01T12:10:00.000+0000", "2026-05-01T12:00:00.000+0000")


def test_purging_an_account_takes_its_children(caller: Caller) -> None:
    account = caller.create("Account", Name="tree")
    deal = caller.deal(AccountId=account)
    task = caller.create("Task", Subject="leaf", WhatId=deal)
    caller.call("POST", "/sandbox/purge", json={"ids": [account]})
    for name, record_id in (("Opportunity", deal), ("Task", task)):
        assert caller.query(f"select Id from {name} where Id = '{record_id}'", everything=True) == []


def test_an_unknown_setting_is_refused(caller: Caller) -> None:
    reply = caller.call("PUT", "/sandbox/replication", json={"speed": 3})
    assert "unknown setting speed" in reply.json()[0]["message"]
