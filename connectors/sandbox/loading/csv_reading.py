"""Reading a CSV file of one object as text, and turning its texts into stored values; all in DuckDB."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.records.ids import ALPHABET, NUMBER_LENGTH, POD, SUFFIX_ALPHABET
from connectors.sandbox.schema.sobjects import Field

_LINE = re.compile(r"Line:\s*(\d+)")


def quote(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def read_text(
    work: duckdb.DuckDBPyConnection, path: Path, rename: Mapping[str, str], table: str
) -> list[str]:
    """Loads a CSV file into `table` of texts (empty is null) with its row number `_row`; returns its column names.

    Raises SandboxError naming file, line and what to do when the file is malformed.
    """
    columns = [rename.get(name, name) for name in _header(path)]
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise SandboxError(
            f"{path.name}, line 1: column {doubled[0]} stands there twice; rename or remove one"
        )
    types = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in columns)
    sql = (
        f'create or replace table "{table}" as select row_number() over () as _row, * from read_csv({quote(str(path))}, '
        f"auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', columns = {{{types}}}, "
        "strict_mode = true, null_padding = false, max_line_size = 10000000)"
    )
    try:
        work.execute(sql)
    except duckdb.Error as error:
        raise _malformed(path, str(error)) from error
    return columns


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise SandboxError(
            f"{path.name}, line 1: not UTF-8; save the file as UTF-8 and load it again"
        ) from error
    if not any(name.strip() for name in names):
        raise SandboxError(f"{path.name}, line 1: no column names; the first line must name the columns")
    return [name.strip() for name in names]


def _malformed(path: Path, reason: str) -> SandboxError:
    found = _LINE.search(reason)
    line = f", line {found.group(1)}" if found else ""
    if "unicode" in reason.lower():
        return SandboxError(f"{path.name}{line}: not UTF-8; save the file as UTF-8 and load it again")
    said = (each.strip() for each in reason.splitlines()[1:])
    first = next(
        (each for each in said if each and not each.startswith("Original Line")), "cannot be read as CSV"
    )
    return SandboxError(
        f"{path.name}{line}: {first.rstrip('.')}; correct the line's quotes and commas and load it again"
    )


def value_sql(field: Field, formats: Sequence[str], time_zone: str) -> str:
    """SQL that turns the text of a field's column into the value stored; null when the text does not fit."""
    column = f"nullif(trim(\"{field.name}\"), '')"
    if field.type == "datetime":
        return f"coalesce({', '.join([*_parsed(column, formats, time_zone), _iso(column)])})"
    if field.type == "date":
        parsed = [f"try_strptime({column}, {quote(each)})::date" for each in formats]
        return f"coalesce({', '.join([*parsed, f'try_cast({column} as date)'])})"
    if field.type == "boolean":
        return f"case lower({column}) when 'true' then true when '1' then true when 'false' then false when '0' then false end"
    if field.column_type in ("DOUBLE", "BIGINT"):
        return f"try_cast(replace({column}, ',', '') as {field.column_type})"
    if field.type in ("id", "reference"):
        return f"case when length({column}) = 15 then {suffix_sql(column)} else {column} end"
    return f"nullif(\"{field.name}\", '')"


def _parsed(column: str, formats: Sequence[str], time_zone: str) -> list[str]:
    return [
        f"timezone({quote(time_zone)}, try_strptime({column}, {quote(each)}))::timestamp" for each in formats
    ]


def _iso(column: str) -> str:
    # The session's time zone is UTC, so a text without offset is taken as UTC, as Salesforce's own export writes it.
    return f"try_cast({column} as timestamptz)::timestamp"


def suffix_sql(column: str) -> str:
    """SQL of the 18-character form of a 15-character id (see ids.with_suffix)."""
    letters = []
    for chunk in range(3):
        places = (
            f"(ascii(substr({column}, {chunk * 5 + place + 1}, 1)) between 65 and 90)" for place in range(5)
        )
        bits = " + ".join(f"{place}::int * {1 << index}" for index, place in enumerate(places))
        letters.append(f"substr('{SUFFIX_ALPHABET}', {bits} + 1, 1)")
    return f"({column} || {' || '.join(letters)})"


def numbered_sql(key_prefix: str, number: str) -> str:
    """SQL of the sandbox's own id of a number (see ids.numbered)."""
    digits = (
        f"substr('{ALPHABET}', (({number}) // {len(ALPHABET) ** power}) % {len(ALPHABET)} + 1, 1)"
        for power in reversed(range(NUMBER_LENGTH))
    )
    short_id = f"('{key_prefix}{POD}' || {' || '.join(digits)})"
    return suffix_sql(short_id)
