"""Tables of the published file, some of which an older file does not have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from connectors.event_log.canonical import identifier
from dagster_project.errors import SettingsError


@contextmanager
def published_marts(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only.

    Raises:
        SettingsError: there is none yet.
    """
    if not published.exists():
        raise SettingsError(
            "nothing is published yet", where=str(published), remedy="run gyakusan nightly first"
        )
    with duckdb.connect(str(published), read_only=True) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> pl.DataFrame:
    """The answer to a query as a frame."""
    frame: pl.DataFrame = connection.sql(sql, params=list(values)).pl()
    return frame


def table(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """A whole table; no columns where the file does not have it."""
    known = rows(connection, "select 1 from information_schema.tables where table_name = ?", name)
    return rows(connection, f"select * from {identifier(name)}") if known.height else pl.DataFrame()


def table_of_rep(connection: duckdb.DuckDBPyConnection, name: str, rep_id: str) -> pl.DataFrame:
    """The rows of one rep; no columns where the file does not have the table."""
    found = table(connection, name)
    return found.filter(pl.col("rep_id") == rep_id) if found.width else found
