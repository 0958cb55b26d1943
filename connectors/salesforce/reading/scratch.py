"""DuckDB in memory, for replies that are parsed and compared before they reach the log."""

from __future__ import annotations

import functools

import duckdb


def scratch_cursor() -> duckdb.DuckDBPyConnection:
    """A cursor of its own over the process's one scratch database; what it registers no other cursor sees."""
    return _database().cursor()


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")
