"""What fct_crm_events tells of each awkward deal in cases.py, and of the demo org."""

from __future__ import annotations

from typing import Any

from tests.warehouse import cases
from tests.warehouse.helpers import Warehouse


def events(warehouse: Warehouse, name: str) -> list[tuple[str, Any, Any]]:
    rows = warehouse.rows(
        f"""from fct_crm_events where opportunity_id = '006{name}' and activity_id is null
        order by occurred_at, event_type"""
    )
    return [(row["event_type"], row["before_value"], row["after_value"]) for row in rows]


def test_reopened_deal(awkward: Warehouse) -> None:
    assert events(awkward, "reopened") == [
        ("OpportunityCreated", None, "Qualify"),
        ("Lost", "Qualify", "Closed Lost"),
        ("Reopened", "Closed Lost", "Analyse"),
    ]


def test_deal_created_won(awkward: Warehouse) -> None:
    assert events(awkward, "born_won") == [
        ("OpportunityCreated", None, "Closed Won"),
        ("Won", None, "Closed Won"),
    ]


def test_deleted_and_undeleted_deals(awkward: Warehouse) -> None:
    assert [name for name, *_ in events(awkward, "in_the_bin")] == ["OpportunityCreated", "Deleted"]
    rows = awkward.rows(
        """select event_type, observed_at from fct_crm_events where opportunity_id = '006undeleted'
        order by occurred_at"""
    )
    assert [(row["event_type"], row["observed_at"]) for row in rows] == [
        ("OpportunityCreated", cases.FIRST_PULL),
        ("Deleted", cases.FIRST_PULL),
        ("Undeleted", cases.SECOND_PULL),
    ]


def test_owner_change_in_mid_stage(awkward: Warehouse) -> None:
    row = awkward.row("from fct_crm_events where event_type = 'OwnerChanged'")
    assert (row["opportunity_id"], row["rep_id"], row["before_value"], row["after_value"]) == (
        "006handed_over",
        "005one",
        "005one",
        "005two",
    )


def test_amount_missing_is_not_zero(awkward: Warehouse) -> None:
    rows = awkward.rows(
        """select opportunity_id, after_amount, currency from fct_crm_events
        where event_type = 'OpportunityCreated' and opportunity_id in ('006no_amount', '006amount_zero') order by 1"""
    )
    assert [(row["after_amount"], row["currency"]) for row in rows] == [(0, "JPY"), (None, "JPY")]


def test_nothing_after_as_of_date_happened(awkward: Warehouse) -> None:
    assert events(awkward, "changed_after") == [("OpportunityCreated", None, "Qualify")]
    assert events(awkward, "tomorrow_in_tokyo") == []


def test_future_appointment_is_set_and_not_held(awkward: Warehouse) -> None:
    rows = awkward.rows(
        """select activity_id, event_type, after_value from fct_crm_events
        where source_stream = 'event' and opportunity_id = '006plain' order by occurred_at"""
    )
    assert [tuple(row.values()) for row in rows] == [
        ("00Uheld", "AppointmentSet", "2026-06-08"),
        ("00Uheld", "MeetingHeld", "2026-06-08"),
        ("00Usecond", "AppointmentSet", "2026-06-15"),
        ("00Usecond", "MeetingHeld", "2026-06-15"),
        ("00Uplanned", "AppointmentSet", "2026-07-02"),
    ]


def test_every_event_names_a_fact_of_the_log(awkward: Warehouse) -> None:
    """What a figure folds can be looked up: stream, record and fact are in the log."""
    rows = awkward.rows(
        "select distinct source_stream, source_record_id, source_event_id from fct_crm_events"
    )
    facts = {
        (stream, fact["record_id"], fact["event_id"])
        for stream in {row["source_stream"] for row in rows}
        for fact in awkward.log.read(stream, ["record_id", "event_id"]).to_pylist()
    }
    named = {tuple(row.values()) for row in rows}
    assert named <= facts
    assert len(named) > 20


def test_demo_org_is_told_whole(demo_org: Warehouse) -> None:
    row = demo_org.row(
        """select
            (select count(*) from fct_crm_events where event_type = 'OpportunityCreated') as created,
            (select count(*) from fct_opportunity) as deals,
            (select count(*) from fct_crm_events where event_type = 'Touched') as touched,
            (select count(*) from fct_activity where is_touch) as touches,
            (select count(*) from fct_crm_events where event_type = 'MeetingHeld') as held,
            (select count(*) from fct_activity where is_meeting_held) as meetings"""
    )
    assert row["created"] == row["deals"] > 0
    assert (row["touched"], row["held"]) == (row["touches"], row["meetings"])
