"""The facts of one stream that landed since it was last judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import identifier, literal
from connectors.event_log.query import query
from dagster_project.gate.declarations import Check, Rule, StreamDeclaration

GONE_KINDS = "('deleted', 'purged')"
UNCAST_VALUES = "uncast values"

_UNMET_TYPES: Mapping[str, pa.DataType] = {
    "event_id": pa.string(),
    "record_id": pa.string(),
    "expectation": pa.string(),
    "reason": pa.string(),
    "refuses": pa.bool_(),
    "value_text": pa.string(),
}
UNMET = pa.schema(_UNMET_TYPES)
"""One row per fact and expectation it does not meet."""


@dataclass(frozen=True)
class Batch:
    """Sequences (after_sequence, to_sequence] of a stream, with what is declared of it."""

    log: EventLog
    stream: str
    declaration: StreamDeclaration
    after_sequence: int
    to_sequence: int

    @property
    def folder(self) -> Path:
        """Where the stream's files are, for error messages."""
        return self.log.root / self.stream

    def columns(self) -> frozenset[str]:
        """Names of all columns the stream has."""
        return frozenset(self.log.contract(self.stream).names)

    def facts(self, after: int | None = None, to: int | None = None) -> str:
        """FROM item: the batch's facts, each event once (duplicates of an event share their sequence)."""
        first, last = self.after_sequence if after is None else after, to or self.to_sequence
        return f"""(select * from {self.log.scan(self.stream, first)}
            where sequence > {first} and sequence <= {last}
            qualify row_number() over (partition by event_id order by observed_at) = 1)"""

    def size(self) -> int:
        """Facts in the batch; erased ones are gone though their sequences remain."""
        counted = query(f"select count(*) as facts from {self.facts()}", self.folder)
        return int(counted["facts"][0].as_py())

    def checks(self) -> list[Check]:
        """The declared checks that can be asked of the columns the stream has."""
        types = {field.name: field.type for field in self.log.contract(self.stream)}
        return [check for check in self.declaration.checks if _can_ask(check, types)]

    def chunks(self, rows: int) -> Iterator[pa.Table]:
        """The batch in pieces of so many facts: event_id, record_id, is_gone and what the checks need."""
        wanted = ", ".join(
            ["event_id", "record_id", f"kind in {GONE_KINDS} as is_gone", *self._checked_sql()]
        )
        for after in range(self.after_sequence, self.to_sequence, rows):
            facts = self.facts(after, min(after + rows, self.to_sequence))
            chunk = query(f"select {wanted} from {facts} order by sequence", self.folder)
            if chunk.num_rows:
                yield chunk

    def _checked_sql(self) -> Sequence[str]:
        types = {field.name: field.type for field in self.log.contract(self.stream)}
        checks = self.checks()
        plain = {
            name
            for check in checks
            if check.rule is not Rule.CAST
            for name in (check.column, check.other_column)
        }
        return [
            *(f"{_pandas_sql(name, types[name])} as {identifier(name)}" for name in sorted(plain - {""})),
            f"{_uncast_sql(self.declaration.needed_columns)} as {identifier(UNCAST_VALUES)}",
        ]


def _uncast_sql(columns: Sequence[str]) -> str:
    # One column for all needed values: every expectation costs Great Expectations some milliseconds.
    told = [f"{literal(name + ': ')} || (uncast ->> {literal('$.' + identifier(name))})" for name in columns]
    return f"case when uncast is not null then nullif(concat_ws('; ', {', '.join(told)}), '') end"


def _can_ask(check: Check, types: Mapping[str, pa.DataType]) -> bool:
    # A retyped field has a column of its own; the schema change is told by the connector.
    names = [name for name in (check.column, check.other_column) if name and check.rule is not Rule.CAST]
    return all(name in types and _FITTING[check.rule](types[name]) for name in names)


def _is_number(log_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_decimal(log_type) or pa.types.is_floating(log_type) or pa.types.is_integer(log_type)
    )


def _anything(_log_type: pa.DataType) -> bool:
    return True


_FITTING = {
    Rule.PRESENT: _anything,
    Rule.KEY_FORM: pa.types.is_string,
    Rule.SANE_DATE: pa.types.is_temporal,
    Rule.NOT_BEFORE: pa.types.is_temporal,
    Rule.AMOUNT: _is_number,
    Rule.PERCENT: _is_number,
}


def _pandas_sql(name: str, log_type: pa.DataType) -> str:
    column = identifier(name)
    if pa.types.is_decimal(log_type):
        return f"{column}::double"
    if pa.types.is_date(log_type):
        return f"{column}::timestamp"
    if pa.types.is_timestamp(log_type):
        return f"{column} at time zone 'UTC'"
    return column
