"""DuckDB over the files of the log."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.event_log.canonical import literal
from connectors.event_log.errors import LogError
from connectors.event_log.files import ROW_GROUP_ROWS


def file_list(paths: Sequence[Path]) -> str:
    """SQL FROM item over these Parquet files, columns matched by name."""
    return f"read_parquet([{', '.join(literal(_escaped(path)) for path in paths)}], union_by_name = true)"


def instant_sql(instant: datetime) -> str:
    """An instant as SQL. Raises ValueError for a datetime without zone: its meaning follows the machine."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone; the log takes instants")
    return f"timestamptz {literal(instant.astimezone(UTC).isoformat())}"


def query(sql: str, where: Path, landed: pa.Table | None = None) -> pa.Table:
    """The rows of a SELECT; `landed` is readable under that name. Raises LogError naming the folder."""
    with _cursor(where, landed) as cursor:
        table: pa.Table = cursor.sql(sql).to_arrow_table()
        return table


def stream_query(sql: str, where: Path, landed: pa.Table | None = None) -> Iterator[pa.Table]:
    """The rows of a SELECT, a row group at a time. Raises LogError naming the folder."""
    with _cursor(where, landed) as cursor:
        for batch in cursor.sql(sql).to_arrow_reader(ROW_GROUP_ROWS):
            yield pa.Table.from_batches([batch])


@contextmanager
def _cursor(where: Path, landed: pa.Table | None) -> Iterator[duckdb.DuckDBPyConnection]:
    cursor = _database().cursor()
    try:
        # Instants are read and written in UTC whatever the machine's zone.
        cursor.execute("set TimeZone = 'UTC'")
        if landed is not None:
            cursor.register("landed", landed)
        yield cursor
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise LogError(
            f"reading the log failed: {reason}", where, "if a file is damaged, restore it from a backup"
        ) from error
    finally:
        cursor.close()


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


def _escaped(path: Path) -> str:
    # DuckDB takes every path for a pattern.
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
