"""Files of a stream: named by the sequences they hold, written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.event_log.contract import is_text
from connectors.event_log.errors import LogError, from_os_error

CONTRACT_NAME = "contract.parquet"
_BATCH_NAME = re.compile(r"(?P<first>\d{15})-(?P<last>\d{15})\.parquet")
_ASIDE_SUFFIX = ".tmp"
ROW_GROUP_ROWS = 122_880
_DIFFERENT_IN_EVERY_ROW = frozenset({"event_id", "record_id", "values_hash", "Id"})


@dataclass(frozen=True)
class BatchFile:
    """One immutable file of facts, holding sequences first..last (some may have been erased since)."""

    path: Path
    first_sequence: int
    last_sequence: int


def batch_path(folder: Path, first_sequence: int, last_sequence: int) -> Path:
    """Where facts with these sequences go; the range outlives the rows: no sequence is given out twice."""
    return folder / f"{first_sequence:015d}-{last_sequence:015d}.parquet"


def batch_files(folder: Path) -> list[BatchFile]:
    """The batches of a stream in landing order. Raises LogError for a Parquet file the log did not write."""
    paths = sorted(path for path in folder.glob("*.parquet") if path.name != CONTRACT_NAME)
    return [_batch_file(path) for path in paths]


def last_sequence(folder: Path) -> int:
    """Highest sequence ever given out in a stream, 0 before the first; from file names alone."""
    return max((batch.last_sequence for batch in batch_files(folder)), default=0)


def holding(batches: Iterable[BatchFile], ids: pa.ChunkedArray[Any]) -> list[BatchFile]:
    """The batches that may hold facts of these records, by the ids in their footers; a missing id counts as ''.

    A first sync brings records about in order of their ids: what a page is compared with then does not grow.
    """
    if len(ids) == 0:
        return []
    lowest = "" if ids.null_count else pc.min(ids).as_py()
    highest = pc.max(ids).as_py() or ""
    return [batch for batch in batches if _overlaps(_ends(batch.path), lowest, highest)]


def _overlaps(ends: tuple[str, str] | None, lowest: str, highest: str) -> bool:
    return ends is None or (ends[0] <= highest and lowest <= ends[1])


def _ends(path: Path) -> tuple[str, str] | None:
    state = path.stat()
    return _footer_ends(path, state.st_mtime_ns, state.st_size)


@functools.cache
def _footer_ends(path: Path, _modified_ns: int, _size: int) -> tuple[str, str] | None:
    """First and last record_id of a file; None when its footer does not say."""
    footer = pq.read_metadata(path)
    place = footer.schema.names.index("record_id")
    ends: list[str] = []
    for number in range(footer.num_row_groups):
        group = footer.row_group(number).column(place).statistics
        if group is None or not group.has_min_max or group.null_count:
            return None
        ends += [str(group.min), str(group.max)]
    return (min(ends), max(ends)) if ends else None


def write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write aside, sync, rename into place, sync the folder: a crash leaves the old state or the new.

    Raises LogError when the operating system refuses; what was written aside is removed, nothing else.
    """
    aside = path.with_name(f".{path.name}{_ASIDE_SUFFIX}")
    try:
        _write_synced(aside, schema, tables)
        aside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        _discard(aside)
        raise from_os_error("writing to the log", path, error) from error


def make_folder(folder: Path) -> None:
    """Create a stream's folder so that it survives a power cut. Raises LogError when that is refused."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise from_os_error("creating a folder of the log", folder, error) from error


def remove_files(paths: Iterable[Path], folder: Path) -> None:
    """Remove files for good. Raises LogError when that is refused."""
    try:
        for path in paths:
            path.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise from_os_error("removing files of the log", folder, error) from error


def remove_leftovers(folder: Path) -> None:
    """Remove files a crash left half written, which no reader sees. Raises LogError when that is refused."""
    if leftovers := sorted(folder.glob(f".*{_ASIDE_SUFFIX}")):
        remove_files(leftovers, folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is not, until its folder is synced)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(aside: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with aside.open("wb") as handle:
        # The stub knows only yes and no; pyarrow takes names as well.
        repeating = cast(Any, _repeating_columns(schema))
        with pq.ParquetWriter(handle, schema, compression="zstd", use_dictionary=repeating) as writer:
            for table in tables:
                writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        handle.flush()
        os.fsync(handle.fileno())


def _repeating_columns(schema: pa.Schema) -> list[str]:
    """The columns worth a dictionary: texts, but for those that are different in (nearly) every row."""
    return [
        field.name for field in schema if is_text(field.type) and field.name not in _DIFFERENT_IN_EVERY_ROW
    ]


def _discard(aside: Path) -> None:
    # The disk may be gone altogether; the error worth showing is the first one.
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)


def _batch_file(path: Path) -> BatchFile:
    match = _BATCH_NAME.fullmatch(path.name)
    if match is None:
        raise LogError(
            "a Parquet file in the log was not written by it", path, "move the file out of the log folder"
        )
    return BatchFile(path, int(match["first"]), int(match["last"]))
