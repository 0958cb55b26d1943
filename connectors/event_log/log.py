"""The log itself: appending what is new, reading facts, compaction, erasure. One writer at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from connectors.event_log import files, maintenance
from connectors.event_log.canonical import identifier, literal
from connectors.event_log.contract import (
    ERASURES,
    INSTANT,
    SYSTEM_NAMES,
    empty_contract,
    evolved,
    routes,
)
from connectors.event_log.errors import LogError
from connectors.event_log.landing import POSITION, Landing, landing, positions, unseen_fields
from connectors.event_log.maintenance import Compacted, Erased
from connectors.event_log.observed import Reading, changed_sql, facts_sql, gone_sql
from connectors.event_log.query import file_list, instant_sql, query

LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class _Kept:
    """Columns a batch did not carry, those of them with a value in the log, and how far that was asked."""

    unseen: tuple[str, ...]
    filled: frozenset[str]
    sequence: int


@dataclass(frozen=True)
class Appended:
    """What one append did: rows received, facts appended, and the file they went to (None without facts)."""

    stream: str
    received: int
    appended: int
    path: Path | None


class EventLog:
    """Append-only facts in `root/<stream>/*.parquet`. Methods that cannot do their work raise LogError."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._lock = FileLock(str(self.root / ".lock"))
        self._kept: dict[str, _Kept] = {}

    def streams(self) -> list[str]:
        """Names of the streams that have a contract."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{files.CONTRACT_NAME}"))

    def contract(self, stream: str) -> pa.Schema:
        """System and typed columns of a stream. Raises KeyError for a stream nobody declared."""
        path = self._folder(stream) / files.CONTRACT_NAME
        if not path.exists():
            raise KeyError(f"the log at {self.root} has no stream {stream!r}; declare it with evolve()")
        return pq.read_schema(path)

    def evolve(self, stream: str, fields: pa.Schema) -> pa.Schema:
        """Declare source fields; new and retyped ones get columns, none changes. Returns the contract."""
        with self.writing():
            before = self.contract(stream) if self._exists(stream) else None
            after = evolved(before or empty_contract(), fields)
            if before is None or not after.equals(before, check_metadata=True):
                files.make_folder(self._folder(stream))
                files.write_parquet(self._folder(stream) / files.CONTRACT_NAME, after, [after.empty_table()])
            return after

    def append_observed(
        self,
        stream: str,
        rows: pa.Table,
        *,
        run_id: str,
        source: str,
        observed_at: datetime,
        window: str,
    ) -> Appended:
        """Append those rows of a Salesforce object that differ from the last known state of their record.

        Rows are one per version of a record, columns named as the source names them, typed or text; `Id` is
        required. Reading the same state again appends nothing. A field that is no column of the rows is
        unknown, not null: the record keeps its last known value. Raises KeyError for an undeclared stream.
        """
        contract = self.contract(stream)
        if "id" not in {name.lower() for name in rows.column_names}:
            raise LogError("rows have no column Id", f"stream {stream}", "select Id in the query")
        batch = landing(stream, contract, rows, routes(contract))
        with self.writing():
            reading = self._reading(stream, observed_at, window)
            batch = self._keeping_unseen(stream, contract, batch, rows.column_names)
            typed = batch.typed(lambda sql, landed: query(sql, self._folder(stream), landed))
            reading = replace(reading, known=self._known_of(stream, typed[batch.id_name()]))
            sql = changed_sql(reading, contract, batch)
            landed = self._append(reading, sql, typed, run_id, source)
            self._kept[stream] = replace(self._kept[stream], sequence=self.last_sequence(stream))
            return landed

    def append_gone(
        self,
        stream: str,
        rows: pa.Table,
        *,
        kind: str,
        run_id: str,
        source: str,
        observed_at: datetime,
        window: str,
    ) -> Appended:
        """Append that records are gone when only their ids are known (getDeleted, a sweep of ids).

        Rows are one per record: `record_id`, and `occurred_at` when known (else observed_at). `kind` is
        'deleted' or 'purged'. The fact repeats the last known values. Records unknown or already gone give
        nothing.
        """
        if kind not in ("deleted", "purged"):
            raise LogError(f"{kind!r} is no way to be gone", f"stream {stream}", "use 'deleted' or 'purged'")
        contract = self.contract(stream)
        with self.writing():
            reading = self._reading(stream, observed_at, window)
            return self._append(reading, gone_sql(reading, contract, kind), _gone_rows(rows), run_id, source)

    def append_facts(
        self,
        stream: str,
        rows: pa.Table,
        *,
        run_id: str,
        source: str = "gyakusan",
        observed_at: datetime,
        key: Sequence[str],
    ) -> Appended:
        """Append facts of the system itself; a fact whose key columns the stream already holds is left out.

        Rows carry `record_id`, `kind`, `occurred_at` and typed columns; columns the contract lacks are
        declared by their Arrow type, those it has are cast to its types.
        """
        _require_columns(stream, rows, ["record_id", "kind", "occurred_at", *key])
        with self.writing():
            contract = self._declared(stream, rows)
            own = {name: name for name in ("record_id", "kind", "occurred_at")}
            batch = landing(stream, contract, rows, routes(contract) | own)
            reading = self._reading(stream, observed_at)
            sql = facts_sql(reading, contract, batch, key)
            return self._append(reading, sql, batch.rows, run_id, source)

    def last_sequence(self, stream: str) -> int:
        """Highest sequence of a stream, 0 while it is empty or undeclared; reads file names only."""
        return files.last_sequence(self._folder(stream)) if self._exists(stream) else 0

    def scan(self, stream: str, after_sequence: int = 0) -> str:
        """SQL FROM item over a stream's files, those with only older facts left out; not de-duplicated."""
        self.contract(stream)
        batches = files.batch_files(self._folder(stream))
        paths = [batch.path for batch in batches if batch.last_sequence > after_sequence]
        return file_list([*paths, self._folder(stream) / files.CONTRACT_NAME])

    def read(self, stream: str, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Facts by sequence, one per event_id (the earliest observed_at); `where` is SQL over them."""
        return self._select(stream, maintenance.distinct_sql(self.scan(stream)), columns, where)

    def latest(
        self,
        stream: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        known_at: datetime | None = None,
    ) -> pa.Table:
        """The last fact of each record observed no later than `known_at`; `where` is SQL over these."""
        known = f"where observed_at <= {instant_sql(known_at)}" if known_at else ""
        last = f"""(select * from {self.scan(stream)} {known}
            qualify row_number() over (partition by record_id order by sequence desc, observed_at) = 1)"""
        return self._select(stream, last, columns, where)

    def compact(self, stream: str) -> Compacted:
        """Merge all batches of a stream into one; a crash in between leaves what reading de-duplicates."""
        contract = self.contract(stream)
        with self.writing():
            return maintenance.compact(stream, self._folder(stream), contract)

    def erase(self, record_ids: Sequence[str], *, run_id: str, observed_at: datetime) -> Erased:
        """Remove all facts of these records from all streams, for good, and block their return.

        The tombstones come first: interrupted anywhere, the same call finishes the work.
        """
        tombstones = pa.table(
            {
                "record_id": pa.array(record_ids, pa.string()),
                "kind": pa.array(["erased"] * len(record_ids), pa.string()),
                "occurred_at": pa.array([observed_at] * len(record_ids), INSTANT),
            }
        )
        with self.writing():
            self.append_facts(ERASURES, tombstones, run_id=run_id, observed_at=observed_at, key=["record_id"])
            folders = [self._folder(stream) for stream in self.streams() if stream != ERASURES]
            return maintenance.erase(folders, record_ids)

    def _keeping_unseen(
        self, stream: str, contract: pa.Schema, batch: Landing, source_names: Sequence[str]
    ) -> Landing:
        unseen = unseen_fields(contract, source_names)
        names = tuple(field.name for field in unseen)
        kept = self._kept.get(stream)
        # Most unseen fields never held a value: that is asked once for a run of batches alike.
        if kept is None or (kept.unseen, kept.sequence) != (names, self.last_sequence(stream)):
            kept = self._kept[stream] = _Kept(names, self._filled(stream, names), self.last_sequence(stream))
        filled = [field for field in unseen if field.name in kept.filled]
        return batch.keeping(filled, self.scan(stream))

    def _filled(self, stream: str, names: Sequence[str]) -> frozenset[str]:
        if not names or not self.last_sequence(stream):
            return frozenset()
        held = ", ".join(f"{_was_filled(name)} as {identifier(name)}" for name in names)
        found = query(f"select {held} from {self.scan(stream)}", self._folder(stream)).to_pylist()[0]
        return frozenset(name for name in names if found[name])

    def _append(self, reading: Reading, sql: str, landed: pa.Table, run_id: str, source: str) -> Appended:
        stream = reading.stream
        folder = self._folder(stream)
        files.remove_leftovers(folder)
        first = files.last_sequence(folder) + 1
        numbered = f"""select *, {first - 1} + row_number() over () as sequence, {literal(run_id)} as run_id,
            {literal(source)} as source, {instant_sql(reading.observed_at)} as observed_at from ({sql})"""
        facts = query(numbered, folder, landed=landed)
        if facts.num_rows == 0:
            return Appended(stream, landed.num_rows, 0, None)
        path = files.batch_path(folder, first, first + facts.num_rows - 1)
        contract = self.contract(stream)
        if POSITION in facts.column_names:
            facts = _beside(facts, landed)
        files.write_parquet(path, contract, [_conformed(facts, contract)])
        return Appended(stream, landed.num_rows, facts.num_rows, path)

    def _select(self, stream: str, source: str, columns: Sequence[str] | None, where: str | None) -> pa.Table:
        contract = self.contract(stream)
        names = list(columns) if columns is not None else contract.names
        wanted = ", ".join(identifier(name) for name in names)
        condition = f"where {where}" if where else ""
        table = query(f"select {wanted} from {source} {condition} order by sequence", self._folder(stream))
        return table.cast(pa.schema([contract.field(name) for name in names]))

    def _known_of(self, stream: str, ids: pa.ChunkedArray[Any]) -> str:
        folder = self._folder(stream)
        batches = files.holding(files.batch_files(folder), ids)
        return file_list([*(batch.path for batch in batches), folder / files.CONTRACT_NAME])

    def _reading(self, stream: str, observed_at: datetime, window: str = "") -> Reading:
        return Reading(stream, self.scan(stream), self._erased(stream), observed_at, window)

    def _declared(self, stream: str, rows: pa.Table) -> pa.Schema:
        contract = self.contract(stream) if self._exists(stream) else empty_contract()
        known = routes(contract)
        new = [
            field
            for field in rows.schema
            if field.name not in SYSTEM_NAMES and field.name.lower() not in known
        ]
        return contract if self._exists(stream) and not new else self.evolve(stream, pa.schema(new))

    def _erased(self, stream: str) -> str | None:
        return self.scan(ERASURES) if stream != ERASURES and self._exists(ERASURES) else None

    def _exists(self, stream: str) -> bool:
        return (self._folder(stream) / files.CONTRACT_NAME).exists()

    def _folder(self, stream: str) -> Path:
        return self.root / stream

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the log against other writers; appends inside take no further lock."""
        files.make_folder(self.root)
        try:
            self._lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise LogError(
                "another process is writing the log", self.root, "wait for it to end, then run again"
            ) from error
        try:
            yield
        finally:
            self._lock.release()


def _was_filled(name: str) -> str:
    in_uncast = f"contains(coalesce(uncast, ''), {literal(json.dumps(name) + ':')})"
    return f"bool_or({identifier(name)} is not null or {in_uncast})"


def _beside(facts: pa.Table, landed: pa.Table) -> pa.Table:
    """The facts with the columns of the landed rows they are about."""
    places = facts[POSITION]
    facts, landed = facts.drop_columns([POSITION]), landed.drop_columns([POSITION])
    # As they came, they mostly come in order; taking rows copies every column.
    if not places.combine_chunks().equals(positions(landed.num_rows)):
        landed = landed.combine_chunks().take(places)
    for name, values in zip(landed.column_names, landed.columns, strict=True):
        facts = facts.append_column(name, values)
    return facts


def _conformed(facts: pa.Table, contract: pa.Schema) -> pa.Table:
    present = set(facts.column_names)
    columns = [
        facts[field.name].cast(field.type) if field.name in present else pa.nulls(facts.num_rows, field.type)
        for field in contract
    ]
    return pa.Table.from_arrays(columns, schema=contract)


def _gone_rows(rows: pa.Table) -> pa.Table:
    gone = rows.select(["record_id"])
    if "occurred_at" in rows.column_names:
        gone = gone.append_column("occurred_at", rows["occurred_at"].cast(INSTANT))
    else:
        gone = gone.append_column("occurred_at", pa.nulls(rows.num_rows, INSTANT))
    return gone.append_column(POSITION, positions(rows.num_rows))


def _require_columns(stream: str, rows: pa.Table, names: Sequence[str]) -> None:
    missing = [name for name in dict.fromkeys(names) if name not in rows.column_names]
    if missing:
        raise LogError(f"rows lack {', '.join(missing)}", f"stream {stream}", "add these columns")
