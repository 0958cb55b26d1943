"""One night's tasks and the road they take: by our external id, or by a mark where the org lacks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.schema.describe import read_description
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.upserts import (
    RowResult,
    WriteResult,
    collection_sender,
    read_back,
    read_back_marked,
    send_all,
    update_tasks,
    upsert_actions,
)
from connectors.salesforce.writing.write_plan import (
    Payload,
    PlannedWrite,
    Value,
    as_text,
    differences,
    fingerprint,
    keyed_payloads,
    live_by_key,
    marked_subject,
    plan_writes,
)


@dataclass(frozen=True)
class TaskWriter:
    """Payloads by action key, and `mode`: external_id or marker. `notes` are lines for the summary."""

    client: SalesforceClient
    mode: str
    payloads: Mapping[str, Payload]
    known_ids: Mapping[str, str]
    notes: tuple[str, ...]

    def plan(self, deleted_by_us: frozenset[str] = frozenset()) -> list[PlannedWrite]:
        """One decision per action, against what the org holds now."""
        keys = list(self.payloads)
        return plan_writes(
            self.read(keys), self.table(keys), own_user_id=self.client.user_id, deleted_by_us=deleted_by_us
        )

    def table(self, keys: Sequence[str]) -> pa.Table:
        """The rows of these actions, columns named as Task fields."""
        return pa.Table.from_pylist([dict(self.payloads[key]) for key in keys])

    def read(self, keys: Sequence[str]) -> pa.Table:
        """What the org holds of these actions."""
        fields = list(dict.fromkeys(name for payload in self.payloads.values() for name in payload))
        if self.mode == "external_id":
            return read_back(self.client, keys, fields)
        return read_back_marked(self.client, keys, fields, known_ids=self.known_ids)

    def send(self, due: Sequence[PlannedWrite]) -> WriteResult:
        """Create and update; answers in the order of `due`."""
        if not due:
            return WriteResult(())
        if self.mode == "external_id":
            return upsert_actions(self.client, self.table([each.action_key for each in due]))
        return self._send_marked(due)

    def _send_marked(self, due: Sequence[PlannedWrite]) -> WriteResult:
        ids = {each.action_key: each.task_id for each in due if each.task_id}
        updates: list[tuple[str, Payload]] = [
            (key, {"id": task_id, **self.unkeyed(key)}) for key, task_id in ids.items()
        ]
        creates = [(each.action_key, self.unkeyed(each.action_key)) for each in due if not each.task_id]
        updated = update_tasks(self.client, updates)
        created = self._create_once(creates)
        by_key = {row.action_key: row for row in (*updated.rows, *created.rows)}
        return WriteResult(tuple(self._named(by_key[each.action_key], ids) for each in due))

    def _create_once(self, creates: Sequence[tuple[str, Payload]]) -> WriteResult:
        """Create; where the reply was lost, look for the mark before creating again."""
        post = collection_sender(self.client, "POST")
        first = send_all(self.client, creates, post)
        lost = {row.action_key for row in first.rows if row.status == "unsent"}
        if not lost:
            return first
        try:
            found = live_by_key(self.read(sorted(lost)), ACTION_KEY_FIELD)
        except SalesforceProblem:
            # Unknown whether they arrived: creating again could make a second task, another night looks first.
            return first
        again = [(key, payload) for key, payload in creates if key in lost and key not in found]
        answered = {row.action_key: row for row in send_all(self.client, again, post).rows}
        answered |= {
            key: RowResult(key, "", "created", live["Id"], attempts=2)
            for key, live in found.items()
            if key in lost
        }
        return WriteResult(tuple(answered.get(row.action_key, row) for row in first.rows))

    def _named(self, row: RowResult, ids: Mapping[str, str]) -> RowResult:
        status = "updated" if row.status == "created" and row.action_key in ids else row.status
        return replace(row, status=status, fingerprint=fingerprint(self.payloads[row.action_key]))

    def unkeyed(self, key: str) -> dict[str, Value]:
        """The payload without our key."""
        return {name: value for name, value in self.payloads[key].items() if name != ACTION_KEY_FIELD}

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


def task_writer(client: SalesforceClient, rows: pa.Table, known_ids: Mapping[str, str]) -> TaskWriter:
    """The writer this org allows. Fields we may not write are left out; without a usable key, tasks are marked."""
    body = client.restful("sobjects/Task/describe")
    shown = read_description("Task", body).types
    writable = {each["name"] for each in body["fields"] if each.get("createable") and each.get("updateable")}
    problem = key_problem(body["fields"])
    left_out = [name for name in rows.column_names if name not in writable and name != ACTION_KEY_FIELD]
    notes = [_left_out(name, shown) for name in left_out]
    if problem:
        notes.append(f"Task.{ACTION_KEY_FIELD} {problem}: tasks are found by a mark in Subject")
    payloads: dict[str, Payload] = {**keyed_payloads(rows.drop_columns(left_out), ACTION_KEY_FIELD)}
    if not problem:
        return TaskWriter(client, "external_id", payloads, {}, tuple(notes))
    marked = {key: _marked(key, payload) for key, payload in payloads.items()}
    return TaskWriter(client, "marker", marked, known_ids, tuple(notes))


def _marked(key: str, payload: Payload) -> Payload:
    return {**payload, "Subject": marked_subject(as_text(payload.get("Subject")) or "", key)}


def _left_out(name: str, shown: Collection[str]) -> str:
    why = "may not be written by this user" if name in shown else "is not in the org or not visible"
    return f"Task.{name} {why}: it is left out"


def key_problem(fields: Sequence[Mapping[str, Any]]) -> str:
    """What keeps our key field from being upserted by; empty when nothing does."""
    found = next((each for each in fields if each["name"] == ACTION_KEY_FIELD), None)
    if found is None:
        return "is not in the org"
    if not found.get("externalId"):
        return "is no External ID"
    return "" if found.get("createable") else "may not be written by this user"
