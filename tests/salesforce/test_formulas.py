"""Formula fields move without a stamp: read again on a schedule, compared, told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.salesforce.schema.describe import read_description
from tests.salesforce.conftest import event_ids, only
from tests.salesforce.org_changes import change_field, update

WEEK = timedelta(days=7)


@pytest.fixture
def scored(org):
    """The org with a formula field on Lead, 1 in every record."""
    change_field(org, "Lead", "Score__c", "add", type="double", formula=True)
    score(org, 1)
    yield org
    change_field(org, "Lead", "Score__c", "remove")


def score(org, value):
    change_field(org, "Lead", "Score__c", "set", value=value)


def pulled(org, log, run_id, **options):
    (window,) = org.pull(log, run_id, objects=only("Lead"), **options)
    assert window.status == "closed"
    return window


def test_only_formulas_that_say_something_make_an_object_be_read_again():
    fields = [
        {"name": "Id", "type": "id"},
        {"name": "Score__c", "type": "double", "calculated": True},
        {"name": "AgeInDays", "type": "int", "calculated": True},
        {"name": "Place__c", "type": "location", "calculated": True},
    ]
    assert read_description("Lead", {"fields": fields}).calculated == {"Score__c"}


def test_a_formula_is_read_again_when_it_is_due_and_not_before(scored, log):
    first = pulled(scored, log, "first")
    score(scored, 2)
    scored.advance(days=6)
    assert pulled(scored, log, "early").reason == "increment"
    assert {row["Score__c"] for row in log.latest("lead").to_pylist()} == {1.0}
    scored.advance(days=1)
    due = pulled(scored, log, "due")
    assert (due.reason, due.window_from_at) == ("formulas due", None)
    assert due.rows_received == first.rows_received
    count = first.rows_received
    assert due.message == (
        f"formula fields read again: {count} values of {count} records had moved without a stamp"
    )
    assert {row["Score__c"] for row in log.latest("lead").to_pylist()} == {2.0}
    scored.advance(days=6)
    assert pulled(scored, log, "after").reason == "increment"


def test_nothing_moved_nothing_told_nothing_appended(scored, log):
    pulled(scored, log, "first")
    before = event_ids(log)
    scored.advance(days=7)
    due = pulled(scored, log, "due")
    assert (due.reason, due.rows_appended, due.message) == ("formulas due", 0, "")
    assert event_ids(log) == before


def test_there_and_back_stays_three_facts(scored, log):
    for run, value in enumerate([1, 2, 1]):
        score(scored, value)
        pulled(scored, log, f"run {run}")
        scored.advance(days=7)
    facts = log.read("lead", ["record_id", "Score__c", "event_id"]).to_pylist()
    record = facts[0]["record_id"]
    assert [each["Score__c"] for each in facts if each["record_id"] == record] == [1.0, 2.0, 1.0]
    assert len({each["event_id"] for each in facts}) == len(facts)


def test_what_was_edited_is_not_counted_as_moved_without_a_stamp(scored, log):
    pulled(scored, log, "first")
    leads = [row["Id"] for row in log.latest("lead", ["Id"]).to_pylist()]
    scored.advance(days=7)
    change_field(scored, "Lead", "Score__c", "set", values={leads[0]: 5, leads[1]: 6})
    update(scored, "Lead", leads[1], Company="edited")
    scored.advance(hours=1)
    due = pulled(scored, log, "due")
    assert due.rows_appended == 2
    assert "1 values of 1 records" in due.message


def test_the_schedule_can_be_set(scored, log):
    pulled(scored, log, "first")
    scored.advance(days=2)
    assert pulled(scored, log, "second", formulas_every=timedelta(days=2)).reason == "formulas due"


def test_an_object_without_formulas_is_never_read_again_for_them(org, log):
    org.pull(log, "first", objects=only("Contact"))
    org.advance(days=30)
    (window,) = org.pull(log, "second", objects=only("Contact"))
    assert window.reason == "increment"
