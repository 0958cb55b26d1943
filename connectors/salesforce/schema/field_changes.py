"""How what the org shows of an object differs from the last time, as facts and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.salesforce.schema.describe import Described
from connectors.salesforce.schema.objects import OFTEN_ABSENT, SalesforceObject, arrow_type

SCHEMA_CHANGES = "schema_changes"
_COLUMNS: Mapping[str, pa.DataType] = {
    "stream": pa.string(),
    "object_name": pa.string(),
    "field_name": pa.string(),
    "field_type": pa.string(),
    "previous_type": pa.string(),
    "previous_name": pa.string(),
    "durable_id": pa.string(),
}
SCHEMA_CHANGES_CONTRACT = pa.schema(_COLUMNS)
SHOWN_KINDS = frozenset({"seen", "new", "retyped", "renamed", "regained"})
"""Kinds after which a field counts as shown; after the others it does not."""

LOST_KINDS = frozenset({"vanished", "hidden"})
READ_BACK_KINDS = SHOWN_KINDS - {"seen"}
"""Kinds that make the object be read whole: records hold values of the field though their stamp did not move."""


@dataclass(frozen=True)
class KnownField:
    """The last fact about a field."""

    kind: str
    field_type: str | None
    durable_id: str | None = None


@dataclass(frozen=True)
class FieldChange:
    """One difference.

    `kind`: seen (first look at the object), new, renamed (`previous_name` says from what), retyped, regained
    (shown again), vanished (gone from the org, or gone by a name of its own), hidden (still defined, no longer
    shown), left (goes on under another name), missing (relied on, never shown).
    """

    kind: str
    field_name: str
    field_type: str | None
    previous_type: str | None = None
    previous_name: str | None = None
    durable_id: str | None = None


def names_differ(described: Described, known: Mapping[str, KnownField]) -> bool:
    """Whether fields came or went, so that asking for their durable ids is worth a call."""
    shown = {name for name, each in known.items() if each.kind in SHOWN_KINDS}
    return shown != set(described.types)


def field_changes(
    declared: SalesforceObject,
    described: Described,
    known: Mapping[str, KnownField],
    durable_ids: Mapping[str, str] | None = None,
) -> list[FieldChange]:
    """Differences between what the org shows now and what is `known`, by field name.

    `durable_ids` (field name -> id that outlives a rename, hidden fields included) is None where the org does
    not tell: a rename is then a field that vanished and a new one, and a hidden field has vanished.
    """
    ids = durable_ids or {}
    shown = {name: each for name, each in known.items() if each.kind in SHOWN_KINDS}
    gone = {name: each for name, each in shown.items() if name not in described.types}
    renamed = {
        durable: name for name, each in gone.items() if (durable := each.durable_id) and name not in ids
    }
    came = [
        _came(name, kind, known, renamed, ids.get(name))
        for name, kind in described.types.items()
        if name not in shown
    ]
    retyped = [
        FieldChange("retyped", name, described.types[name], each.field_type, None, each.durable_id)
        for name, each in shown.items()
        if name in described.types and arrow_type(each.field_type or "") != arrow_type(described.types[name])
    ]
    new_names = {change.previous_name for change in came}
    went = [
        FieldChange(_going(name, new_names, ids), name, None, each.field_type, None, each.durable_id)
        for name, each in gone.items()
    ]
    return came + retyped + went + _missing(declared, described, known)


def _came(
    name: str, kind: str, known: Mapping[str, KnownField], renamed: Mapping[str, str], durable_id: str | None
) -> FieldChange:
    if not known:
        return FieldChange("seen", name, kind, None, None, durable_id)
    previous_name = renamed.get(durable_id or "")
    if previous_name:
        return FieldChange("renamed", name, kind, known[previous_name].field_type, previous_name, durable_id)
    before = known.get(name)
    is_back = before is not None and before.kind in LOST_KINDS
    return FieldChange(
        "regained" if is_back else "new", name, kind, before.field_type if before else None, None, durable_id
    )


def _going(name: str, renamed_from: set[str | None], durable_ids: Mapping[str, str]) -> str:
    if name in renamed_from:
        return "left"
    return "hidden" if name in durable_ids else "vanished"


def _missing(
    declared: SalesforceObject, described: Described, known: Mapping[str, KnownField]
) -> list[FieldChange]:
    return [
        FieldChange("missing", name, kind)
        for name, kind in declared.fields.items()
        if name not in described.types and name not in known and name not in OFTEN_ABSENT
    ]


def change_rows(
    declared: SalesforceObject, changes: Sequence[FieldChange], occurred_at: pa.Scalar[Any]
) -> pa.Table:
    """The changes as facts, one row per field; record_id is `Object.Field`."""
    rows = len(changes)
    columns: dict[str, pa.Array[Any]] = {
        "record_id": pa.array([f"{declared.name}.{change.field_name}" for change in changes], pa.string()),
        "kind": pa.array([change.kind for change in changes], pa.string()),
        "occurred_at": pa.array([occurred_at] * rows, occurred_at.type),
        "stream": pa.array([declared.stream] * rows, pa.string()),
        "object_name": pa.array([declared.name] * rows, pa.string()),
    }
    for name in ("field_name", "field_type", "previous_type", "previous_name", "durable_id"):
        columns[name] = pa.array([getattr(change, name) for change in changes], pa.string())
    return pa.table(columns)


def known_fields(facts: pa.Table) -> dict[str, dict[str, KnownField]]:
    """Object -> field -> last fact about it, from the latest schema facts, one row per record_id."""
    known: dict[str, dict[str, KnownField]] = {}
    for row in facts.to_pylist():
        field = KnownField(row["kind"], row["field_type"], row["durable_id"])
        known.setdefault(row["object_name"], {})[row["field_name"]] = field
    return known


def sentences(
    changes: Sequence[FieldChange], records_with_value: Mapping[str, int], *, can_tell_renames: bool
) -> list[str]:
    """The changes worth a person's eye, one phrase per kind; `records_with_value` counts, by lost field, the
    records whose last known value stays.
    """
    by_kind: dict[str, list[str]] = {}
    for change in changes:
        if change.kind in _WORDS:
            by_kind.setdefault(change.kind, []).append(_named(change, records_with_value))
    told = [_WORDS[kind].format(", ".join(by_kind[kind])) for kind in _WORDS if kind in by_kind]
    if "vanished" in by_kind and not can_tell_renames:
        told.append(
            "whether they were renamed or hidden the org does not tell (no access to FieldDefinition)"
        )
    return told


_WORDS: Mapping[str, str] = {
    "vanished": "fields no longer there: {} (last known values stay)",
    "hidden": "fields no longer shown to this user: {} (last known values stay)",
    "missing": "relied-on fields not shown: {}",
    "renamed": "fields renamed: {} (read back in full)",
    "retyped": "fields retyped: {} (read back in full)",
    "regained": "fields shown again: {} (read back in full)",
    "new": "new fields: {} (read back in full)",
}


def _named(change: FieldChange, records_with_value: Mapping[str, int]) -> str:
    if change.kind in LOST_KINDS:
        return f"{change.field_name} with values in {records_with_value.get(change.field_name, 0):,} records"
    if change.kind == "retyped":
        return f"{change.field_name} ({change.previous_type} to {change.field_type})"
    if change.kind == "renamed":
        return f"{change.previous_name} to {change.field_name}"
    return change.field_name
