"""Pages whose tables are what the query above each gives; ``python -m tests.nightly.pages FILE`` writes them anew.

FILE is the published file of the generated organisation's first night.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

METRICS = Path(__file__).parents[2] / "docs" / "metrics"
_EXAMPLE = re.compile(r"```sql\n(?P<sql>.*?)```\n+(?P<table>(?:\|[^\n]*\n)*)\n*", re.DOTALL)


def rendered(page: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The page with each table as its query answers on ``connection``; instants are in UTC."""
    connection.execute("set timezone = 'UTC'")
    shown = _EXAMPLE.sub(
        lambda found: f"```sql\n{found['sql']}```\n\n{_table(connection, found['sql'])}\n", page
    )
    return shown.rstrip("\n") + "\n"


def queries(page: str) -> list[str]:
    """The queries of a page."""
    return [found["sql"] for found in _EXAMPLE.finditer(page)]


def _table(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    rows = [names, ["---"] * len(names), *([_shown(value) for value in row] for row in result.fetchall())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return f"{value:,}" if isinstance(value, int | float | Decimal) else str(value)


def write_anew(published: Path) -> None:
    """Every page of docs/metrics, its tables from the published file."""
    with duckdb.connect(str(published), read_only=True) as connection:
        for path in sorted(METRICS.glob("*.md")):
            page = path.read_text(encoding="utf-8")
            path.write_text(rendered(page, connection), encoding="utf-8")


if __name__ == "__main__":
    write_anew(Path(sys.argv[1]))
