"""Stands in for dbt's adapter when sqlfluff renders a model: any expression will do for what an engine writes its own way."""

from __future__ import annotations

from collections.abc import Callable

TABLE_MACROS = {"with_missing_columns": "select null as column_name", "date_series": "select null as date_day"}


def dispatch(macro_name: str) -> Callable[..., str]:
    """The text a macro renders to while linting."""
    if macro_name == "last_known":
        return lambda expression: f"last_value({expression})"
    return lambda *_: TABLE_MACROS.get(macro_name, "null")
