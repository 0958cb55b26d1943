"""What became of the tasks, in words: written, left alone, waiting; and what a dry run would change, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.salesforce.writing.apply_actions import WriteOutcome
from connectors.salesforce.writing.write_plan import FieldDifference, PlannedWrite
from dagster_project.errors import WriteRefused
from dagster_project.publish.safe_text import safe

INDENT: Final = " " * 10
SHOWN: Final = 5
LONGEST_VALUE: Final = 100


def written_lines(outcome: WriteOutcome | None, time_zone: str) -> list[str]:
    """What became of the tasks, what still waits, and the notes of the run."""
    if outcome is None:
        return ["Written   nothing"]
    counts = outcome.counts()
    written = counts["created"] + counts["updated"]
    line = (
        f"Written   {written:,} tasks written ({counts['created']:,} new, {counts['updated']:,} updated), "
        f"{counts['unchanged']:,} unchanged, {counts['left_alone']:,} left to their owners, "
        f"{counts['confirmed']:,} confirmed, {counts['rejected']:,} rejected"
    )
    notes = [f"{INDENT}{safe(note)}" for note in outcome.notes]
    return [line, *waiting_lines(outcome.waiting, time_zone), *notes]


def waiting_lines(waiting: pa.Table, time_zone: str) -> list[str]:
    """Writes the org has not taken, oldest first, with their age and Salesforce's last words."""
    rows = waiting.to_pylist()
    if not rows:
        return []
    days = (rows[0]["last_tried_at"] - rows[0]["first_tried_at"]).days
    head = (
        f"Waiting   {len(rows):,} tasks are not in Salesforce yet, the oldest for {_days(days)}; "
        "each night sends them again"
    )
    more = [f"{INDENT}… and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
    return [head, *(f"{INDENT}{waiting_line(row, time_zone)}" for row in rows[:SHOWN]), *more]


def waiting_line(row: dict[str, Any], time_zone: str) -> str:
    """One waiting write: since when, how often tried, why."""
    runs = "once" if row["runs"] == 1 else f"in {row['runs']} runs"
    since = _local_date(row["first_tried_at"], time_zone)
    return f"{safe(row['action_key'])}: tried {runs} since {since}: {safe(row['message'])}"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _local_date(instant: datetime, time_zone: str) -> str:
    return instant.astimezone(ZoneInfo(time_zone)).date().isoformat()


def dry_run_lines(outcome: WriteOutcome | None) -> list[str]:
    """What a dry run would write: subject, then each field as it stands and as it would be; then what is left alone."""
    if outcome is None:
        return []
    lines = [line for planned in outcome.planned for line in _would_be(planned)]
    return ["Dry run   nothing was sent", *lines]


def _would_be(planned: PlannedWrite) -> Iterator[str]:
    name = f"{safe(planned.subject)} ({safe(planned.action_key)})"
    if planned.decision == "left_alone":
        yield f"  would leave alone {name}: {safe(planned.reason)}"
    if planned.decision in ("create", "update"):
        yield f"  would {planned.decision} {name}"
        yield from (f"      {_field_line(each)}" for each in planned.differences)


def _field_line(change: FieldDifference) -> str:
    return f"{change.field}: {_shortened(change.before)} → {_shortened(change.after)}"


def _shortened(text: str | None) -> str:
    shown = safe(text)
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[: LONGEST_VALUE - 1]}…"


def need_acceptance(outcome: WriteOutcome, rejected_share_limit: float) -> None:
    """Raise where too much of what was sent was not accepted.

    The share is counted from what was sent tonight: tasks that stood already prove nothing. Where nothing at all was
    accepted the night is red whatever the limit.

    Raises:
        WriteRefused: with Salesforce's words.
    """
    sent, failed = outcome.result.rows, outcome.failed()
    if not failed or (len(failed) < len(sent) and len(failed) <= rejected_share_limit * len(sent)):
        return
    words = "; ".join(sorted({safe(row.message) for row in failed if row.message})[:3])
    raise WriteRefused(
        f"{len(failed)} of {len(sent)} tasks sent were rejected: {words}",
        where="stream actions_rejected of the log",
        remedy="mend what Salesforce names; they are sent again the next night",
    )
