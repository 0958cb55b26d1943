"""Filling an org in bulk with Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.records import ids
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.features import needed_for
from connectors.sandbox.schema.sobjects import Field, SObject

_REPLACED_WHOLE = ("Organization", "OpportunityStage")


def load_tables(org: Org, tables: Mapping[str, pa.Table]) -> None:
    """Fills the org with Arrow tables keyed by object name, as they are: no history is written, nothing derived.

    Rows whose Id is there already are replaced. Columns the object lacks become fields of the org. Raises
    SandboxError for an object the sandbox does not have or a table without Id.
    """
    for name, table in tables.items():
        _check(org, name, table)
        org.add_fields(name, unknown_fields(org.objects[name], table.schema))
    org.schema.put_features(org.schema.features.union(*(_needed(org, *each) for each in tables.items())))
    with org.transaction():
        for name, table in tables.items():
            if name in _REPLACED_WHOLE:
                org.run(f'delete from "{name}"')
            else:
                org.delete_listed(name, table.select(["Id"]))
            org.insert_table(name, table)
            _move_counter(org, org.objects[name])
    org.put_setting("loaded", "true")


def _needed(org: Org, name: str, table: pa.Table) -> frozenset[str]:
    filled = [each for each in table.column_names if table.column(each).null_count < table.num_rows]
    return (
        needed_for(org.objects[name], [org.objects[name].fields[each] for each in filled])
        if filled
        else frozenset()
    )


def unknown_fields(entity: SObject, schema: pa.Schema) -> list[Field]:
    """Fields to add to an object so that every column of a table has its place, typed after the column."""
    return [_field(each) for each in schema if each.name not in entity.fields]


def _check(org: Org, name: str, table: pa.Table) -> None:
    if name not in org.objects:
        raise SandboxError(f"the sandbox has no object {name!r}; it has {', '.join(sorted(org.objects))}")
    if "Id" not in table.column_names:
        raise SandboxError(f"the table of {name} has no Id column; give every row a Salesforce Id")


def _field(column: pa.Field[pa.DataType]) -> Field:
    kind = column.type
    if pa.types.is_boolean(kind):
        return Field(column.name, "boolean")
    if pa.types.is_date(kind):
        return Field(column.name, "date")
    if pa.types.is_timestamp(kind):
        return Field(column.name, "datetime")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Field(column.name, "double")
    return Field(column.name, "string", length=255)


def _move_counter(org: Org, entity: SObject) -> None:
    sql = f'select max("Id") from "{entity.name}" where starts_with("Id", $1)'
    last = org.run(sql, [entity.key_prefix + ids.POD])[0][0]
    if last:
        sql = (
            "insert into _counters values ($1, $2) on conflict (object) "
            "do update set next_number = greatest(next_number, excluded.next_number)"
        )
        org.run(sql, [entity.name, ids.number_of(str(last)) + 1])
