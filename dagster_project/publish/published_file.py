"""The file people query, replaced whole: readers never wait, never see half of it.

A reader that holds yesterday's file keeps reading it until it closes its connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.event_log.canonical import identifier, literal

PUBLISHED_PREFIXES = ("dim_", "fct_")
PUBLISHED_TABLES = ("run_parameters",)
STORAGE_VERSION = "v1.5.0"  # older tools open it; DuckDB 2 files they cannot


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def published_marts(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[str]:
    """Names of the marts of an attached warehouse that people get to see."""
    rows = connection.execute(
        "select table_name from information_schema.tables where table_catalog = ? and table_schema = 'main' order by 1",
        [catalog],
    ).fetchall()
    return [name for (name,) in rows if name.startswith(PUBLISHED_PREFIXES) or name in PUBLISHED_TABLES]


def _fill(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    for table_name, table in tables.items():
        connection.register("decided", table)
        connection.execute(f"create table published.{identifier(table_name)} as select * from decided")
        connection.unregister("decided")
    names = [*published_marts(connection, "published"), *tables]
    return {name: _rows(connection, name) for name in dict.fromkeys(names)}


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    found = connection.execute(f"select count(*) from published.{identifier(name)}").fetchone()
    return int(found[0]) if found else 0


def _copy_marts(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
    for mart in published_marts(connection, "warehouse"):
        name = identifier(mart)
        connection.execute(f"create table published.{name} as select * from warehouse.{name}")


def publish(target: Path, warehouse: Path, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write the marts of ``warehouse`` and the decided ``tables`` to ``target``, swapped in by rename.

    Returns:
        Rows by table.

    Raises:
        duckdb.Error, OSError: the old file stays in place, the half-written one is removed.
    """
    return _replace(target, warehouse, tables)


def publish_tables(target: Path, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write ``tables`` alone to ``target``, swapped in by rename; returns and raises as `publish`."""
    return _replace(target, None, tables)


def _replace(target: Path, warehouse: Path | None, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.new")
    aside.unlink(missing_ok=True)
    try:
        with duckdb.connect() as connection:
            connection.execute(
                f"attach {literal(str(aside))} as published (storage_version '{STORAGE_VERSION}')"
            )
            if warehouse is not None:
                _copy_marts(connection, warehouse)
            counts = _fill(connection, tables)
            connection.execute("checkpoint published")
            connection.execute("detach published")
        _sync(aside)
        os.replace(aside, target)  # noqa: PTH105 - the name says that it replaces
        _sync(target.parent)
    finally:
        aside.unlink(missing_ok=True)
    return counts
