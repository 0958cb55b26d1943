"""The shape of a stream: its columns and types, and how it grows without ever changing a type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from connectors.event_log.errors import LogError

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)
ERASURES = "erasures"

SYSTEM_FIELDS: tuple[pa.Field[Any], ...] = (
    pa.field("event_id", pa.string()),
    pa.field("record_id", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("occurred_at", INSTANT),
    pa.field("observed_at", INSTANT),
    pa.field("sequence", pa.int64()),
    pa.field("run_id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("values_hash", pa.string()),
    pa.field("uncast", pa.string()),
)
SYSTEM_NAMES = frozenset(field.name for field in SYSTEM_FIELDS)

TYPE_NAMES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.int64(): "int",
    pa.float64(): "double",
    MONEY: "decimal",
    pa.date32(): "date",
    INSTANT: "datetime",
}

# Fields that describe who looked at a record, or how long ago something was, not the record: kept as read, but
# no change of state.
VOLATILE_FIELDS: Mapping[str, frozenset[str]] = {
    "*": frozenset(
        {"LastViewedDate", "LastReferencedDate", "AgeInDays", "LastActivityInDays", "LastStageChangeInDays"}
    ),
}

_ROUTES_KEY = b"gyakusan.routes"


def volatile_fields(stream: str) -> frozenset[str]:
    """Columns of a stream that take no part in its state."""
    return VOLATILE_FIELDS["*"] | VOLATILE_FIELDS.get(stream, frozenset())


def typed_columns(contract: pa.Schema) -> list[pa.Field[Any]]:
    """The columns of a contract after the system columns."""
    return [field for field in contract if field.name not in SYSTEM_NAMES]


def routes(contract: pa.Schema) -> dict[str, str]:
    """Source field in lower case (Salesforce and DuckDB ignore case) -> the column that takes its values."""
    stored = (contract.metadata or {}).get(_ROUTES_KEY, b"{}")
    plain = {field.name.lower(): field.name for field in typed_columns(contract)}
    return plain | dict(json.loads(stored))


def empty_contract() -> pa.Schema:
    """A stream that has only the system columns."""
    return pa.schema(list(SYSTEM_FIELDS))


def evolved(contract: pa.Schema, fields: Iterable[pa.Field[Any]]) -> pa.Schema:
    """The contract with these source fields added.

    A field whose type differs from its column's, or whose name is taken by a system column, gets a column
    `Name__<type>` of its own; the old column and its type stay. Raises LogError for a type the log lacks.
    """
    columns = list(contract)
    by_name = {field.name.lower(): field for field in columns}
    stored_routes = routes(contract)
    for field in fields:
        log_type = storage_type(field)
        name = _column_for(field.name, log_type, by_name)
        if name.lower() not in by_name:
            column = pa.field(name, log_type)
            columns.append(column)
            by_name[name.lower()] = column
        stored_routes[field.name.lower()] = by_name[name.lower()].name
    return pa.schema(columns, metadata={_ROUTES_KEY: _rerouted(stored_routes).encode()})


def storage_type(field: pa.Field[Any]) -> pa.DataType:
    """The type the log keeps for an Arrow type: few and portable. Raises LogError where there is none."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    for matches, log_type in _STORAGE_RULES:
        if matches(kind):
            return log_type
    raise LogError(
        f"field {field.name} has type {field.type}, which the log does not hold",
        "contract",
        "declare it as one of " + ", ".join(TYPE_NAMES.values()),
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this Arrow type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_STORAGE_RULES = (
    (is_text, pa.string()),
    (pa.types.is_time, pa.string()),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_decimal, MONEY),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_timestamp, INSTANT),
)


def _column_for(name: str, log_type: pa.DataType, by_name: Mapping[str, pa.Field[Any]]) -> str:
    taken = by_name.get(name.lower())
    if taken is None or (taken.type == log_type and taken.name not in SYSTEM_NAMES):
        return name
    return f"{name}__{TYPE_NAMES[log_type]}"


def _rerouted(all_routes: Mapping[str, str]) -> str:
    return json.dumps({key: name for key, name in all_routes.items() if key != name.lower()}, sort_keys=True)
