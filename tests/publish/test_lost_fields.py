"""Fields that were there and are no longer shown: the night is done, and wants a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.event_log import EventLog
from connectors.salesforce.schema.field_changes import FieldChange, change_rows
from connectors.salesforce.schema.objects import INSTANT, OBJECTS
from dagster_project.publish.lost_fields import lost_fields

OPPORTUNITY = next(each for each in OBJECTS if each.name == "Opportunity")
FIRST = datetime(2026, 6, 1, tzinfo=UTC)


def tell(log: EventLog, field_name: str, *kinds: str) -> None:
    for day, kind in enumerate(kinds, start=1):
        at = FIRST.replace(day=day)
        rows = change_rows(OPPORTUNITY, [FieldChange(kind, field_name, "string")], pa.scalar(at, INSTANT))
        log.append_facts(
            "schema_changes", rows, run_id=f"{day}", observed_at=at, key=("record_id", "kind", "occurred_at")
        )


@pytest.mark.parametrize(
    ("field_name", "kinds", "is_lost"),
    [
        ("NextStep", ("seen", "hidden"), True),
        ("Amount", ("seen", "vanished"), True),
        ("NextStep", ("seen", "hidden", "regained"), False),
        ("NextStep", ("missing",), False),
        ("PushCount", ("seen", "hidden"), False),
        ("Own__c", ("seen", "vanished"), False),
        ("NextStep", ("seen",), False),
    ],
    ids=["hidden", "vanished", "shown again", "never shown", "often absent", "not relied on", "shown"],
)
def test_lost_fields(tmp_path: Path, field_name: str, kinds: tuple[str, ...], is_lost: bool) -> None:
    log = EventLog(tmp_path / "log")
    tell(log, field_name, *kinds)
    assert lost_fields(log) == ([f"Opportunity.{field_name}"] if is_lost else [])
    assert lost_fields(log, {f"Opportunity.{field_name}"}) == []


def test_before_the_first_pull_nothing_is_lost(tmp_path: Path) -> None:
    assert lost_fields(EventLog(tmp_path / "log")) == []
