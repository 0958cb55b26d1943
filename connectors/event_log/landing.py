"""Rows as they came, matched with a stream's contract: SQL that types them and tells what did not cast."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from connectors.event_log.canonical import ColumnSql, column_sql, identifier, uncast_json
from connectors.event_log.errors import LogError

POSITION = "landing_position"


@dataclass(frozen=True)
class Landing:
    """Rows under neutral names (`given_0` …) with their landing position, and the SQL of each column."""

    rows: pa.Table
    columns: list[ColumnSql]

    def names(self) -> list[str]:
        """Columns of the contract that these rows fill."""
        return [column.name for column in self.columns]

    def typed_sql(self) -> str:
        """A SELECT over the registered table `landed`: position, typed columns, and `uncast`."""
        typed = "".join(f", {column.typed} as {identifier(column.name)}" for column in self.columns)
        return f"select *, {uncast_json(self.columns)} as uncast from (select *{typed} from landed)"

    def canonical(self, without: Collection[str]) -> dict[str, str]:
        """Canonical text of each column that is part of the state, what did not cast included."""
        texts = {column.name: column.canonical for column in self.columns if column.name not in without}
        return texts | {"#uncast": "uncast"}


def landing(stream: str, contract: pa.Schema, rows: pa.Table, route: Mapping[str, str]) -> Landing:
    """Match columns of the rows with columns of the contract by `route` (lower-case source name -> column).

    Raises LogError for a column the contract does not have and for two that would fill the same one.
    """
    targets = [route.get(name.lower()) for name in rows.column_names]
    unknown = [name for name, target in zip(rows.column_names, targets, strict=True) if target is None]
    if unknown:
        raise LogError(
            f"rows carry columns the contract does not have: {', '.join(unknown)}",
            f"stream {stream}",
            "declare them with evolve() before appending",
        )
    found = [target for target in targets if target is not None]
    if len(set(found)) < len(found):
        raise LogError(
            "two columns of the rows mean the same field", f"stream {stream}", "send each field once"
        )
    columns = [
        column_sql(target, contract.field(target).type, f"given_{index}", rows.schema.field(index).type)
        for index, target in enumerate(found)
    ]
    return Landing(_neutral(rows), columns)


def _neutral(rows: pa.Table) -> pa.Table:
    renamed = rows.rename_columns([f"given_{index}" for index in range(rows.num_columns)])
    return renamed.append_column(POSITION, pa.array(range(rows.num_rows), pa.int64()))
