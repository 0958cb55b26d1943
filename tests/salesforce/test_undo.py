"""Taking back what a run wrote, and only that."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa
import pytest

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import UnsafeTarget
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.apply_actions import write_actions
from connectors.salesforce.writing.undo import UndoneAction, undo_run
from connectors.salesforce.writing.undo_facts import UnknownRun, actions_written, find_run, runs_that_wrote
from connectors.salesforce.writing.write_facts import WriteRecorder
from tests.salesforce.seed import rep
from tests.salesforce.test_writing import COLLECTION, HIDDEN_KEY, actions, held, marked


def night(org, log, rows, run_id: str, **options):
    client = options.pop("client", None) or org.client()
    return write_actions(client, log, rows, run_id=run_id, clock=lambda: org.now, **options)


def undo(org, log, run_id: str, **options) -> list[UndoneAction]:
    client = options.pop("client", None) or org.client()
    return undo_run(client, log, run_id, run_id=f"undo {run_id}", clock=lambda: org.now, **options)


def statuses(done: list[UndoneAction]) -> list[str]:
    return [each.status for each in done]


def all_tasks(org) -> list[dict]:
    fields = "Id, Subject, Description, Priority, Status, ActivityDate, OwnerId, GyakusanExpectedGain__c"
    return org.query(f"SELECT {fields} FROM Task ORDER BY Id")


def test_created_tasks_are_deleted_and_nothing_else(org, log):
    before = all_tasks(org)
    night(org, log, actions(205, "undone"), "first")
    done = undo(org, log, "first")
    assert statuses(done) == ["deleted"] * 205
    assert all_tasks(org) == before
    assert log.read("actions_undone", where="kind = 'deleted'").num_rows == 205


def test_updated_fields_get_their_values_back(org, log):
    night(org, log, actions(3, "restore"), "first")
    before = all_tasks(org)
    changes = {
        "Priority": "Low",
        "Description": None,
        "ActivityDate": date(2024, 6, 20),
        "GyakusanExpectedGain__c": 9.5,
    }
    night(org, log, actions(3, "restore", **changes), "second")
    assert all_tasks(org) != before
    done = undo(org, log, "second")
    assert statuses(done) == ["restored"] * 3
    assert all_tasks(org) == before
    (shown,) = ({each.field: (each.before, each.after) for each in done[0].planned.differences},)
    assert shown["Priority"] == ("Low", "High")
    assert shown["ActivityDate"] == ("2024-06-20", "2024-06-10")


def test_the_values_an_update_replaced_stand_in_its_fact(org, log):
    night(org, log, actions(1, "kept"), "first")
    night(org, log, actions(1, "kept", Priority="Low"), "second")
    (fact,) = log.read("actions_sent", where="run_id = 'second' and kind = 'update'").to_pylist()
    assert json.loads(fact["values_before"]) == {"Priority": "High"}
    assert json.loads(fact["values_sent"]) == {"Priority": "Low"}


def test_undoing_twice_does_it_once(org, log):
    night(org, log, actions(2, "again"), "first")
    undo(org, log, "first")
    facts = log.read("actions_undone").num_rows
    client = org.client()
    assert statuses(undo(org, log, "first", client=client)) == ["nothing"] * 2
    assert log.read("actions_undone").num_rows == facts


def test_a_dry_run_says_what_would_go_and_changes_nothing(org, log):
    night(org, log, actions(2, "rehearsed"), "first")
    before = all_tasks(org)
    assert statuses(undo(org, log, "first", dry_run=True)) == ["delete"] * 2
    assert all_tasks(org) == before
    assert log.read("actions_undone").num_rows == 0


def test_what_its_owner_has_finished_or_deleted_is_left_alone(org, log):
    night(org, log, actions(3, "touched"), "first")
    finished, deleted, _ = (each["Id"] for each in held(org, "touched"))
    org.client().restful(f"sobjects/Task/{finished}", "PATCH", json={"Status": "Completed"})
    org.client().restful(f"sobjects/Task/{deleted}", "DELETE")
    done = undo(org, log, "first")
    assert [(each.status, each.message) for each in done] == [
        ("left_alone", "closed by its owner"),
        ("left_alone", "deleted in the org"),
        ("deleted", ""),
    ]


def test_what_someone_else_has_edited_is_left_alone(org, log, monkeypatch):
    night(org, log, actions(1, "theirs"), "first")
    monkeypatch.setattr(SalesforceClient, "user_id", rep(0))
    (done,) = undo(org, log, "first")
    assert (done.status, done.message) == ("left_alone", "edited since by someone else")
    assert len(held(org, "theirs")) == 1


def test_what_was_changed_under_our_own_name_is_left_alone_and_named(org, log):
    night(org, log, actions(1, "loader"), "first")
    (task,) = held(org, "loader")
    org.client().restful(f"sobjects/Task/{task['Id']}", "PATCH", json={"Priority": "Low"})
    (done,) = undo(org, log, "first")
    assert (done.status, done.message) == ("left_alone", "changed since: Priority")


def test_what_a_later_run_wrote_again_is_left_to_that_run(org, log):
    before = all_tasks(org)
    night(org, log, actions(1, "later"), "first")
    night(org, log, actions(1, "later", Priority="Low"), "second")
    (done,) = undo(org, log, "first")
    assert (done.status, done.message) == ("left_alone", "written again by run second")
    # Undone from the end, both go.
    assert statuses(undo(org, log, "second")) == ["restored"]
    assert statuses(undo(org, log, "first")) == ["deleted"]
    assert all_tasks(org) == before


def test_rejected_rows_are_nothing_to_take_back(org, log):
    night(org, log, actions(2, "refused", Subject="x" * 300), "first")
    assert undo(org, log, "first") == []


def test_a_write_whose_answer_was_lost_is_taken_back_too(org, log):
    org.faults({"name": "lost_reply", "path": f"{COLLECTION}/Task"})
    night(org, log, actions(4, "unheard"), "first")
    org.faults()
    assert len(held(org, "unheard")) == 4
    assert statuses(undo(org, log, "first")) == ["deleted"] * 4
    assert held(org, "unheard") == []


def test_killed_between_sending_and_the_answer_is_taken_back_too(org, log, monkeypatch):
    def killed(self, result) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(WriteRecorder, "answered", killed)
        with pytest.raises(KeyboardInterrupt):
            night(org, log, actions(3, "killed"), "first")
    assert len(held(org, "killed")) == 3
    assert statuses(undo(org, log, "first")) == ["deleted"] * 3


def test_killed_in_the_middle_of_an_undo_is_gone_on_with(org, log, monkeypatch):
    night(org, log, actions(2, "half"), "first")
    record = WriteRecorder.undone

    def dies_before(self, facts) -> None:
        if any(fact["kind"] == "deleted" for fact in facts):
            raise KeyboardInterrupt
        record(self, facts)

    with monkeypatch.context() as patched:
        patched.setattr(WriteRecorder, "undone", dies_before)
        with pytest.raises(KeyboardInterrupt):
            undo(org, log, "first")
    assert held(org, "half") == []
    assert statuses(undo(org, log, "first")) == ["deleted"] * 2
    assert statuses(undo(org, log, "first")) == ["nothing"] * 2


def test_an_undo_whose_answer_was_lost_is_settled_by_reading_back(org, log):
    night(org, log, actions(2, "quiet"), "first")
    org.faults({"name": "lost_reply", "times": 1, "path": COLLECTION})
    assert statuses(undo(org, log, "first")) == ["deleted"] * 2


def test_a_locked_task_keeps_its_words_and_goes_the_next_time(org, log):
    night(org, log, actions(2, "stuck"), "first")
    org.faults({"name": "lock_row", "path": held(org, "stuck")[0]["Id"]})
    locked, gone = undo(org, log, "first")
    assert (locked.status, gone.status) == ("rejected", "deleted")
    assert "UNABLE_TO_LOCK_ROW" in locked.message
    org.faults()
    assert statuses(undo(org, log, "first")) == ["deleted", "nothing"]


def test_without_our_key_field_marked_tasks_are_taken_back(org, log):
    org.faults(HIDDEN_KEY)
    night(org, log, actions(3, "unmark"), "first")
    assert statuses(undo(org, log, "first")) == ["deleted"] * 3
    assert marked(org, "unmark", 3) == []


def test_an_undone_task_may_be_made_again_by_a_later_run(org, log):
    night(org, log, actions(2, "anew"), "first")
    undo(org, log, "first")
    again = night(org, log, actions(2, "anew"), "second")
    assert (again.counts()["created"], again.counts()["confirmed"]) == (2, 2)
    assert statuses(undo(org, log, "second")) == ["deleted"] * 2


def test_production_needs_an_explicit_word(org, log, monkeypatch):
    night(org, log, actions(1, "real"), "first")
    monkeypatch.setattr(SalesforceClient, "is_sandbox", lambda self: False)
    with pytest.raises(UnsafeTarget, match="no sandbox"):
        undo(org, log, "first")
    assert statuses(undo(org, log, "first", dry_run=True)) == ["delete"]
    assert statuses(undo(org, log, "first", allow_production=True)) == ["deleted"]


def test_runs_are_found_by_id_beginning_and_last(org, log):
    with pytest.raises(UnknownRun, match="no run has written yet"):
        find_run(log, "last")
    night(org, log, actions(2, "one"), "abc-1")
    night(org, log, actions(2, "one"), "abc-nothing")
    night(org, log, actions(1, "two"), "abd-2")
    night(org, log, actions(2, "one", Priority="Low"), "xyz-3")
    assert [find_run(log, given) for given in ("last", "abc", "abd-2", "xy")] == [
        "xyz-3",
        "abc-1",
        "abd-2",
        "xyz-3",
    ]
    with pytest.raises(UnknownRun, match="2 runs begin with 'ab'"):
        find_run(log, "ab")
    with pytest.raises(UnknownRun, match="name one of: xyz-3"):
        find_run(log, "nope")
    with pytest.raises(UnknownRun):
        find_run(log, "")
    rows = runs_that_wrote(log).select(["run_id", "created", "updated"]).to_pylist()
    assert rows[0] == {"run_id": "xyz-3", "created": 0, "updated": 2}
    assert [each.kind for each in actions_written(log, "xyz-3")] == ["update", "update"]


def test_facts_of_an_older_release_are_read(org, log):
    """Before sending was a fact of its own, only answers were kept: tasks made can go, updates cannot."""
    night(org, log, actions(1, "old"), "setup")
    task_id = held(org, "old")[0]["Id"]
    older = pa.table(
        {
            "record_id": ["old/0"],
            "kind": ["created"],
            "occurred_at": pa.array([org.now], pa.timestamp("us", tz="UTC")),
            "action_key": ["old/0"],
            "task_id": [task_id],
            "fingerprint": ["f"],
        }
    )
    from connectors.event_log import EventLog

    fresh = EventLog(log.root.parent / "older log")
    fresh.append_facts("actions_sent", older, run_id="older", observed_at=org.now, key=["record_id"])
    assert find_run(fresh, "last") == "older"
    assert statuses(undo(org, fresh, "older")) == ["deleted"]
    assert ACTION_KEY_FIELD not in fresh.contract("actions_sent").names
