"""Write the chosen actions to the org: plan against the live records, send, read back, and record each as a
fact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.errors import SalesforceProblem, UnsafeTarget
from connectors.salesforce.objects import ACTION_KEY_FIELD, INSTANT
from connectors.salesforce.write_plan import (
    Payload,
    PlannedWrite,
    Value,
    as_text,
    counts,
    differences,
    fingerprint,
    keyed_payloads,
    live_by_key,
    marked_subject,
    plan_writes,
)
from connectors.salesforce.writing import (
    RESULT_COLUMNS,
    RowResult,
    WriteResult,
    answers,
    as_json,
    read_back,
    read_back_marked,
    send_all,
    upsert_actions,
)

ACTIONS_SENT = "actions_sent"
ACTIONS_REJECTED = "actions_rejected"
ACTIONS_CONFIRMED = "actions_confirmed"
RESULT_CONTRACT = pa.schema(RESULT_COLUMNS)


@dataclass(frozen=True)
class WriteOutcome:
    """What became of one night's actions.

    `mode` is external_id, or marker where the org lacks our key field. `confirmed_keys` are the actions the
    org shows as wanted, read back after writing; `notes` are lines for the summary.
    """

    mode: str
    planned: tuple[PlannedWrite, ...]
    result: WriteResult = field(default_factory=lambda: WriteResult(()))
    confirmed_keys: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Actions by decision (create, update, unchanged, left_alone) and by what became of them."""
        return counts(self.planned) | {
            "created": self.result.count("created"),
            "updated": self.result.count("updated"),
            "rejected": self.result.count("rejected"),
            "unsent": self.result.count("unsent"),
            "confirmed": len(self.confirmed_keys),
        }


def declare_write_streams(log: EventLog) -> None:
    """Make the streams of what was written exist, with or without facts."""
    for stream in (ACTIONS_SENT, ACTIONS_REJECTED, ACTIONS_CONFIRMED):
        log.evolve(stream, RESULT_CONTRACT)


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

    Writes what differs, leaves alone what its owner touched, and records sent, rejected and confirmed. With
    `dry_run` only the plan is made. Raises UnsafeTarget for an org that is no sandbox unless
    `allow_production`, and the errors of reading; what the org says to single rows is in the outcome.
    """
    if not (dry_run or allow_production):
        _need_sandbox(client)
    declare_write_streams(log)
    writer = _writer(client, log, rows)
    planned = writer.plan()
    outcome = WriteOutcome(writer.mode, tuple(planned), notes=writer.notes)
    if dry_run:
        return outcome
    due = [each for each in planned if each.decision in ("create", "update")]
    result = writer.send(due)
    _record_sent(log, result, run_id, clock())
    settled = {each.action_key: each.task_id for each in planned if each.decision == "unchanged"}
    confirmed, notes = _confirmed(writer, [each.action_key for each in due], settled)
    _record_confirmed(log, confirmed, run_id, clock())
    return WriteOutcome(
        writer.mode,
        tuple(planned),
        result,
        frozenset(row.action_key for row in confirmed),
        writer.notes + notes,
    )


def _need_sandbox(client: SalesforceClient) -> None:
    if not client.is_sandbox():
        raise UnsafeTarget(
            "writing was refused: this org is no sandbox",
            where=client.instance_url,
            remedy="allow writing to production explicitly in the settings",
        )


def _confirmed(
    writer: _Writer, sent: Sequence[str], settled: Mapping[str, str | None]
) -> tuple[list[RowResult], tuple[str, ...]]:
    try:
        return writer.confirm(sent, settled), ()
    except SalesforceProblem as problem:
        # What was sent is recorded; the next night finds it unchanged and confirms it then.
        return writer.confirm([], settled), (f"not read back: {problem}",)


@dataclass(frozen=True)
class _Writer:
    """One night's rows and the road they take."""

    client: SalesforceClient
    mode: str
    payloads: Mapping[str, Payload]
    known_ids: Mapping[str, str]
    notes: tuple[str, ...]

    def plan(self) -> list[PlannedWrite]:
        live = self.read(list(self.payloads))
        return plan_writes(live, self.table(list(self.payloads)), own_user_id=self.client.user_id)

    def table(self, keys: Sequence[str]) -> pa.Table:
        return pa.Table.from_pylist([dict(self.payloads[key]) for key in keys])

    def read(self, keys: Sequence[str]) -> pa.Table:
        fields = list(dict.fromkeys(name for payload in self.payloads.values() for name in payload))
        if self.mode == "external_id":
            return read_back(self.client, keys, fields)
        return read_back_marked(self.client, keys, fields, known_ids=self.known_ids)

    def send(self, due: Sequence[PlannedWrite]) -> WriteResult:
        if not due:
            return WriteResult(())
        if self.mode == "external_id":
            return upsert_actions(self.client, self.table([each.action_key for each in due]))
        return self._send_marked(due)

    def _send_marked(self, due: Sequence[PlannedWrite]) -> WriteResult:
        ids = {each.action_key: each.task_id for each in due if each.task_id}
        updates = [(key, {"id": task_id, **self.unkeyed(key)}) for key, task_id in ids.items()]
        creates = [(each.action_key, self.unkeyed(each.action_key)) for each in due if not each.task_id]
        updated = send_all(self.client, updates, self._collection("PATCH"))
        created = self._create_once(creates)
        by_key = {row.action_key: row for row in (*updated.rows, *created.rows)}
        return WriteResult(tuple(self._named(by_key[each.action_key], ids) for each in due))

    def _create_once(self, creates: Sequence[tuple[str, Payload]]) -> WriteResult:
        """Create; where the reply was lost, look for the mark before creating again."""
        first = send_all(self.client, creates, self._collection("POST"))
        lost = {row.action_key for row in first.rows if row.status == "unsent"}
        if not lost:
            return first
        found = live_by_key(self.read(sorted(lost)), ACTION_KEY_FIELD)
        again = [(key, payload) for key, payload in creates if key in lost and key not in found]
        answered = {
            row.action_key: row for row in send_all(self.client, again, self._collection("POST")).rows
        }
        answered |= {
            key: RowResult(key, "", "created", live["Id"], attempts=2)
            for key, live in found.items()
            if key in lost
        }
        return WriteResult(tuple(answered.get(row.action_key, row) for row in first.rows))

    def _named(self, row: RowResult, ids: Mapping[str, str]) -> RowResult:
        status = "updated" if row.status == "created" and row.action_key in ids else row.status
        return RowResult(
            **{**vars(row), "status": status, "fingerprint": fingerprint(self.payloads[row.action_key])}
        )

    def unkeyed(self, key: str) -> dict[str, Value]:
        return {name: value for name, value in self.payloads[key].items() if name != ACTION_KEY_FIELD}

    def _collection(self, method: str) -> Callable[[Sequence[Payload]], list[Mapping[str, Any]]]:
        def send(payloads: Sequence[Payload]) -> list[Mapping[str, Any]]:
            records = [{"attributes": {"type": "Task"}, **as_json(payload)} for payload in payloads]
            reply = self.client.restful(
                "composite/sobjects", method, json={"allOrNone": False, "records": records}
            )
            return answers(reply, payloads)

        return send

    def confirm(self, sent: Sequence[str], settled: Mapping[str, str | None]) -> list[RowResult]:
        """Actions the org shows as wanted: those sent, read back now, and those that were so already."""
        live = live_by_key(self.read(sent), ACTION_KEY_FIELD) if sent else {}
        shown = {key: live[key]["Id"] for key in sent if key in live and self.is_as_wanted(key, live[key])}
        return [
            RowResult(key, fingerprint(self.payloads[key]), "confirmed", task_id)
            for key, task_id in (shown | dict(settled)).items()
        ]

    def is_as_wanted(self, key: str, live: Mapping[str, str | None]) -> bool:
        """Whether a live record stands and shows the whole payload."""
        return live["IsDeleted"] != "true" and not differences(live, self.payloads[key])


