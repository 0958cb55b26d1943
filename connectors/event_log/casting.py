"""Whole columns brought to the log's types by Arrow, where that is beyond doubt.

SQL has the last word on what a text means (`canonical`); it costs many times more. So Arrow casts a column only when
it reads every cell, and only in forms that SQL reads as the same value; any other column is left to SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.event_log.contract import INSTANT

_LARGEST_INT = 9_200_000_000_000_000_000
_SHORTEST_INSTANT = len("2024-01-01T00:00:00Z")


def cast_column(values: pa.ChunkedArray[Any], log_type: pa.DataType) -> pa.ChunkedArray[Any] | None:
    """The column in the log's type, empty texts as nulls; None when SQL has to look at its cells."""
    if values.type == pa.string():
        values = _without_empty(values)
        return values if log_type == pa.string() else _cast_texts(values, log_type)
    if values.type != log_type or (log_type == pa.float64() and not _is_finite(values)):
        return None
    return values


def has_carriage_returns(values: pa.ChunkedArray[Any]) -> bool:
    """Whether any text of a column holds one."""
    return bool(pc.any(pc.match_substring(values, "\r")).as_py())


def _cast_texts(values: pa.ChunkedArray[Any], log_type: pa.DataType) -> pa.ChunkedArray[Any] | None:
    if log_type in _READ_OTHERWISE and _READ_OTHERWISE[log_type](values):
        return None
    try:
        cast = pc.cast(values, log_type)
    except pa.ArrowInvalid:
        return None
    return cast if log_type not in _ALLOWED or _ALLOWED[log_type](cast) else None


def _without_empty(values: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    if pc.min(pc.binary_length(values)).as_py() != 0:
        return values
    none = pa.scalar(None, pa.string())
    filled: pa.ChunkedArray[Any] = pc.if_else(pc.equal(values, pa.scalar("")), none, values)
    return filled


def _may_be_hexadecimal(texts: pa.ChunkedArray[Any]) -> bool:
    return any(pc.any(pc.match_substring(texts, sign)).as_py() for sign in ("x", "X"))


def _may_lack_minutes(texts: pa.ChunkedArray[Any]) -> bool:
    shortest = pc.min(pc.binary_length(texts)).as_py()
    return shortest is not None and shortest < _SHORTEST_INSTANT


def _is_finite(numbers: pa.ChunkedArray[Any]) -> bool:
    return pc.all(pc.is_finite(numbers)).as_py() is not False


def _is_in_range(numbers: pa.ChunkedArray[Any]) -> bool:
    lowest, highest = pc.min(numbers).as_py(), pc.max(numbers).as_py()
    return lowest is None or (lowest > -_LARGEST_INT and highest < _LARGEST_INT)


# Texts that Arrow reads and SQL does not.
_READ_OTHERWISE: Mapping[pa.DataType, Callable[[pa.ChunkedArray[Any]], bool]] = {
    pa.int64(): _may_be_hexadecimal,
    INSTANT: _may_lack_minutes,
}
_ALLOWED: Mapping[pa.DataType, Callable[[pa.ChunkedArray[Any]], bool]] = {
    pa.int64(): _is_in_range,
    pa.float64(): _is_finite,
}
