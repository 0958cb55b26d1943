"""What would be written, decided against live records."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.write_plan import (
    LIVE_FIELDS,
    as_text,
    counts,
    differences_table,
    expired_untouched,
    find_marker,
    fingerprint,
    marked_subject,
    marker,
    plan_writes,
)

US = "005000000000001AAA"
OWNER = "005000000000002AAA"
WANTED = {
    ACTION_KEY_FIELD: "2024-06-03/005/call/006",
    "Subject": "電話: 株式会社みどり",
    "Description": "First line\nsecond line",
    "ActivityDate": date(2024, 6, 3),
    "GyakusanExpectedGain__c": Decimal("1234.5600"),
    "WhoId": None,
}


def live(**changes: str | None) -> dict[str, str | None]:
    own = dict.fromkeys(LIVE_FIELDS)
    texts = {name: as_text(value) for name, value in WANTED.items()}
    standing = {"Id": "00T01", "IsDeleted": "false", "IsClosed": "false", "LastModifiedById": US}
    return {**own, **texts, **standing, **changes}


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([*rows])


def nothing_live() -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in (ACTION_KEY_FIELD, *LIVE_FIELDS)})


def decide(record: dict[str, str | None]) -> tuple[str, str]:
    (planned,) = plan_writes(table(record), table(WANTED), own_user_id=US)
    return planned.decision, planned.reason


def test_action_not_in_the_org_is_created_with_every_filled_field():
    (planned,) = plan_writes(nothing_live(), table(WANTED), own_user_id=US)
    assert planned.decision == "create"
    assert {each.field for each in planned.differences} == set(WANTED) - {"WhoId"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Description": "First line\r\nsecond line\r\n"},
        {"GyakusanExpectedGain__c": "1234.56"},
        {"Subject": "電話: 株式会社みどり "},
    ],
    ids=["same", "line ends", "money without trailing zeros", "trailing blank"],
)
def test_same_content_is_unchanged(change):
    assert decide(live(**change)) == ("unchanged", "")


def test_difference_names_field_before_and_after():
    (planned,) = plan_writes(table(live(Subject="old")), table(WANTED), own_user_id=US)
    assert planned.decision == "update"
    assert [(d.field, d.before, d.after) for d in planned.differences] == [
        ("Subject", "old", WANTED["Subject"])
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"IsClosed": "true", "Subject": "x"}, "closed by its owner"),
        ({"IsDeleted": "true"}, "deleted in the org"),
        ({"LastModifiedById": OWNER, "Subject": "x"}, "edited since by someone else"),
    ],
)
def test_task_its_owner_has_touched_is_left_alone(change, reason):
    assert decide(live(**change)) == ("left_alone", reason)


def test_task_we_deleted_ourselves_is_as_if_never_made():
    gone = live(IsDeleted="true")
    (theirs,) = plan_writes(table(gone), table(WANTED), own_user_id=US)
    (ours,) = plan_writes(
        table(gone), table(WANTED), own_user_id=US, deleted_by_us=frozenset({str(gone["Id"])})
    )
    assert (theirs.decision, ours.decision) == ("left_alone", "create")


def test_standing_record_outranks_its_deleted_namesake():
    deleted = live(Id="00T00", IsDeleted="true")
    (planned,) = plan_writes(table(live(), deleted), table(WANTED), own_user_id=US)
    assert (planned.decision, planned.task_id) == ("unchanged", "00T01")


def test_dry_run_lists_each_field_and_each_action_left_alone():
    planned = plan_writes(table(live(Subject="old")), table(WANTED), own_user_id=US)
    planned += plan_writes(table(live(IsDeleted="true")), table(WANTED), own_user_id=US)
    planned += plan_writes(table(live()), table(WANTED), own_user_id=US)
    assert set(differences_table(planned)["subject"].to_pylist()) == {WANTED["Subject"]}
    shown = differences_table(planned).select(["decision", "field", "before", "reason"]).to_pylist()
    assert shown == [
        {"decision": "update", "field": "Subject", "before": "old", "reason": ""},
        {"decision": "left_alone", "field": "", "before": None, "reason": "deleted in the org"},
    ]


def test_key_given_twice_is_refused():
    with pytest.raises(ValueError, match="comes twice"):
        plan_writes(nothing_live(), table(WANTED, WANTED), own_user_id=US)


def test_counts_cover_every_decision():
    planned = plan_writes(nothing_live(), table(WANTED), own_user_id=US)
    assert counts(planned) == {"create": 1, "update": 0, "unchanged": 0, "left_alone": 0}


def test_fingerprint_ignores_nulls_and_order_but_no_value():
    reordered = dict(reversed(WANTED.items()))
    assert fingerprint(WANTED) == fingerprint({**reordered, "WhatId": None})
    assert fingerprint(WANTED) != fingerprint({**WANTED, "Subject": "other"})


@given(st.text(max_size=400), st.text(min_size=1, max_size=80))
def test_marked_subject_fits_and_its_mark_is_found(subject, key):
    marked = marked_subject(subject, key)
    assert len(marked) <= 255
    assert marked.endswith(marker(key))
    if "[G:" not in subject:
        assert find_marker(marked) == marker(key)


def test_only_untouched_expired_tasks_may_be_taken_back():
    rows = [
        live(Id="expired", ActivityDate="2024-06-02"),
        live(Id="due", ActivityDate="2024-06-03"),
        live(Id="edited", ActivityDate="2024-06-02", LastModifiedById=OWNER),
        live(Id="closed", ActivityDate="2024-06-02", IsClosed="true"),
        live(Id="deleted", ActivityDate="2024-06-02", IsDeleted="true"),
        live(Id="undated", ActivityDate=None),
    ]
    assert expired_untouched(table(*rows), own_user_id=US, before_date=date(2024, 6, 3)) == ["expired"]
