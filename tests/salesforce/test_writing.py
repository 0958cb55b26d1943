"""Writing to a live org: once, row by row, and only what the owner has not touched."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import UnsafeTarget
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.apply_actions import write_actions
from connectors.salesforce.writing.upserts import delete_tasks, read_back, upsert_actions
from connectors.salesforce.writing.write_plan import LIVE_FIELDS, expired_untouched, marker
from connectors.sandbox.records.ids import numbered
from tests.salesforce.conftest import only
from tests.salesforce.seed import OPPORTUNITIES, rep

STANDING = [numbered("006", 1 + index) for index in range(OPPORTUNITIES) if index % 29]
COLLECTION = "/composite/sobjects"
HIDDEN_KEY = {"name": "deny_field", "object": "Task", "field": ACTION_KEY_FIELD}


def actions(count: int, day: str, **changes: object) -> pa.Table:
    rows = [
        {
            ACTION_KEY_FIELD: f"{day}/{index}",
            "GyakusanExpectedGain__c": 1234.56 + index,
            "OwnerId": rep(index),
            "WhatId": STANDING[index % len(STANDING)],
            "Subject": f"電話する {index}",
            "Description": "Fact\nComparison",
            "ActivityDate": date(2024, 6, 10),
            "Priority": "High",
            **changes,
        }
        for index in range(count)
    ]
    return pa.Table.from_pylist(rows)


def with_value(rows: pa.Table, field: str, index: int, value: str) -> pa.Table:
    listed = rows.to_pylist()
    listed[index][field] = value
    return pa.Table.from_pylist(listed)


def write(org, log, rows, **options):
    client = options.pop("client", None) or org.client()
    return write_actions(client, log, rows, run_id="run", clock=lambda: org.now, **options)


def held(org, day: str) -> list[dict]:
    return org.query(
        f"SELECT Id, Subject, {ACTION_KEY_FIELD} FROM Task WHERE {ACTION_KEY_FIELD} LIKE '{day}/%'"
    )


def test_writing_twice_writes_once(org, log):
    rows = actions(250, "twice")
    first = write(org, log, rows)
    assert first.counts() | {"confirmed": 250, "created": 250, "rejected": 0} == first.counts()
    client = org.client()
    second = write(org, log, rows, client=client)
    assert (second.counts()["unchanged"], second.result.rows) == (250, ())
    assert client.session.calls <= 4
    assert len(held(org, "twice")) == 250
    assert log.read("actions_confirmed").num_rows == 250


def test_results_come_in_the_order_of_the_rows(org):
    rows = actions(250, "order")
    result = upsert_actions(org.client(), rows)
    assert [row.action_key for row in result.rows] == rows[ACTION_KEY_FIELD].to_pylist()
    ids = {each[ACTION_KEY_FIELD]: each["Id"] for each in held(org, "order")}
    assert {row.action_key: row.task_id for row in result.rows} == ids


def test_dry_run_shows_differences_and_changes_nothing(org, log):
    outcome = write(org, log, actions(3, "dry"), dry_run=True)
    assert outcome.counts()["create"] == 3
    assert {each.field for each in outcome.planned[0].differences} >= {"Subject", "OwnerId"}
    assert held(org, "dry") == []


def test_changed_action_is_updated(org, log):
    write(org, log, actions(2, "change"))
    outcome = write(org, log, actions(2, "change", Priority="Low"))
    assert (outcome.counts()["updated"], outcome.counts()["confirmed"]) == (2, 2)


def test_one_bad_row_among_200_is_rejected_alone_with_its_reason(org, log):
    rows = with_value(actions(200, "bad"), "Subject", 77, "x" * 300)
    outcome = write(org, log, rows)
    assert (outcome.counts()["created"], outcome.counts()["rejected"]) == (199, 1)
    (rejected,) = log.read("actions_rejected").to_pylist()
    assert rejected["record_id"] == "bad/77"
    assert rejected["status_code"] == "STRING_TOO_LONG"
    assert not rejected["is_passing"]
    assert "bad/77" not in outcome.confirmed_keys


def test_collection_refused_as_a_whole_is_halved_down_to_its_bad_row(org, monkeypatch):
    from connectors.salesforce.connection.errors import ApiFault, RequestRefused

    send = SalesforceClient.restful

    def refusing(self, path, method="GET", **options):
        if any(each.get("Subject") == "poison" for each in options.get("json", {}).get("records", [])):
            raise RequestRefused("bad", status=400, faults=(ApiFault("JSON_PARSER_ERROR", "bad"),))
        return send(self, path, method, **options)

    monkeypatch.setattr(SalesforceClient, "restful", refusing)
    result = upsert_actions(org.client(), with_value(actions(64, "poison"), "Subject", 40, "poison"))
    assert [row.action_key for row in result.rows if row.status == "rejected"] == ["poison/40"]
    assert result.count("created") == 63


def test_lost_reply_is_harmless(org, log):
    org.faults({"name": "truncated_page", "times": 1, "path": f"{COLLECTION}/Task"})
    outcome = write(org, log, actions(20, "lost"))
    assert outcome.counts()["confirmed"] == 20
    assert len(held(org, "lost")) == 20


def test_reply_that_never_comes_is_settled_by_reading_back(org, log):
    org.faults({"name": "truncated_page", "path": f"{COLLECTION}/Task"})
    outcome = write(org, log, actions(5, "silent"))
    assert (outcome.counts()["unsent"], outcome.counts()["confirmed"]) == (5, 5)


def test_locked_row_is_sent_again_alone(org, log):
    write(org, log, actions(10, "lock"))
    task = held(org, "lock")[0]["Id"]
    org.faults({"name": "lock_row", "times": 1, "path": task})
    outcome = write(org, log, actions(10, "lock", Priority="Low"))
    assert (outcome.counts()["updated"], outcome.counts()["confirmed"]) == (10, 10)
    assert sorted(row.attempts for row in outcome.result.rows) == [1] * 9 + [2]


def test_row_that_stays_locked_is_a_passing_rejection(org, log):
    write(org, log, actions(3, "locked"))
    org.faults({"name": "lock_row", "path": held(org, "locked")[0]["Id"]})
    outcome = write(org, log, actions(3, "locked", Priority="Low"))
    (rejected,) = [row for row in outcome.result.rows if row.status == "rejected"]
    assert (rejected.status_code, rejected.is_passing, rejected.attempts) == ("UNABLE_TO_LOCK_ROW", True, 3)
    org.faults()
    assert write(org, log, actions(3, "locked", Priority="Low")).counts()["updated"] == 1


def test_token_that_expires_while_writing_is_renewed(org, log):
    org.faults({"name": "expire_token", "times": 1, "path": COLLECTION})
    assert write(org, log, actions(3, "expired")).counts()["confirmed"] == 3


def test_limit_while_writing_leaves_rows_for_another_night(org, log):
    org.faults({"name": "request_limit", "path": COLLECTION})
    outcome = write(org, log, actions(3, "limited"))
    assert outcome.counts()["unsent"] == 3
    assert all(row.is_passing and "limit" in row.message for row in outcome.result.rows)
    org.faults()
    assert write(org, log, actions(3, "limited")).counts()["created"] == 3


def test_read_back_that_fails_is_made_up_for_by_the_next_night(org, log):
    client = org.client(ApiBudget(max_calls=3))
    first = write(org, log, actions(2, "budget"), client=client)
    assert (first.counts()["created"], first.counts()["confirmed"]) == (2, 0)
    assert "not read back" in first.notes[-1]
    assert write(org, log, actions(2, "budget")).counts()["confirmed"] == 2


def test_task_its_owner_has_finished_is_left_alone(org, log):
    write(org, log, actions(2, "done"))
    client = org.client()
    client.restful(f"sobjects/Task/{held(org, 'done')[0]['Id']}", "PATCH", json={"Status": "Completed"})
    outcome = write(org, log, actions(2, "done", Description="new"))
    assert [(each.decision, each.reason) for each in outcome.planned] == [
        ("left_alone", "closed by its owner"),
        ("update", ""),
    ]
    assert outcome.counts()["updated"] == 1


def test_task_someone_else_has_edited_is_left_alone(org, log, monkeypatch):
    write(org, log, actions(2, "edited"))
    # Seen by another user, what we wrote is what someone else wrote.
    monkeypatch.setattr(SalesforceClient, "user_id", rep(0))
    outcome = write(org, log, actions(2, "edited", Description="new"))
    assert {(each.decision, each.reason) for each in outcome.planned} == {
        ("left_alone", "edited since by someone else")
    }
    assert outcome.result.rows == ()


def test_deleted_task_is_not_written_again(org, log):
    write(org, log, actions(1, "deleted"))
    assert delete_tasks(org.client(), [held(org, "deleted")[0]["Id"]]).count("deleted") == 1
    outcome = write(org, log, actions(1, "deleted"))
    assert [each.decision for each in outcome.planned] == ["left_alone"]
    assert held(org, "deleted") == []


def test_expired_tasks_are_taken_back_and_gone_ones_count_as_gone(org, log):
    client = org.client()
    write(org, log, actions(3, "expire"))
    live = read_back(client, [f"expire/{index}" for index in range(3)], ["Subject"])
    assert set(LIVE_FIELDS) <= set(live.column_names)
    ids = expired_untouched(live, own_user_id=client.user_id, before_date=date(2024, 6, 11))
    assert len(ids) == 3
    assert delete_tasks(client, ids).count("deleted") == 3
    assert delete_tasks(client, ids).count("deleted") == 3
    assert held(org, "expire") == []


def test_own_writes_arrive_with_the_next_pull(org, log):
    write(org, log, actions(4, "own"))
    org.advance(hours=1)
    org.pull(log, objects=only("Task"))
    own = log.latest("task", where=f"\"{ACTION_KEY_FIELD}\" like 'own/%'")
    assert own.num_rows == 4


def test_writing_to_production_needs_an_explicit_word(org, log, monkeypatch):
    monkeypatch.setattr(SalesforceClient, "is_sandbox", lambda self: False)
    with pytest.raises(UnsafeTarget, match="no sandbox"):
        write(org, log, actions(1, "production"))
    assert write(org, log, actions(1, "production"), dry_run=True).counts()["create"] == 1
    assert write(org, log, actions(1, "production"), allow_production=True).counts()["created"] == 1


def marked(org, day: str, count: int) -> list[dict]:
    likes = " OR ".join(f"Subject LIKE '%{marker(f'{day}/{index}')}%'" for index in range(count))
    return org.query(f"SELECT Id, Subject FROM Task WHERE {likes}")


def test_without_our_key_field_tasks_are_marked_and_written_once(org, log):
    org.faults(HIDDEN_KEY)
    first = write(org, log, actions(12, "mark"))
    assert (first.mode, first.counts()["created"], first.counts()["confirmed"]) == ("marker", 12, 12)
    assert any("mark in Subject" in note for note in first.notes)
    second = write(org, log, actions(12, "mark"))
    assert (second.counts()["unchanged"], second.result.rows) == (12, ())
    assert write(org, log, actions(12, "mark", Priority="Low")).counts()["updated"] == 12
    assert len(marked(org, "mark", 12)) == 12


def test_without_our_key_field_a_lost_reply_makes_no_duplicates(org, log):
    org.faults(HIDDEN_KEY, {"name": "truncated_page", "times": 1, "path": COLLECTION})
    outcome = write(org, log, actions(6, "lostmark"))
    assert outcome.counts()["confirmed"] == 6
    assert len(marked(org, "lostmark", 6)) == 6


def test_without_our_key_field_a_rewritten_subject_is_still_known(org, log):
    org.faults(HIDDEN_KEY)
    write(org, log, actions(1, "rewritten"))
    task = marked(org, "rewritten", 1)[0]["Id"]
    org.client().restful(f"sobjects/Task/{task}", "PATCH", json={"Subject": "my own words"})
    outcome = write(org, log, actions(1, "rewritten"))
    assert outcome.counts()["create"] == 0
    assert outcome.planned[0].task_id == task


def test_hidden_extra_field_is_left_out_and_said(org, log):
    org.faults({"name": "deny_field", "object": "Task", "field": "GyakusanExpectedGain__c"})
    outcome = write(org, log, actions(2, "hidden"))
    assert (outcome.mode, outcome.counts()["confirmed"]) == ("external_id", 2)
    assert outcome.notes == ("Task.GyakusanExpectedGain__c is not in the org or not visible: it is left out",)
