"""Filling an org from a folder of CSV files named after objects, the shape of Salesforce's own data export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.loading.csv_reading import numbered_sql, quote, read_text, value_sql
from connectors.sandbox.loading.loader_fill import add_organization, add_placeholders, add_stages, fill_stamps
from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.loading.mapping import FolderMapping, read_mapping
from connectors.sandbox.loading.oddities import Oddity, find_oddities, samples
from connectors.sandbox.loading.under_way import Loading
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.own_schema import quoted
from connectors.sandbox.schema.sobjects import Field, SObject


@dataclass(frozen=True)
class LoadReport:
    """What a load did: rows by object, and everything odd about them with its count; nothing was left out."""

    rows: Mapping[str, int]
    oddities: tuple[Oddity, ...]

    def count(self, name: str) -> int:
        """How often an oddity was met, over all objects; 0 when never."""
        return sum(each.count for each in self.oddities if each.name == name)

    def lines(self) -> list[str]:
        """The report for people, one line per object and oddity."""
        loaded = [f"{name}: {rows} rows" for name, rows in self.rows.items()]
        return loaded + [each.line() for each in self.oddities]


def load_folder(org: Org, folder: Path, mapping: FolderMapping | Path | None = None) -> LoadReport:
    """Fills an org from `folder`; see the mapping file for what may differ from Salesforce's export.

    Raises SandboxError (no CSV of a known object, malformed CSV, an id that stands on several rows).
    """
    chosen = read_mapping(mapping) if isinstance(mapping, Path) else mapping or FolderMapping()
    with duckdb.connect() as work:
        work.execute("set TimeZone = 'UTC'")
        loading = Loading(org, chosen, work)
        for name, path in _files(loading, folder).items():
            _load_file(loading, org.objects[name], path)
        _complete(loading)
        tables = {name: work.sql(f'select * from "{name}"').to_arrow_table() for name in loading.entities}
    _add_typed_fields(loading)
    load_tables(org, tables)
    rows = {name: table.num_rows for name, table in tables.items()}
    return LoadReport(rows, tuple(loading.oddities))


def _files(loading: Loading, folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise SandboxError(
            f"there is no folder {folder}: give --load a folder of CSV files named after objects"
        )
    files = {loading.mapping.for_object(name).file or f"{name}.csv": name for name in loading.org.objects}
    by_lower_name = {file.lower(): name for file, name in files.items()}
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.csv")):
        name = by_lower_name.get(path.name.lower())
        if name:
            found[name] = path
        else:
            loading.oddities.append(Oddity("file of an object the sandbox does not have", path.name, 1, ()))
    if not found:
        raise SandboxError(f"{folder} has no CSV file named after an object, such as Opportunity.csv")
    return {name: found[name] for name in loading.org.objects if name in found}


def _load_file(loading: Loading, entity: SObject, path: Path) -> None:
    own = loading.mapping.for_object(entity.name)
    columns = read_text(loading.work, path, own.rename, "_text")
    entity = entity.with_fields(_own_fields(loading, entity, columns, own.types))
    stored = [entity.fields[name] for name in columns if entity.fields[name].stored]
    formats = loading.mapping.formats(entity.name)
    misfits = _misfits(loading, entity, stored)
    kept = {
        each.name: f'{value_sql(each, formats, loading.mapping.time_zone)} as "{quoted(each.name)}"'
        for each in stored
    }
    selected = [*kept.values(), *(f'{sql} as "{name}"' for name, sql in misfits.items())]
    loading.work.execute(
        f'create or replace table "{entity.name}" as select _row, {", ".join(selected)} from _text order by _row'
    )
    extra = [Field(name, "string", length=255) for name in misfits]
    loading.entities[entity.name] = entity.with_fields(extra)
    _give_ids(loading, entity, "Id" in columns)
    _refuse_doubled_ids(loading, entity, path)


def _own_fields(
    loading: Loading, entity: SObject, columns: list[str], types: Mapping[str, str]
) -> list[Field]:
    """Fields for columns the object lacks: custom ones are the org's own, others are noted as odd."""
    fields = []
    for name in (each for each in columns if each not in entity.fields):
        if not name.endswith("__c"):
            loading.oddities.append(Oddity("column the sandbox does not know", entity.name, 1, (name,)))
        fields.append(Field(name, types.get(name) or _guessed_type(loading, name), length=255))
    return fields


