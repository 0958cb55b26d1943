"""What Arrow casts for a whole column and what SQL casts cell by cell is the same value in the same fact."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog
from tests.log.opportunities import FIRST_ID, INSTANT, MIDNIGHT, MONEY, SECOND_ID

FIELDS = pa.schema(
    [
        ("Id", pa.string()),
        ("Text", pa.string()),
        ("Flag", pa.bool_()),
        ("Whole", pa.int64()),
        ("Number", pa.float64()),
        ("Money", MONEY),
        ("Day", pa.date32()),
        ("At", INSTANT),
    ]
)
TYPED = [name for name in FIELDS.names if name not in ("Id", "Text")]
# Nothing that SQL or Arrow reads as a flag, number, day or instant: it sends its column to SQL.
NO_VALUE = "-"
LIKELY = st.one_of(
    st.text("0123456789.eE+-xX ,_", max_size=9),
    st.sampled_from(
        ["true", "TRUE", "t", "yes", "nan", "inf", "-Infinity", "0x10", "-0", "1e400", "5.", "1.23456"]
    ),
    st.integers().map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, places=5, min_value=-(10**15), max_value=10**15).map(str),
    st.dates().map(str),
    st.builds(
        "{:%Y-%m-%d}{}{}{}".format,
        st.datetimes(),
        st.sampled_from(["T", " ", "t"]),
        st.from_regex(r"[0-2]?[0-9](:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?)?", fullmatch=True),
        st.sampled_from(["", "Z", "z", "+00", "+0000", "+09:00", "-1430", "+2500"]),
    ),
)


ODD = [
    "0x10",
    "-0X1f",
    "9223372036854775807",
    "-9200000000000000000",
    "1e400",
    "nan",
    "Infinity",
    " 7",
    "7 ",
    "",
]
ODD += [
    "2024-01-31T00Z",
    "2024-01-31T00+0900",
    "2024-01-31T00:00:60Z",
    "2024-01-31T24:00:00Z",
    "0000-01-01",
    "+5",
]


@settings(max_examples=5, deadline=None)
@given(st.lists(LIKELY, min_size=4, max_size=10))
@example(ODD)
def test_a_column_cast_whole_gives_the_fact_of_one_cast_cell_by_cell(texts: list[str]) -> None:
    # A column for each text and type: one cell that Arrow does not read sends its whole column to SQL.
    fields = pa.schema([("Id", pa.string())])
    for place in range(len(texts)):
        for name in TYPED:
            fields = fields.append(FIELDS.field(name).with_name(f"{name}_{place}"))
    cells = {f"{name}_{place}": text for place, text in enumerate(texts) for name in TYPED}
    sent_to_sql = dict.fromkeys(cells, NO_VALUE) | {"Id": SECOND_ID}
    cast_whole, cast_by_cell = [cells | {"Id": FIRST_ID}], [cells | {"Id": FIRST_ID}, sent_to_sql]
    # Compared in Arrow: Python has no year 0.
    assert _facts(cast_whole, fields).equals(_facts(cast_by_cell, fields).slice(0, 1))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.none() | st.sampled_from(["", "a", "a\r\nb", "a\nb", "\r"]), min_size=1, max_size=5))
def test_line_ends_and_empty_texts_count_alike_whatever_stands_beside_them(texts: list[str | None]) -> None:
    rows = [{"Id": f"006{place:012d}AAA", "Text": text} for place, text in enumerate(texts)]
    assert _facts(rows).equals(pa.concat_tables([_facts([row]) for row in rows]))


def test_line_ends_of_either_kind_are_one_state() -> None:
    one, other = (_facts([{"Id": FIRST_ID, "Text": text}])["values_hash"] for text in ("a\r\nb", "a\nb"))
    assert one.equals(other)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_kept_as_text(number: float) -> None:
    (fact,) = _facts([{"Id": FIRST_ID, "Number": number}]).to_pylist()
    assert (fact["Number"], fact["uncast"]) == (None, f'{{"Number":"{number}"}}')


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), min_size=1, max_size=6))
@example([[5], [], [0, 30]])
def test_what_is_known_is_found_in_whichever_file_it_is(batches: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        log.evolve("deal", FIELDS)
        for day, numbers in enumerate(batches):
            _append(log, [_numbered(number) for number in numbers], day)
        everything = [_numbered(number) for numbers in batches for number in numbers]
        assert _append(log, everything, len(batches)) == 0
        assert _append(log, everything[:1], len(batches)) == 0


def _numbered(number: int) -> dict[str, Any]:
    # Number 0 is a row without an Id.
    return {"Id": f"006{number:012d}AAA" if number else None, "Text": f"deal {number}"}


def _append(log: EventLog, rows: list[dict[str, Any]], day: int) -> int:
    table = pa.Table.from_pylist(rows, schema=pa.schema([("Id", pa.string()), ("Text", pa.string())]))
    at = MIDNIGHT + timedelta(days=day)
    return log.append_observed(
        "deal", table, run_id="r", source="bulk", observed_at=at, window=f"{day}"
    ).appended


def _facts(rows: list[dict[str, Any]], fields: pa.Schema = FIELDS) -> pa.Table:
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        log.evolve("deal", fields)
        table = pa.Table.from_pylist(rows)
        log.append_observed("deal", table, run_id="r", source="bulk", observed_at=MIDNIGHT, window="w")
        names = ["record_id", "event_id", "values_hash", "uncast", *fields.names]
        return log.read("deal", names).sort_by("record_id")
