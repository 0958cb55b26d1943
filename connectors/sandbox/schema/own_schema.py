"""An org's own schema: standard objects as its features leave them, with the fields its administrators changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from connectors.sandbox.records.ids import numbered
from connectors.sandbox.schema.features import shown
from connectors.sandbox.schema.sobjects import Field, SObject
from connectors.sandbox.schema.standard_objects import NAME_OBJECT, STANDARD_OBJECTS
from connectors.sandbox.soql.source import NAME_VIEW

_NAMED = ("User", "Account", "Contact", "Lead", "Opportunity")
_TABLES = """
create table if not exists _fields (object varchar, name varchar, definition varchar);
create table if not exists _features (name varchar primary key);
"""
Run = Callable[[str, Sequence[object]], list[tuple[object, ...]]]
"""Runs a statement on the org's writing connection and returns its rows."""


class OrgSchema:
    """The objects of one org, kept in its file. `is_stale` tells that something changed since it was last set."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.objects: dict[str, SObject] = dict(STANDARD_OBJECTS)
        self.is_stale = True
        run(_TABLES, ())
        self._read_fields()
        self.features = frozenset(str(row[0]) for row in run("select name from _features", ()))
        self._create_tables()
        self._show()

    def find(self, name: str) -> SObject | None:
        """An object by name in any case, as the org's features leave it; None when the org has none."""
        return self._shown.get(name) or self._by_lower_name.get(name.lower())

    def put_features(self, features: Iterable[str]) -> None:
        """Gives the org these features and no others."""
        self.features = frozenset(features)
        self._run("delete from _features", ())
        for name in sorted(self.features):
            self._run("insert into _features values ($1)", [name])
        self._show()

    def add(self, object_name: str, fields: Sequence[Field]) -> None:
        """Adds fields to an object, with empty columns for the rows there are."""
        for each in fields:
            if each.stored:
                self._run(f'alter table "{object_name}" add column {_column(each)}', ())
            self._keep(object_name, each.name, each)
        self._put(self.objects[object_name].with_fields(fields))

    def remove(self, object_name: str, name: str) -> None:
        """Takes a field and its values away."""
        entity = self.objects[object_name]
        if entity.fields[name].stored:
            self._run(f'alter table "{object_name}" drop column "{quoted(name)}"', ())
        self._keep(object_name, name, None)
        self._put(entity.without_fields(frozenset({name})))

    def rename(self, object_name: str, name: str, new_name: str) -> None:
        """Gives a field another name: it stays the same field, by its durable id."""
        entity = self.objects[object_name]
        old = entity.fields[name]
        renamed = replace(old, name=new_name, durable_id=durable_id(object_name, old))
        if old.stored:
            sql = f'alter table "{object_name}" rename column "{quoted(name)}" to "{quoted(new_name)}"'
            self._run(sql, ())
        self._keep(object_name, name, None)
        self._keep(object_name, new_name, renamed)
        fields = [renamed if each.name == name else each for each in entity.fields.values()]
        self._put(replace(entity, fields={each.name: each for each in fields}))

    def retype(self, object_name: str, field: Field) -> None:
        """Gives a field another type; values that do not suit it become null."""
        column = f'"{quoted(field.name)}"'
        cast = f"try_cast({column} as {field.column_type})"
        sql = f'alter table "{object_name}" alter column {column} type {field.column_type} using {cast}'
        self._run(sql, ())
        self._keep(object_name, field.name, field)
        self._put(self.objects[object_name].with_fields([field]))

    def _keep(self, object_name: str, name: str, field: Field | None) -> None:
        self._run("delete from _fields where object = $1 and name = $2", [object_name, name])
        definition = json.dumps(asdict(field)) if field else None
        self._run("insert into _fields values ($1, $2, $3)", [object_name, name, definition])

    def _put(self, entity: SObject) -> None:
        self.objects[entity.name] = entity
        self._show()

    def _show(self) -> None:
        found = {name: shown(each, self.features) for name, each in self.objects.items()}
        self._shown: Mapping[str, SObject] = {name: each for name, each in found.items() if each is not None}
        self._by_lower_name = {name.lower(): each for name, each in self._shown.items()}
        self.is_stale = True

    def _read_fields(self) -> None:
        for object_name, name, definition in self._run("select object, name, definition from _fields", ()):
            entity = self.objects[str(object_name)]
            if definition is None:
                self.objects[entity.name] = entity.without_fields(frozenset({str(name)}))
            else:
                values = json.loads(str(definition))
                values["reference_to"] = tuple(values["reference_to"])
                self.objects[entity.name] = entity.with_fields([Field(**values)])

    def _create_tables(self) -> None:
        found = self._run("select table_name, column_name from information_schema.columns", ())
        known = {(str(row[0]), str(row[1])) for row in found}
        tables = {table for table, _ in known}
        for entity in self.objects.values():
            if entity.name not in tables:
                columns = ", ".join(
                    f'"{quoted(each.name)}" {each.column_type}' for each in entity.stored_fields
                )
                self._run(f'create table "{entity.name}" ({columns})', ())
                continue
            # An org's file made by an earlier version lacks what was added since.
            for each in entity.stored_fields:
                if (entity.name, each.name) not in known:
                    sql = f'alter table "{entity.name}" add column {_column(each)}'
                    self._run(sql, ())
        self._run(f'create or replace view "{NAME_VIEW}" as ' + _name_view(self.objects), ())


def _column(field: Field) -> str:
    # A checkbox is never null: rows that were there before it get its default.
    default = f" default {field.default or 'false'}" if field.type == "boolean" else ""
    return f'"{quoted(field.name)}" {field.column_type}{default}'


def durable_id(object_name: str, field: Field) -> str:
    """FieldDefinition's DurableId: the object and, of a custom field, an id that outlives its name."""
    return (
        field.durable_id
        or f"{object_name}.{_custom_id(object_name, field.name) if field.custom else field.name}"
    )


def _custom_id(object_name: str, name: str) -> str:
    digest = hashlib.sha256(f"{object_name}.{name}".encode()).digest()
    return numbered("00N", int.from_bytes(digest[:4], "big"))[:15]


def quoted(name: str) -> str:
    """A column name made safe inside double quotes."""
    return name.replace('"', '""')


def _name_view(objects: Mapping[str, SObject]) -> str:
    selects = []
    for name in _NAMED:
        fields = objects[name].fields
        columns = [
            f"'{name}' as \"Type\"" if each.name == "Type"
            else f'"{each.name}"' if each.name in fields
            else f'null::{each.column_type} as "{each.name}"'
            for each in NAME_OBJECT.fields.values()
        ]  # fmt: skip
        selects.append(f'select {", ".join(columns)} from "{name}"')
    return " union all ".join(selects)
