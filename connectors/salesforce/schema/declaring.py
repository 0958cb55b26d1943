"""How an object to read is declared: its columns, their types, and what is particular about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "double": pa.float64(),
    "percent": pa.float64(),
    "currency": MONEY,
    "date": pa.date32(),
    "datetime": INSTANT,
}
"""Salesforce field type -> Arrow type; every other type is text."""


@dataclass(frozen=True)
class SalesforceObject:
    """One object to read.

    `cursor_field` is the datetime field its windows run on. An object that is not `is_required` may be
    absent from the org: that is a note, not an error. `left_out` are fields that are never read.
    Where the org `purges_old_rows` by itself (history), a row that is gone there stays as it was in the log.
    """

    name: str
    stream: str
    fields: Mapping[str, str] = field(repr=False)
    cursor_field: str = "SystemModstamp"
    is_required: bool = True
    left_out: frozenset[str] = frozenset()
    purges_old_rows: bool = False

    def base_contract(self) -> pa.Schema:
        """Columns of the stream that exist in any case, with their types."""
        return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in self.fields.items()])


def arrow_type(salesforce_type: str) -> pa.DataType:
    """The Arrow type that holds a Salesforce field type."""
    return ARROW_TYPES.get(salesforce_type, pa.string())


def fields(**names_by_type: str) -> dict[str, str]:
    """Salesforce types by field: each keyword is a type, its value the names of its fields, a space between them."""
    return {name: kind for kind, names in names_by_type.items() for name in names.split()}


AUDIT = fields(
    id="Id", reference="CreatedById LastModifiedById", datetime="CreatedDate LastModifiedDate SystemModstamp"
)
DELETABLE = {**AUDIT, **fields(boolean="IsDeleted")}
