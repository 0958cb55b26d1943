"""Small helpers to put columns together into Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.days import timestamps
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray
from connectors.sandbox.generator.identifiers import record_ids

ADMINISTRATOR = 1
FIRST_SELLER = 100
FIRST_MANAGER = 20_000
FIRST_INSIDE_SALES = 30_000


def seller_user_numbers(sellers: IntArray) -> IntArray:
    """User number of each seller."""
    return sellers + FIRST_SELLER


def user_ids(numbers: IntArray, missing: BoolArray | None = None) -> Column:
    """User ids by user number."""
    return record_ids("User", numbers, missing)


def take(words: Sequence[str | None], indices: IntArray, missing: BoolArray | None = None) -> Column:
    """The word at each index; null where `missing`."""
    return pa.array(words, type=pa.string()).take(pa.array(indices, type=pa.int64(), mask=missing))


def join(*parts: Column | str, separator: str = "") -> Column:
    """Element-wise concatenation; null as soon as one part is null."""
    # pyarrow-stubs know no mix of arrays and texts.
    joined: Column = pc.binary_join_element_wise(*parts, separator)  # type: ignore[call-overload]
    return joined


def numerals(numbers: npt.ArrayLike) -> Column:
    """Whole numbers as text."""
    return pa.array(np.asarray(numbers, dtype=np.int64)).cast(pa.string())


def booleans(values: BoolArray) -> Column:
    """A boolean column."""
    return pa.array(values)


def constant(value: str, count: int) -> Column:
    """The same text in every row."""
    return pa.repeat(value, count)


def percents(values: FloatArray) -> Column:
    """A percent or double column."""
    return pa.array(values, type=pa.float64())


def audit(
    created: IntArray,
    created_by: IntArray,
    modified: IntArray | None = None,
    modified_by: IntArray | None = None,
) -> dict[str, Column]:
    """The five audit columns from UTC seconds and user numbers; not modified since creation unless said."""
    modified = created if modified is None else np.maximum(created, modified)
    modified_by = created_by if modified_by is None else modified_by
    return {
        "CreatedDate": timestamps(created),
        "CreatedById": user_ids(created_by),
        "LastModifiedDate": timestamps(modified),
        "LastModifiedById": user_ids(modified_by),
        "SystemModstamp": timestamps(modified),
    }


def table(columns: Mapping[str, Column]) -> pa.Table:
    """A table with the columns in the order given."""
    return pa.table(dict(columns))
