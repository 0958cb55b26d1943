"""What the summary says of the tasks, and when a night turns red over them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from connectors.salesforce.writing.apply_actions import WriteOutcome
from connectors.salesforce.writing.upserts import RowResult, WriteResult
from connectors.salesforce.writing.write_plan import FieldDifference, PlannedWrite
from dagster_project.errors import WriteRefused
from dagster_project.publish.written import (
    dry_run_lines,
    need_acceptance,
    waiting_lines,
    written_lines,
)

NIGHT = datetime(2026, 10, 14, 20, tzinfo=UTC)


def outcome(accepted: int, rejected: int, *, unsent_shown: int = 0, unchanged: int = 0) -> WriteOutcome:
    rows = [RowResult(f"a{n}", "f", "created", f"00T{n}") for n in range(accepted)]
    rows += [RowResult(f"r{n}", "f", "rejected", None, "CODE", "CODE: \u202ewords") for n in range(rejected)]
    rows += [RowResult(f"u{n}", "f", "unsent", None, "ServerFault", "no answer") for n in range(unsent_shown)]
    planned = [PlannedWrite(row.action_key, "create") for row in rows]
    planned += [PlannedWrite(f"s{n}", "unchanged") for n in range(unchanged)]
    shown = frozenset(row.action_key for row in rows if row.status != "rejected")
    return WriteOutcome("external_id", tuple(planned), WriteResult(tuple(rows)), shown)


@pytest.mark.parametrize(
    ("given", "limit", "is_red"),
    [
        (outcome(0, 0), 0.0, False),
        (outcome(95, 5), 0.05, False),
        (outcome(94, 6), 0.05, True),
        (outcome(0, 1), 1.0, True),
        (outcome(1, 1), 1.0, False),
        # Tasks that stood already prove nothing about those that were sent.
        (outcome(0, 5, unchanged=1_000), 0.05, True),
        # A reply that was lost is no rejection when the org shows the task.
        (outcome(0, 0, unsent_shown=5), 0.0, False),
    ],
)
def test_a_night_is_red_above_the_share_and_whenever_nothing_was_accepted(given, limit, is_red):
    if not is_red:
        need_acceptance(given, limit)
        return
    with pytest.raises(WriteRefused, match="CODE: words") as raised:
        need_acceptance(given, limit)
    assert raised.value.exit_code == 5
    assert "\u202e" not in str(raised.value)


def waiting(count: int) -> pa.Table:
    row = {
        "first_tried_at": datetime(2026, 10, 12, 20, tzinfo=UTC),
        "last_tried_at": NIGHT,
        "runs": 3,
        "message": "UNABLE_TO_LOCK_ROW: locked\nby someone",
    }
    return pa.Table.from_pylist([{"action_key": f"k{n}", **row} for n in range(count)])


def test_what_waits_is_told_with_its_age_in_the_orgs_days():
    lines = waiting_lines(waiting(7), "Asia/Tokyo")
    assert lines[0].startswith("Waiting   7 tasks are not in Salesforce yet, the oldest for 2 days")
    assert lines[1].strip() == "k0: tried in 3 runs since 2026-10-13: UNABLE_TO_LOCK_ROW: locked by someone"
    assert lines[-1].strip() == "… and 2 more"
    assert waiting_lines(waiting(0), "UTC") == []


def test_a_dry_run_names_subject_field_before_and_after_and_why_a_task_is_left_alone():
    change = FieldDifference("Description", "old\nline", "x" * 300)
    planned = (
        PlannedWrite("k1", "update", "00T1", (change,), subject="Call \u202eMidori"),
        PlannedWrite("k2", "left_alone", "00T2", reason="closed by its owner", subject="Visit"),
        PlannedWrite("k3", "unchanged", "00T3", subject="Same"),
        PlannedWrite("k4", "create", None, (FieldDifference("Priority", None, "High"),), subject="New"),
    )
    head, *lines = dry_run_lines(WriteOutcome("external_id", planned))
    assert head == "Dry run   nothing was sent"
    assert lines[0] == "  would update Call Midori (k1)"
    assert lines[1].startswith("      Description: old line → xxx")
    assert len(lines[1]) < 150
    assert lines[2] == "  would leave alone Visit (k2): closed by its owner"
    assert lines[3:] == ["  would create New (k4)", "      Priority: – → High"]
    assert written_lines(None, "UTC") == ["Written   nothing"]
