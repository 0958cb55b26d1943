"""Compaction and erasure: the only operations that rewrite files of the log; neither changes a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.event_log import files
from connectors.event_log.canonical import identifier
from connectors.event_log.query import file_list, query, stream_query

# Columns that say whom a fact is about; gate verdicts quote values of the record they judge.
SUBJECT_COLUMNS = ("record_id", "record_id_judged")


@dataclass(frozen=True)
class Compacted:
    """Files of a stream before, facts in the one file after (None while the stream has no batch)."""

    stream: str
    files_before: int
    facts: int
    path: Path | None


@dataclass(frozen=True)
class Erased:
    """What an erasure removed, over all streams."""

    record_ids: int
    facts: int
    files_rewritten: int


def distinct_sql(scan: str) -> str:
    """FROM item: one row per event_id, the one observed first (ties: landed first)."""
    return f"""(select * from {scan}
        qualify row_number() over (partition by event_id order by observed_at, sequence) = 1)"""


def compact(stream: str, folder: Path, contract: pa.Schema) -> Compacted:
    """Write the merged file, then remove its parts. Raises LogError; facts are never fewer than before."""
    parts = files.batch_files(folder)
    files.remove_leftovers(folder)
    if not parts:
        return Compacted(stream, 0, 0, None)
    first = min(part.first_sequence for part in parts)
    merged = files.batch_path(folder, first, max(part.last_sequence for part in parts))
    if len(parts) > 1:
        contract_path = folder / files.CONTRACT_NAME
        scan = file_list([*(part.path for part in parts), contract_path])
        _rewrite(merged, contract, f"select {_names(contract)} from {distinct_sql(scan)} order by sequence")
        files.remove_files([part.path for part in parts if part.path != merged], folder)
    return Compacted(stream, len(parts), pq.read_metadata(merged).num_rows, merged)


def erase(folders: Sequence[Path], record_ids: Sequence[str]) -> Erased:
    """Rewrite every file that holds facts of these records; emptied files keep their name and sequences."""
    batches = [(folder, batch.path) for folder in folders for batch in files.batch_files(folder)]
    removed = [_erase_from(path, folder, record_ids) for folder, path in batches]
    for folder in folders:
        # A half-written file may hold the person too.
        files.remove_leftovers(folder)
    return Erased(len(set(record_ids)), sum(removed), sum(count > 0 for count in removed))


def _erase_from(path: Path, folder: Path, record_ids: Sequence[str]) -> int:
    schema = pq.read_schema(path)
    subjects = [identifier(name) for name in SUBJECT_COLUMNS if name in schema.names]
    ids = pa.table({"record_id": pa.array(record_ids, pa.string())})
    held = " or ".join(f"coalesce({name} in (select record_id from landed), false)" for name in subjects)
    source = file_list([path])
    count = int(query(f"select count(*) as n from {source} where {held}", folder, ids)["n"][0].as_py())
    if count:
        kept = f"select {_names(schema)} from {source} where not ({held}) order by sequence"
        _rewrite(path, schema, kept, ids)
    return count


def _rewrite(path: Path, schema: pa.Schema, sql: str, landed: pa.Table | None = None) -> None:
    tables = (table.cast(schema) for table in stream_query(sql, path.parent, landed))
    files.write_parquet(path, schema, tables)


def _names(schema: pa.Schema) -> str:
    return ", ".join(identifier(name) for name in schema.names)
