"""What the org shows of an object, and how that differs from the last time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.salesforce.objects import OFTEN_ABSENT, SalesforceObject, arrow_type

LEFT_OUT_TYPES = frozenset({"address", "location", "base64", "complexvalue", "json"})

SCHEMA_CHANGES = "schema_changes"
SCHEMA_CHANGES_CONTRACT = pa.schema(
    [
        pa.field("stream", pa.string()),
        pa.field("object_name", pa.string()),
        pa.field("field_name", pa.string()),
        pa.field("field_type", pa.string()),
        pa.field("previous_type", pa.string()),
    ]
)
SHOWN_KINDS = frozenset({"seen", "new", "retyped"})
"""Kinds after which a field counts as shown; after `vanished` and `missing` it does not."""


@dataclass(frozen=True)
class Described:
    """Fields of one object that are plain columns: name -> Salesforce type, in describe's order."""

    object_name: str
    types: Mapping[str, str]

    def contract(self) -> pa.Schema:
        """The fields with their Arrow types."""
        return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in self.types.items()])

    def cursor_field(self, declared: str) -> str | None:
        """The declared cursor field if the org shows it, else the next best, else None (the object is read
        whole).
        """
        candidates = (declared, "SystemModstamp", "LastModifiedDate", "CreatedDate")
        return next((name for name in candidates if self.types.get(name) == "datetime"), None)


@dataclass(frozen=True)
class FieldChange:
    """One difference: kind is seen (first look), new, vanished, retyped, missing (relied on, not shown)."""

    kind: str
    field_name: str
    field_type: str | None
    previous_type: str | None = None


def read_description(object_name: str, body: Mapping[str, Any]) -> Described:
    """The readable plain fields of a describe reply; compound and binary ones are left out."""
    fields: Iterable[Mapping[str, Any]] = body["fields"]
    return Described(
        object_name, {each["name"]: each["type"] for each in fields if each["type"] not in LEFT_OUT_TYPES}
    )


def field_changes(
    declared: SalesforceObject, described: Described, known: Mapping[str, tuple[str, str | None]]
) -> list[FieldChange]:
    """Differences between what the org shows now and `known`: field -> (last kind, last type)."""
    shown = {name: kind for name, (state, kind) in known.items() if state in SHOWN_KINDS}
    first = "new" if known else "seen"
    changes = [
        FieldChange(first if name not in shown else "retyped", name, kind, shown.get(name))
        for name, kind in described.types.items()
        if name not in shown or arrow_type(shown[name] or "") != arrow_type(kind)
    ]
    changes += [
        FieldChange("vanished", name, None, kind)
        for name, kind in shown.items()
        if name not in described.types
    ]
    return changes + _missing(declared, described, known)


def _missing(
    declared: SalesforceObject, described: Described, known: Mapping[str, tuple[str, str | None]]
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
    instant = pa.array([occurred_at] * len(changes), occurred_at.type)
    return pa.table(
        {
            "record_id": [f"{declared.name}.{change.field_name}" for change in changes],
            "kind": [change.kind for change in changes],
            "occurred_at": instant,
            "stream": [declared.stream] * len(changes),
            "object_name": [declared.name] * len(changes),
            "field_name": [change.field_name for change in changes],
            "field_type": pa.array([change.field_type for change in changes], pa.string()),
            "previous_type": pa.array([change.previous_type for change in changes], pa.string()),
        }
    )


def known_fields(facts: pa.Table) -> dict[str, dict[str, tuple[str, str | None]]]:
    """Object -> field -> (last kind, last type) from the latest schema facts, one row per record_id."""
    known: dict[str, dict[str, tuple[str, str | None]]] = {}
    for row in facts.select(["object_name", "field_name", "kind", "field_type"]).to_pylist():
        known.setdefault(row["object_name"], {})[row["field_name"]] = (row["kind"], row["field_type"])
    return known


def summary(changes: Sequence[FieldChange]) -> str:
    """The changes worth a person's eye as one line of JSON, kind -> field names; empty without any."""
    worth = {change.kind for change in changes} - {"seen"}
    named = {kind: [c.field_name for c in changes if c.kind == kind] for kind in sorted(worth)}
    return json.dumps(named, ensure_ascii=False) if named else ""
