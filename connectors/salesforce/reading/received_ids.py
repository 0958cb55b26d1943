"""The ids a window brought, in a few bytes each, to tell rows that came twice from rows that came."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.salesforce.reading.scratch import scratch_cursor


class ReceivedIds:
    """Ids received so far, kept as 64-bit hashes: 8 bytes a row, however long the window.

    Two ids that share a hash make the count too low, never too high: a proof that rests on it can fail for
    no reason (once in forty million windows of a million rows) but cannot pass for none.
    """

    def __init__(self) -> None:
        self._connection = scratch_cursor()
        self._parts: list[npt.NDArray[np.uint64]] = []

    def add(self, ids: pa.ChunkedArray[Any]) -> None:
        """Take in the ids of one page."""
        self._parts.append(self._hashes(ids))

    def distinct(self) -> int:
        """How many different ids were received."""
        ordered = np.sort(self._all())
        # np.unique takes its slow road through a hash table here.
        return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1 if len(ordered) else 0

    def count_among(self, ids: pa.ChunkedArray[Any]) -> int:
        """How many different ids of these were received."""
        return len(np.intersect1d(self._hashes(ids), self._all()))

    def _all(self) -> npt.NDArray[np.uint64]:
        return np.concatenate(self._parts) if self._parts else np.empty(0, np.uint64)

    def _hashes(self, ids: pa.ChunkedArray[Any]) -> npt.NDArray[np.uint64]:
        self._connection.register("received", pa.Table.from_arrays([ids], ["id"]))
        hashed = self._connection.sql("select hash(id) as id_hash from received").fetchnumpy()
        return np.asarray(hashed["id_hash"], np.uint64)
