"""Rows as they came, matched with a stream's contract: SQL that types them and tells what did not cast."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.event_log.canonical import (
    ColumnSql,
    canonical_text,
    column_sql,
    identifier,
    literal,
    typed_column_sql,
    uncast_json,
)
from connectors.event_log.casting import cast_column, has_carriage_returns
from connectors.event_log.contract import TYPE_NAMES, typed_columns
from connectors.event_log.errors import LogError

POSITION = "landing_position"


@dataclass(frozen=True)
class Landing:
    """Rows under neutral names (`given_0` …) with their landing position, and the SQL of each column."""

    rows: pa.Table
    columns: list[ColumnSql]
    source: str = "landed"

    def names(self) -> list[str]:
        """Columns of the contract that these rows fill."""
        return [column.name for column in self.columns]

    def typed(self, select: Callable[[str, pa.Table], pa.Table]) -> pa.Table:
        """The rows in landing order: POSITION, `uncast` and the typed columns.

        `select` runs SQL over `landed`; it is asked only for columns that Arrow could not cast.
        """
        left = [column for column in self.columns if column.cast_from is None]
        if left:
            names = ", ".join(identifier(column.name) for column in left)
            sql = f"select {POSITION}, uncast, {names} from ({self._typed_sql(left)}) order by {POSITION}"
            typed = select(sql, self.rows)
        else:
            nothing = pa.nulls(self.rows.num_rows, pa.string())
            typed = self.rows.select([POSITION]).append_column("uncast", nothing)
        for column in self.columns:
            if column.cast_from is not None:
                typed = typed.append_column(column.name, self.rows[column.cast_from])
        return typed

    def typed_sql(self) -> str:
        """A SELECT over the registered table `landed`: position, typed columns, and `uncast`."""
        return self._typed_sql(self.columns)

    def _typed_sql(self, columns: Sequence[ColumnSql]) -> str:
        typed = "".join(f", {column.typed} as {identifier(column.name)}" for column in columns)
        return f"select *, {uncast_json(columns)} as uncast from (select *{typed} from {self.source})"

    def given_id(self) -> str:
        """The Id of a row as it came."""
        return self._id().given

    def id_name(self) -> str:
        """The column of the contract that takes the Id."""
        return self._id().name

    def _id(self) -> ColumnSql:
        return next(column for column in self.columns if column.name.lower() == "id")

    def keeping(self, unseen: Sequence[pa.Field[Any]], known: str) -> Landing:
        """The same rows with the last known values of fields that the source no longer shows."""
        if not unseen:
            return self
        kept = "".join(f", {identifier(each.name)} as kept_{place}" for place, each in enumerate(unseen))
        source = f"""(select landed.*, kept.* exclude (kept_id) from landed left join (
            select record_id as kept_id, uncast as kept_uncast{kept} from {known}
            where record_id in (select {self.given_id()} from landed)
            qualify row_number() over (partition by record_id order by sequence desc) = 1
          ) as kept on {self.given_id()} = kept_id)"""
        columns = [_kept_column(place, each) for place, each in enumerate(unseen)]
        return replace(self, columns=[*self.columns, *columns], source=source)

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
    types = [contract.field(target).type for target in found]
    cast = [cast_column(values, log_type) for values, log_type in zip(rows.columns, types, strict=True)]
    columns = [
        _column(target, types[index], f"given_{index}", rows.schema.field(index).type, cast[index])
        for index, target in enumerate(found)
    ]
    return Landing(_neutral(rows, cast), columns)


def _column(
    name: str,
    log_type: pa.DataType,
    source_name: str,
    source_type: pa.DataType,
    cast: pa.ChunkedArray[Any] | None,
) -> ColumnSql:
    if cast is None:
        return column_sql(name, log_type, source_name, source_type)
    has_returns = log_type == pa.string() and has_carriage_returns(cast)
    return typed_column_sql(name, log_type, source_name, has_carriage_returns=has_returns)


def unseen_fields(contract: pa.Schema, source_names: Collection[str]) -> list[pa.Field[Any]]:
    """Columns of the contract whose source field is not among these: nothing is known of it now.

    A retyped field is among them under another column; what its old column held is over, not unknown.
    """
    shown = {name.lower() for name in source_names}
    return [field for field in typed_columns(contract) if not {field.name.lower(), _plain(field)} & shown]


def _plain(field: pa.Field[Any]) -> str:
    return field.name.removesuffix(f"__{TYPE_NAMES[field.type]}").lower()


def _kept_column(place: int, field: pa.Field[Any]) -> ColumnSql:
    return ColumnSql(
        name=field.name,
        typed=f"kept_{place}",
        given=f"(kept_uncast ->> {literal('$.' + identifier(field.name))})",
        canonical=canonical_text(identifier(field.name), field.type),
        can_fail=field.type != pa.string(),
    )


def _neutral(rows: pa.Table, cast: Sequence[pa.ChunkedArray[Any] | None]) -> pa.Table:
    given = [values if typed is None else typed for values, typed in zip(rows.columns, cast, strict=True)]
    names = [*(f"given_{index}" for index in range(len(given))), POSITION]
    place = pa.chunked_array([positions(rows.num_rows)])
    return pa.Table.from_arrays([*given, place], names=names)


def positions(rows: int) -> pa.Array[Any]:
    """0, 1, 2 … as a column."""
    return pa.array(np.arange(rows, dtype=np.int64))
