"""What the org shows: its objects, and the fields of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from connectors.event_log.contract import volatile_fields
from connectors.salesforce.schema.objects import SalesforceObject, arrow_type

LEFT_OUT_TYPES = frozenset({"address", "location", "base64", "complexvalue", "json"})
"""Compound and binary fields: their parts come as fields of their own, and Bulk takes neither."""


@dataclass(frozen=True)
class ObjectFlags:
    """What the list of all objects says of one: whether queries and getDeleted/getUpdated work on it."""

    is_queryable: bool
    is_replicateable: bool


def read_object_list(body: Mapping[str, Any]) -> dict[str, ObjectFlags]:
    """Object name -> flags from a reply to `/sobjects`."""
    return {
        each["name"]: ObjectFlags(bool(each.get("queryable")), bool(each.get("replicateable")))
        for each in body["sobjects"]
    }


@dataclass(frozen=True)
class Described:
    """Fields of one object that are plain columns: name -> Salesforce type, in describe's order.

    `calculated` are the formula and roll-up fields among them, whose values move without SystemModstamp.
    """

    object_name: str
    types: Mapping[str, str]
    calculated: frozenset[str] = frozenset()

    def contract(self) -> pa.Schema:
        """The fields with their Arrow types."""
        return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in self.types.items()])

    def cursor_field(self, declared: str) -> str | None:
        """The declared cursor field if the org shows it, else the next best, else None (the object is read
        whole).
        """
        candidates = (declared, "SystemModstamp", "LastModifiedDate", "CreatedDate")
        return next((name for name in candidates if self.types.get(name) == "datetime"), None)

    def wanted(self, declared: SalesforceObject) -> Described:
        """Without the fields that are not to be read at all."""
        types = {name: kind for name, kind in self.types.items() if name not in declared.left_out}
        return replace(self, types=types, calculated=self.calculated & types.keys())


def read_description(object_name: str, body: Mapping[str, Any]) -> Described:
    """The readable plain fields of a describe reply; compound and binary ones are left out."""
    fields: Iterable[Mapping[str, Any]] = body["fields"]
    plain = [each for each in fields if each["type"] not in LEFT_OUT_TYPES]
    calculated = {each["name"] for each in plain if each.get("calculated")}
    return Described(
        object_name,
        {each["name"]: each["type"] for each in plain},
        # Formulas that count days until now differ at every look and say nothing new.
        frozenset(calculated - volatile_fields("*")),
    )
