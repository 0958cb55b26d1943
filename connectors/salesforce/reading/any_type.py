"""Values of type anyType (what a field held before and after a change) as one text, whichever road they came.

REST gives them as JSON values, Bulk as text; the row's DataType says what they are.
"""

from __future__ import annotations

import pyarrow as pa

from connectors.salesforce.reading.scratch import scratch_cursor

_VALUES = ("OldValue", "NewValue")
_NUMBERS = "('Currency', 'Double', 'Percent')"


def unified(rows: pa.Table) -> pa.Table:
    """The rows with OldValue and NewValue in one form; rows of objects without such fields as they are.

    Numbers as a double prints, booleans in lower case, instants as `2024-01-01T00:00:00.000Z`. A value that is
    not of its DataType, and any text, stays to the letter.
    """
    if not {"DataType", *_VALUES} <= set(rows.column_names):
        return rows
    cursor = scratch_cursor()
    cursor.register("landed", rows.select(["DataType", *_VALUES]))
    picked = cursor.sql(f"select {', '.join(map(_unified_sql, _VALUES))} from landed").to_arrow_table()
    for name in _VALUES:
        rows = rows.set_column(rows.column_names.index(name), name, picked[name])
    return rows


def _unified_sql(name: str) -> str:
    return f"""case
        when DataType in {_NUMBERS} then coalesce((try_cast({name} as double) + 0.0)::varchar, {name})
        when DataType = 'Boolean' then lower({name})
        when DataType = 'DateTime' then regexp_replace({name}, '([+]00:?00|Z)$', 'Z')
        else {name} end as {name}"""