def _guessed_type(loading: Loading, name: str) -> str:
    # Digits alone may be a number or a key with leading zeros: only true and false are taken for what they look.
    column = f'"{quoted(name)}"'
    sql = f"select count({column}), count(*) filter (lower({column}) in ('true', 'false')), max(length({column})) from _text"
    row = loading.work.execute(sql).fetchone() or (0, 0, 0)
    if row[0] and row[0] == row[1]:
        return "boolean"
    return "textarea" if (row[2] or 0) > 255 else "string"


def _misfits(loading: Loading, entity: SObject, fields: list[Field]) -> dict[str, str]:
    """Columns that keep the texts which do not fit their field's type, by name, for fields that have such."""
    formats, zone = loading.mapping.formats(entity.name), loading.mapping.time_zone
    kept: dict[str, str] = {}
    for each in fields:
        misfit = f"nullif(trim(\"{quoted(each.name)}\"), '') is not null and {value_sql(each, formats, zone)} is null"
        count, _ = samples(loading.work, f"select _row::varchar from _text where {misfit}")
        if count and each.column_type != "VARCHAR":
            name = f"{each.name.removesuffix('__c')}_text__c"
            kept[name] = f'case when {misfit} then "{quoted(each.name)}" end'
            where = f"select 'line ' || (_row + 1) from _text where {misfit}"
            loading.note(f"value that is no {each.type} (kept in {name})", entity.name, where)
    return kept


def _give_ids(loading: Loading, entity: SObject, has_column: bool) -> None:
    work, name = loading.work, entity.name
    if not has_column:
        work.execute(f'alter table "{name}" add column "Id" varchar')
    missing = work.execute(f'select count(*) from "{name}" where "Id" is null').fetchone()
    count = int(missing[0]) if missing else 0
    if not count:
        return
    first = loading.org.reserve_numbers(name, count)
    made = numbered_sql(entity.key_prefix, "_number")
    work.execute(
        f'update "{name}" set "Id" = {made} from (select _row as _at, row_number() over (order by _row) - 1 + {first} '
        f'as _number from "{name}" where "Id" is null) where _row = _at'
    )
    loading.note(
        "row without an id (one was made)",
        name,
        f"""select "Id" from "{name}" where starts_with("Id",
        {quote(entity.key_prefix)} || 'Gy000') order by _row""",
    )


def _refuse_doubled_ids(loading: Loading, entity: SObject, path: Path) -> None:
    sql = f'select "Id", list(_row + 1 order by _row) from "{entity.name}" group by 1 having count(*) > 1 order by 1'
    row = loading.work.execute(sql).fetchone()
    if row:
        lines = ", ".join(str(each) for each in row[1][:5])
        raise SandboxError(
            f"{path.name}, lines {lines}: the id {row[0]} stands on several rows; keep one of them"
        )


def _complete(loading: Loading) -> None:
    for entity in loading.entities.values():
        loading.work.execute(f'alter table "{entity.name}" drop column _row')
        fill_stamps(loading, entity)
    add_organization(loading)
    add_stages(loading)
    add_placeholders(loading)
    loading.oddities += find_oddities(loading.work, set(loading.entities))


def _add_typed_fields(loading: Loading) -> None:
    for name, entity in loading.entities.items():
        known = loading.org.objects[name].fields
        loading.org.add_fields(name, [each for each in entity.fields.values() if each.name not in known])
