"""What would be written, decided field by field against what the org holds now. Pure; nothing is sent from
here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from connectors.salesforce.schema.objects import ACTION_KEY_FIELD

Value = str | int | float | bool | Decimal | date | datetime | None
Payload = Mapping[str, Value]

LIVE_FIELDS = ("Id", "IsDeleted", "IsClosed", "LastModifiedById", "LastModifiedDate", "ActivityDate")
"""What must be known of a live task, besides the fields of the payload, to decide on it."""

SUBJECT_CHARACTERS = 255
_MARKER = re.compile(r"\[G:[a-z2-7]{10}\]")
# Salesforce rounds money to the decimals of the field.
_MONEY_TOLERANCE = Decimal("0.005")


@dataclass(frozen=True)
class FieldDifference:
    """One field that would change: text as the org holds it, and as it should be."""

    field: str
    before: str | None
    after: str | None


_NO_FIELD = (FieldDifference("", None, None),)


@dataclass(frozen=True)
class PlannedWrite:
    """The decision on one action.

    `decision`: create, update, unchanged, or left_alone (its owner has closed, deleted or edited it; see
    `reason`).
    """

    action_key: str
    decision: str
    task_id: str | None = None
    differences: tuple[FieldDifference, ...] = ()
    reason: str = ""
    subject: str = ""


def plan_writes(
    live: pa.Table,
    wanted: pa.Table,
    *,
    own_user_id: str,
    key_field: str = ACTION_KEY_FIELD,
    deleted_by_us: frozenset[str] = frozenset(),
) -> list[PlannedWrite]:
    """One decision per row of `wanted`, in its order. `live` holds key_field and LIVE_FIELDS as text.

    A deleted task is its owner's refusal, but for those of `deleted_by_us` (Ids): these are as if never made.
    Raises ValueError when two rows of `wanted` share a key.
    """
    payloads = keyed_payloads(wanted, key_field)
    found = live_by_key(live, key_field, deleted_by_us)
    return [
        replace(
            _decide(key, payload, found.get(key), own_user_id), subject=as_text(payload.get("Subject")) or ""
        )
        for key, payload in payloads.items()
    ]


def keyed_payloads(wanted: pa.Table, key_field: str) -> dict[str, dict[str, Value]]:
    """Rows by action key, in order. Raises ValueError when a key is missing or comes twice."""
    payloads: dict[str, dict[str, Value]] = {}
    for row in wanted.to_pylist():
        key = row[key_field]
        if not key or key in payloads:
            raise ValueError(f"action key {key!r} is empty or comes twice")
        payloads[key] = row
    return payloads


def live_by_key(
    live: pa.Table, key_field: str, deleted_by_us: frozenset[str] = frozenset()
) -> dict[str, dict[str, str | None]]:
    """Live record by key; one that still stands outranks a deleted one, then the smallest Id.

    Deleted records of `deleted_by_us` (Ids) are left out.
    """
    known = [row for row in live.to_pylist() if row["IsDeleted"] != "true" or row["Id"] not in deleted_by_us]
    rows = sorted(known, key=lambda row: (row["IsDeleted"] != "true", row["Id"]))
    standing = [row for row in rows if row["IsDeleted"] != "true"]
    first = {row[key_field]: row for row in reversed(standing)}
    return {row[key_field]: row for row in rows} | first


def _decide(
    key: str, payload: Payload, live: Mapping[str, str | None] | None, own_user_id: str
) -> PlannedWrite:
    if live is None:
        created = tuple(
            FieldDifference(name, None, as_text(value))
            for name, value in payload.items()
            if value is not None
        )
        return PlannedWrite(key, "create", differences=created)
    task_id = live["Id"]
    changed = differences(live, payload)
    if live["IsDeleted"] == "true":
        return PlannedWrite(key, "left_alone", task_id, reason="deleted in the org")
    if live["IsClosed"] == "true":
        return PlannedWrite(key, "left_alone", task_id, reason="closed by its owner")
    if not changed:
        return PlannedWrite(key, "unchanged", task_id)
    if live["LastModifiedById"] != own_user_id:
        return PlannedWrite(key, "left_alone", task_id, changed, reason="edited since by someone else")
    return PlannedWrite(key, "update", task_id, changed)


def differences(live: Mapping[str, str | None], payload: Payload) -> tuple[FieldDifference, ...]:
    """Fields of the payload whose live value is another."""
    return tuple(
        FieldDifference(name, live.get(name), as_text(value))
        for name, value in payload.items()
        if not _is_same(live.get(name), value)
    )


def as_text(value: Value) -> str | None:
    """A payload value as Salesforce writes it; null and empty are one."""
    match value:
        case None | "":
            return None
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def _is_same(before: str | None, after: Value) -> bool:
    text = as_text(after)
    if before is None or text is None:
        return before == text
    if isinstance(after, (int, float, Decimal)) and not isinstance(after, bool):
        return _is_same_number(before, text)
    return _plain(before) == _plain(text)


def _is_same_number(before: str, after: str) -> bool:
    try:
        return abs(Decimal(before) - Decimal(after)) <= _MONEY_TOLERANCE
    except InvalidOperation:
        return False


def _plain(text: str) -> str:
    # Salesforce trims text and keeps its own line ends.
    return "\n".join(text.splitlines()).strip()


def fingerprint(payload: Payload) -> str:
    """Hash (32 hex digits) of a payload; nulls left out."""
    texts = {name: as_text(value) for name, value in payload.items() if as_text(value) is not None}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:32]


def marker(action_key: str) -> str:
    """The mark by which a task is found where the org lacks our key field: 50 bits of the key's hash."""
    digest = base64.b32encode(hashlib.sha256(action_key.encode()).digest()).decode().lower()
    return f"[G:{digest[:10]}]"


def marked_subject(subject: str, action_key: str) -> str:
    """The subject with its mark at the end, within Salesforce's 255 characters."""
    mark = marker(action_key)
    return f"{subject[: SUBJECT_CHARACTERS - len(mark) - 1].rstrip()} {mark}"


def find_marker(subject: str | None) -> str | None:
    """The mark in a subject, if there is one."""
    match = _MARKER.search(subject or "")
    return match[0] if match else None


def expired_untouched(live: pa.Table, *, own_user_id: str, before_date: date) -> list[str]:
    """Ids of our tasks due before a date, neither closed nor deleted nor edited by anyone else."""
    return [
        row["Id"]
        for row in live.to_pylist()
        if row["IsDeleted"] != "true"
        and row["IsClosed"] != "true"
        and row["LastModifiedById"] == own_user_id
        and row["ActivityDate"] is not None
        and date.fromisoformat(row["ActivityDate"]) < before_date
    ]


def differences_table(planned: Sequence[PlannedWrite]) -> pa.Table:
    """One row per field that would change, and one for an action left alone: what a dry run shows."""
    rows = [
        (
            *(each.action_key, each.subject, each.decision, each.task_id),
            *(change.field, change.before, change.after, each.reason),
        )
        for each in planned
        for change in each.differences or _NO_FIELD
        if each.decision != "unchanged"
    ]
    names = ("action_key", "subject", "decision", "task_id", "field", "before", "after", "reason")
    return pa.table(
        {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    )


def counts(planned: Sequence[PlannedWrite]) -> dict[str, int]:
    """How many actions fall under each decision."""
    decisions = ("create", "update", "unchanged", "left_alone")
    return {decision: sum(each.decision == decision for each in planned) for decision in decisions}
