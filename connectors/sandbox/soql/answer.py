"""A translated query and the forms of its answer: one JSON text per record, or one CSV column per field."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.schema.sobjects import Field, SObject
from connectors.sandbox.schema.standard_objects import NAME_OBJECT
from connectors.sandbox.soql.source import Source, Value

CHILDREN = "children"
"""The type of a column that holds child records."""


@dataclass(frozen=True)
class Column:
    """One selected value: the names that lead to it, its SQL and its type; of a function what it was called by, of a
    sub-select its own columns."""

    names: tuple[str, ...]
    sql: str
    field: Field
    display: str = ""
    children: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Translated:
    """A query ready to run. `body` is everything from FROM on; `is_count` marks a bare COUNT(); `order` is
    what its rows are ordered by."""

    source: Source
    columns: tuple[Column, ...]
    body: str
    is_count: bool
    is_aggregate: bool
    order: str = ""

    @property
    def parameters(self) -> list[Value]:
        return self.source.parameters

    def count_sql(self) -> str:
        return f"select count(*) from {self.body}"

    def children_sql(self) -> str:
        """The answer of a sub-select of child records as one value; null when there are none."""
        number = f"row_number() over (order by {self.order})"
        rows = f"select {_json_record(self)} as _record, {number} as _number from {self.body}"
        answer = "struct_pack(totalSize := count(*), done := true, records := list(_record order by _number))"
        return f"(select case when count(*) > 0 then {answer} end from ({rows}))"

    def json_sql(self) -> str:
        """One column `record`: the JSON text of each record with its attributes."""
        return f"select to_json({_json_record(self)})::varchar as record from {self.body}"

    def csv_sql(self) -> str:
        """One text column per selected field, headed by its path; empty text for null."""
        selected = ", ".join(
            f"coalesce(({_csv_value(each)})::varchar, '') as \"{'.'.join(each.names)}\""
            for each in self.columns
        )
        return f"select {selected} from {self.body}"


def _json_record(query: Translated) -> str:
    if query.is_aggregate:
        pairs = [f'"{each.names[0]}" := {json_value(each.sql, each.field)}' for each in query.columns]
        return (
            "struct_pack(" + ", ".join(["attributes := struct_pack(type := 'AggregateResult')", *pairs]) + ")"
        )
    return _json_entity(query, (), query.source.entity, f"{query.source.prefix}0")


def _json_entity(query: Translated, names: tuple[str, ...], entity: SObject, table: str) -> str:
    pairs = [attributes_sql(entity, table, query.source.context.version)]
    depth = len(names)
    for head in dict.fromkeys(
        each.names[: depth + 1] for each in query.columns if each.names[:depth] == names
    ):
        leaf = next((each for each in query.columns if each.names == head), None)
        pairs.append(
            f'"{head[-1]}" := {json_value(leaf.sql, leaf.field) if leaf else _json_parent(query, head)}'
        )
    return "struct_pack(" + ", ".join(pairs) + ")"


def _json_parent(query: Translated, names: tuple[str, ...]) -> str:
    table, entity = query.source.joins[names]
    return f'case when {table}."Id" is not null then {_json_entity(query, names, entity, table)} end'


def attributes_sql(entity: SObject, table: str, version: str) -> str:
    """The `attributes` of a record in this table."""
    type_sql = f'{table}."Type"' if entity is NAME_OBJECT else f"'{entity.name}'"
    shown_type = "'Name'" if entity is NAME_OBJECT else type_sql
    url = f"'/services/data/v{version}/sobjects/' || {type_sql} || '/' || {table}.\"Id\""
    return f"attributes := struct_pack(type := {shown_type}, url := {url})"


def json_value(sql: str, field: Field) -> str:
    """A value as JSON shows it."""
    return f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%g+0000')" if field.type == "datetime" else sql


def _csv_value(column: Column) -> str:
    if column.field.type == "datetime":
        return f"strftime({column.sql}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    return column.sql