def _writer(client: SalesforceClient, log: EventLog, rows: pa.Table) -> _Writer:
    shown = client.describe("Task").types
    hidden = [name for name in rows.column_names if name not in shown]
    notes = tuple(
        [
            f"Task.{name} is not in the org or not visible: it is left out"
            for name in hidden
            if name != ACTION_KEY_FIELD
        ]
        + (
            [f"Task.{ACTION_KEY_FIELD} is not in the org: tasks are found by a mark in Subject"]
            if ACTION_KEY_FIELD in hidden
            else []
        )
    )
    mode = "marker" if ACTION_KEY_FIELD in hidden else "external_id"
    kept = rows.select([name for name in rows.column_names if name not in hidden or name == ACTION_KEY_FIELD])
    payloads: dict[str, Payload] = {**keyed_payloads(kept, ACTION_KEY_FIELD)}
    if mode == "marker":
        payloads = {
            key: {**payload, "Subject": marked_subject(as_text(payload.get("Subject")) or "", key)}
            for key, payload in payloads.items()
        }
    return _Writer(client, mode, payloads, _known_ids(log) if mode == "marker" else {}, notes)


def _known_ids(log: EventLog) -> dict[str, str]:
    known: dict[str, str] = {}
    for stream in (ACTIONS_SENT, ACTIONS_CONFIRMED):
        facts = log.latest(stream, ["action_key", "task_id"], where="task_id is not null")
        known |= {row["action_key"]: row["task_id"] for row in facts.to_pylist()}
    return known


def _record_sent(log: EventLog, result: WriteResult, run_id: str, now: datetime) -> None:
    rejected = WriteResult(tuple(row for row in result.rows if row.status in ("rejected", "unsent")))
    _append(log, ACTIONS_SENT, result, run_id, now, key=("record_id", "fingerprint", "kind", "occurred_at"))
    _append(
        log, ACTIONS_REJECTED, rejected, run_id, now, key=("record_id", "fingerprint", "kind", "occurred_at")
    )


def _record_confirmed(log: EventLog, confirmed: Sequence[RowResult], run_id: str, now: datetime) -> None:
    # Without the time in its key, a confirmation missed by a crash is made up for, and one made is not
    # repeated.
    _append(
        log, ACTIONS_CONFIRMED, WriteResult(tuple(confirmed)), run_id, now, key=("record_id", "fingerprint")
    )


def _append(
    log: EventLog, stream: str, result: WriteResult, run_id: str, now: datetime, *, key: Sequence[str]
) -> None:
    if not result.rows:
        return
    rows = result.table()
    facts = rows.append_column("record_id", rows["action_key"]).append_column("kind", rows["status"])
    facts = facts.append_column("occurred_at", pa.array([now] * rows.num_rows, INSTANT))
    log.append_facts(stream, facts, run_id=run_id, observed_at=now, key=key)
