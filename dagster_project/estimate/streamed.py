"""Tables of bounded blocks, one after the other, for who reads them as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
import pyarrow as pa


def streamed(blocks: Iterable[pl.DataFrame]) -> pa.RecordBatchReader:
    """The rows of all blocks, which have the columns of the first (there is at least one), each made when it is asked for."""
    tables = (block.to_arrow(compat_level=pl.CompatLevel.oldest()) for block in blocks)
    first = next(tables)
    return pa.RecordBatchReader.from_batches(first.schema, _batches(first, tables))


def _batches(first: pa.Table, tables: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    yield from first.to_batches()
    for table in tables:
        yield from table.to_batches()
