"""Writing to an org that misbehaves: nothing lost, nothing twice, and what waits says since when and why."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.writing.apply_actions import WriteOutcome, write_actions
from connectors.salesforce.writing.write_facts import WriteRecorder, waiting_writes
from tests.salesforce.conftest import FAST, LiveOrg
from tests.salesforce.test_writing import COLLECTION, HIDDEN_KEY, actions, held, marked, with_value

ROWS = 12
# One fault each: what the org does to the first request that writes, and what it is called.
ONCE = [
    {"name": "lost_reply", "times": 1, "path": COLLECTION},
    {"name": "truncated_page", "times": 1, "path": COLLECTION},
    {"name": "error_503", "times": 1, "path": COLLECTION},
    {"name": "too_many_requests", "times": 1, "path": COLLECTION, "seconds": 0},
    {"name": "concurrent_limit", "times": 1, "path": COLLECTION},
    {"name": "expire_token", "times": 1, "path": COLLECTION},
    {"name": "expire_token", "times": 1, "after": 1, "path": COLLECTION},
    {"name": "row_error", "times": 1, "code": "UNABLE_TO_LOCK_ROW", "every": 3},
    {"name": "row_error", "times": 1, "code": "REQUEST_LIMIT_EXCEEDED", "every": 3},
]


def night(org: LiveOrg, log: EventLog, rows, run_id: str) -> WriteOutcome:
    return write_actions(org.client(), log, rows, run_id=run_id, clock=lambda: org.now)


def waiting(log: EventLog) -> list[dict]:
    return waiting_writes(log).to_pylist()


@pytest.mark.parametrize("fault", ONCE, ids=lambda each: "-".join(str(value) for value in each.values()))
@pytest.mark.parametrize("mode", ["external_id", "marker"])
def test_a_fault_that_passes_is_outlived_and_nothing_is_written_twice(org, log, fault, mode):
    day = f"once {mode} {ONCE.index(fault)}"
    hidden = [HIDDEN_KEY] if mode == "marker" else []
    org.faults(*hidden, fault)
    outcome = night(org, log, actions(ROWS, day), "first")
    assert outcome.mode == mode
    assert outcome.counts()["confirmed"] == ROWS
    assert outcome.failed() == ()
    assert waiting(log) == []
    found = marked(org, day, ROWS) if mode == "marker" else held(org, day)
    assert len(found) == ROWS
    again = night(org, log, actions(ROWS, day), "second")
    assert (again.counts()["unchanged"], again.result.rows) == (ROWS, ())


LASTING = {
    "request_limit": "REQUEST_LIMIT_EXCEEDED",
    "error_503": "SERVER_UNAVAILABLE",
    "too_many_requests": "Too many requests",
    "expire_token": "renewed login",
}


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_stays_leaves_the_rows_for_another_night_with_their_age(org, log, name):
    fault = {"name": name, "path": COLLECTION, "times": 99}
    for run_id in ("first", "second"):
        org.faults(fault)
        outcome = night(org, log, actions(3, f"lasting {name}"), run_id)
        assert (outcome.counts()["unsent"], len(outcome.failed())) == (3, 3)
        org.faults()
        org.advance(days=1)
    first, *_ = waiting(log)
    assert (len(waiting(log)), first["runs"], first["is_passing"]) == (3, 2, True)
    assert (first["last_tried_at"] - first["first_tried_at"]).days == 1
    assert LASTING[name] in first["message"]
    assert outcome.waiting.num_rows == 3
    assert night(org, log, actions(3, f"lasting {name}"), "third").counts()["created"] == 3
    assert waiting(log) == []


def test_a_reply_lost_for_good_is_no_rejection_when_the_org_shows_the_task(org, log):
    org.faults({"name": "lost_reply", "path": f"{COLLECTION}/Task"})
    outcome = night(org, log, actions(5, "gone quiet"), "first")
    assert (outcome.counts()["unsent"], outcome.counts()["confirmed"]) == (5, 5)
    assert outcome.failed() == ()
    assert waiting(log) == []


def test_bad_rows_of_every_kind_among_200_are_rejected_alone_with_their_field(org, log):
    rows = actions(200, "awkward", ActivityDate="2024-06-10")
    inactive = org.client().restful("sobjects/User", "POST", json=INACTIVE)["id"]
    for place, (field, value) in enumerate(
        {
            "Subject": "x" * 300,
            "ActivityDate": "next week",
            "OwnerId": inactive,
            "WhatId": "006000000000999AAA",
        }.items()
    ):
        rows = with_value(rows, field, 10 * place, value)
    outcome = night(org, log, rows, "first")
    rejected = {row.action_key: row for row in outcome.result.rows if row.status == "rejected"}
    assert outcome.counts()["created"] == 200 - len(rejected)
    fields = {
        "awkward/0": "Subject",
        "awkward/10": "ActivityDate",
        "awkward/20": "OwnerId",
        "awkward/30": "WhatId",
    }
    assert set(rejected) == set(fields)
    assert [key for key, field in fields.items() if f"[{field}]" not in rejected[key].message] == []
    assert not any(row.is_passing for row in rejected.values())


INACTIVE = {
    "Username": "gone@example.com",
    "LastName": "Gone",
    "Email": "gone@example.com",
    "Alias": "gone",
    "IsActive": False,
    "ProfileId": "00e000000000001AAA",
    "TimeZoneSidKey": "Asia/Tokyo",
    "LocaleSidKey": "ja_JP",
    "EmailEncodingKey": "UTF-8",
    "LanguageLocaleKey": "ja",
}


def test_a_rule_mended_in_the_org_lets_the_row_through_the_next_night(org, log):
    words = "見込み金額が必要です (rule Gyakusan_1)"
    org.faults(
        {
            "name": "row_error",
            "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "message": words,
            "match": "電話する 1",
        }
    )
    assert night(org, log, actions(3, "rule"), "first").counts()["rejected"] == 1
    (row,) = waiting(log)
    assert (row["action_key"], row["is_passing"], row["last_kind"]) == ("rule/1", False, "rejected")
    assert words in row["message"]
    org.faults()
    assert night(org, log, actions(3, "rule"), "second").counts()["created"] == 1
    assert waiting(log) == []


def test_what_was_rejected_or_unsent_is_never_believed_to_stand(org, log):
    org.faults({"name": "request_limit", "path": COLLECTION})
    night(org, log, actions(2, "unbelieved"), "first")
    assert log.read("actions_confirmed").num_rows == 0
    assert {row["kind"] for row in log.latest("actions_sent", ["kind"]).to_pylist()} == {"unsent"}
    org.faults()
    again = night(org, log, actions(2, "unbelieved"), "second")
    assert [each.decision for each in again.planned] == ["create", "create"]


def test_every_step_of_a_write_is_a_fact(org, log):
    night(org, log, with_value(actions(2, "steps"), "Subject", 1, "x" * 300), "first")
    told = [(row["record_id"], row["kind"]) for row in log.read("actions_sent").to_pylist()]
    assert told == [
        ("steps/0", "create"),
        ("steps/1", "create"),
        ("steps/0", "created"),
        ("steps/1", "rejected"),
    ]
    assert log.read("actions_rejected")["record_id"].to_pylist() == ["steps/1"]
    assert log.read("actions_confirmed")["record_id"].to_pylist() == ["steps/0"]


def test_two_runs_on_one_clock_reading_are_two_attempts(org, log):
    org.faults({"name": "request_limit", "path": COLLECTION})
    for run_id in ("first", "second"):
        night(org, log, actions(1, "frozen"), run_id)
    (row,) = waiting(log)
    assert row["runs"] == 2


def _killed_while_writing(credentials: Credentials, root: Path, day: str, step: str, now) -> None:
    def die(self, *given) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(WriteRecorder, step, die)
    client = connect(credentials, retry=FAST)
    write_actions(client, EventLog(root), actions(4, day), run_id="killed", clock=lambda: now)


@pytest.mark.parametrize(
    ("step", "mode"),
    [
        ("sending", "external_id"),
        ("answered", "external_id"),
        ("answered", "marker"),
        ("confirmed", "external_id"),
    ],
)
def test_killed_while_writing_the_next_night_completes_and_writes_nothing_twice(org, log, step, mode):
    day = f"kill {step} {mode}"
    org.faults(*([HIDDEN_KEY] if mode == "marker" else []))
    child = multiprocessing.get_context("spawn").Process(
        target=_killed_while_writing, args=(org.credentials, log.root, day, step, org.now)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    outcome = night(org, log, actions(4, day), "next")
    arrived = step != "sending"
    assert (outcome.counts()["created"], outcome.counts()["confirmed"]) == (0 if arrived else 4, 4)
    assert len(marked(org, day, 4) if mode == "marker" else held(org, day)) == 4
    assert waiting(log) == []


def as_rep(org: LiveOrg, index: int = 0):
    """The org as a rep sees it, logged in under the rep's own name."""
    own = org.credentials
    return connect(
        Credentials(
            own.login_url,
            own.client_id,
            own.client_secret,
            username=f"rep{index}@example.com",
            password=own.client_secret,
        ),
        retry=FAST,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Description": "my notes"}, "edited since by someone else"),
        ({"Status": "Completed"}, "closed by its owner"),
        ({"GyakusanDismissedBecause__c": "Not relevant"}, "edited since by someone else"),
        (None, "deleted in the org"),
    ],
)
def test_a_task_its_owner_has_touched_is_left_alone(org, log, change, reason):
    day = f"owner {'/'.join(change or ())}"
    night(org, log, actions(2, day), "first")
    path = f"sobjects/Task/{held(org, day)[0]['Id']}"
    rep_client = as_rep(org)
    assert rep_client.user_id != org.client().user_id
    rep_client.restful(path, "PATCH", json=change) if change else rep_client.restful(path, "DELETE")
    outcome = night(org, log, actions(2, day, Priority="Low"), "second")
    assert [(each.decision, each.reason) for each in outcome.planned] == [
        ("left_alone", reason),
        ("update", ""),
    ]
    assert outcome.counts()["updated"] == 1
