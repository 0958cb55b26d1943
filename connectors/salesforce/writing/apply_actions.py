"""Write the chosen actions to the org: plan against the live records, send, read back, and record each step as
a fact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import SalesforceProblem, UnsafeTarget
from connectors.salesforce.writing.task_writer import TaskWriter, task_writer
from connectors.salesforce.writing.upserts import COLLECTION_ROWS, RowResult, WriteResult
from connectors.salesforce.writing.write_facts import (
    WriteRecorder,
    declare_write_streams,
    deleted_by_undo,
    known_task_ids,
    waiting_writes,
)
from connectors.salesforce.writing.write_plan import PlannedWrite, counts


@dataclass(frozen=True)
class WriteOutcome:
    """What became of one night's actions.

    `mode` is external_id, or marker where the org lacks our key field. `confirmed_keys` are the actions the
    org shows as wanted, read back after writing; `waiting` are those sent that it neither accepted nor shows
    (columns of write_facts.waiting_writes); `notes` are lines for the summary.
    """

    mode: str
    planned: tuple[PlannedWrite, ...]
    result: WriteResult = field(default_factory=lambda: WriteResult(()))
    confirmed_keys: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    waiting: pa.Table = field(default_factory=lambda: pa.table({}))

    def counts(self) -> dict[str, int]:
        """Actions by decision (create, update, unchanged, left_alone) and by what became of them."""
        return counts(self.planned) | {
            "created": self.result.count("created"),
            "updated": self.result.count("updated"),
            "rejected": self.result.count("rejected"),
            "unsent": self.result.count("unsent"),
            "confirmed": len(self.confirmed_keys),
        }

    def failed(self) -> tuple[RowResult, ...]:
        """Rows neither accepted nor shown by the read-back: what a share of rejections is counted from."""
        refused = (row for row in self.result.rows if row.status in ("rejected", "unsent"))
        return tuple(row for row in refused if row.action_key not in self.confirmed_keys)


def write_actions(
    client: SalesforceClient,
    log: EventLog,
    rows: pa.Table,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    allow_production: bool = False,
) -> WriteOutcome:
    """Bring the org's Tasks to `rows` (columns named as Task fields, ACTION_KEY_FIELD among them).

    Writes what differs, leaves alone what its owner touched, and records sent, rejected and confirmed, a
    collection at a time. With `dry_run` only the plan is made. Raises UnsafeTarget for an org that is no
    sandbox unless `allow_production`, and the errors of reading; what the org says to single rows is in the
    outcome.
    """
    if not (dry_run or allow_production):
        need_sandbox(client)
    declare_write_streams(log)
    writer = task_writer(client, rows, known_task_ids(log))
    planned = tuple(writer.plan(deleted_by_undo(log)))
    if dry_run:
        return WriteOutcome(writer.mode, planned, notes=writer.notes)
    recorder = WriteRecorder(log, run_id, clock())
    due = [each for each in planned if each.decision in ("create", "update")]
    result = _send(writer, recorder, due)
    settled = {each.action_key: each.task_id for each in planned if each.decision == "unchanged"}
    confirmed, notes = _confirmed(writer, [each.action_key for each in due], settled)
    recorder.confirmed(confirmed)
    keys = frozenset(row.action_key for row in confirmed)
    waiting = _waiting(log, [each.action_key for each in due if each.action_key not in keys])
    return WriteOutcome(writer.mode, planned, result, keys, writer.notes + notes, waiting)


def _send(writer: TaskWriter, recorder: WriteRecorder, due: Sequence[PlannedWrite]) -> WriteResult:
    """Send a collection at a time, each on record before it leaves and when it was answered."""
    answered: list[RowResult] = []
    for start in range(0, len(due), COLLECTION_ROWS):
        chunk = due[start : start + COLLECTION_ROWS]
        recorder.sending(chunk, writer.payloads, writer.mode)
        result = writer.send(chunk)
        recorder.answered(result)
        answered += result.rows
    return WriteResult(tuple(answered))


def _waiting(log: EventLog, keys: Sequence[str]) -> pa.Table:
    waiting = waiting_writes(log)
    wanted = set(keys)
    return waiting.filter(pa.array([key in wanted for key in waiting["action_key"].to_pylist()], pa.bool_()))


def need_sandbox(client: SalesforceClient) -> None:
    """Raises UnsafeTarget unless the org says it is one that nobody lives on."""
    if not client.is_sandbox():
        raise UnsafeTarget(
            "writing was refused: this org is no sandbox",
            where=client.instance_url,
            remedy="allow writing to production explicitly in the settings",
        )


def _confirmed(
    writer: TaskWriter, sent: Sequence[str], settled: Mapping[str, str | None]
) -> tuple[list[RowResult], tuple[str, ...]]:
    try:
        return writer.confirm(sent, settled), ()
    except SalesforceProblem as problem:
        # What was sent is recorded; the next night finds it unchanged and confirms it then.
        return writer.confirm([], settled), (f"not read back: {problem}",)
