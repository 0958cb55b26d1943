"""A fact is the same fact whichever road it came by, and no other row is taken for it (design decision 1)."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog
from tests.log.opportunities import FIRST_ID, INSTANT, MIDNIGHT, MONEY

FIELDS = pa.schema(
    [
        ("Id", pa.string()),
        ("SystemModstamp", INSTANT),
        ("Name", pa.string()),
        ("Note__c", pa.string()),
        ("IsPrivate", pa.bool_()),
        ("PushCount", pa.int64()),
        ("Probability", pa.float64()),
        ("Amount", MONEY),
        ("CloseDate", pa.date32()),
        ("LastCallAt__c", INSTANT),
    ]
)
TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=8)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
)
DEAL = st.fixed_dictionaries(
    {
        "Name": TEXT,
        "Note__c": TEXT,
        "IsPrivate": st.none() | st.booleans(),
        "PushCount": st.none() | st.integers(-(2**53), 2**53),
        "Probability": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "Amount": st.none() | st.decimals(-(10**13), 10**13, places=4, allow_nan=False),
        "CloseDate": st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1)),
        "LastCallAt__c": st.none() | INSTANTS,
        "SystemModstamp": INSTANTS,
    }
)


@settings(max_examples=12, deadline=None)
@given(st.lists(DEAL, min_size=1, max_size=25))
def test_rest_bulk_and_csv_give_the_same_facts(deals: list[dict[str, Any]]) -> None:
    rows = [deal | {"Id": f"006{number:012d}AAA"} for number, deal in enumerate(deals)]
    rest = facts([_as_rest(row) for row in rows], "rest")
    assert rest == facts([_as_bulk(row) for row in rows], "bulk")
    assert rest == facts([_as_csv(row) for row in rows], "csv")


@settings(max_examples=12, deadline=None)
@given(st.lists(DEAL, min_size=2, max_size=25))
def test_different_states_have_different_hashes(deals: list[dict[str, Any]]) -> None:
    rows = [_as_bulk(deal | {"Id": FIRST_ID, "SystemModstamp": MIDNIGHT}) for deal in deals]
    states = {tuple(sorted(_state(deal).items())) for deal in deals}
    assert len({hash_ for _, hash_ in facts(rows, "bulk")}) == len(states)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Name": "ab", "Note__c": "c"}, {"Name": "a", "Note__c": "bc"}),
        ({"Name": "x"}, {"Note__c": "x"}),
        ({"Name": "a7:Note__c1:b"}, {"Name": "a", "Note__c": "b"}),
    ],
)
def test_values_do_not_run_together(one: dict[str, str], other: dict[str, str]) -> None:
    stamp = {"Id": FIRST_ID, "SystemModstamp": "2024-01-01T00:00:00.000Z"}
    assert facts([stamp | one], "bulk") != facts([stamp | other], "bulk")


def test_empty_null_and_absent_are_one() -> None:
    stamp = {"Id": FIRST_ID, "SystemModstamp": "2024-01-01T00:00:00.000Z", "Name": "x"}
    absent = facts([stamp], "bulk")
    assert facts([stamp | {"Note__c": ""}], "bulk") == absent
    assert facts([stamp | {"Note__c": None}], "bulk") == absent


def test_literal_na_is_a_value() -> None:
    stamp = {"Id": FIRST_ID, "SystemModstamp": "2024-01-01T00:00:00.000Z"}
    assert facts([stamp | {"Name": "NA"}], "bulk") != facts([stamp], "bulk")


def facts(rows: list[dict[str, Any]], source: str) -> list[tuple[str, str]]:
    """event_id and values_hash of these rows in a log of their own, by record."""
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        log.evolve("opportunity", FIELDS)
        table = pa.Table.from_pylist(rows)
        log.append_observed("opportunity", table, run_id="r", source=source, observed_at=MIDNIGHT, window="w")
        read = log.read("opportunity", ["event_id", "values_hash"])
        return sorted(zip(read["event_id"].to_pylist(), read["values_hash"].to_pylist(), strict=True))


def _as_rest(row: dict[str, Any]) -> dict[str, Any]:
    # JSON has no decimals: amounts arrive as doubles.
    return row | {"Amount": None if row["Amount"] is None else float(row["Amount"])}


def _as_bulk(row: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items()}


def _as_csv(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: value.strftime("%Y-%m-%d %H:%M:%S.%f")
        if isinstance(value, datetime)
        else _text(value).upper()
        if isinstance(value, bool)
        else _text(value)
        for name, value in row.items()
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}+0000"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return repr(value) if isinstance(value, float) else str(value)


def _state(deal: dict[str, Any]) -> dict[str, str]:
    plain = deal | {"Amount": None if deal["Amount"] is None else float(deal["Amount"])}
    return {
        name: repr(value + 0.0 if isinstance(value, float) else value)
        for name, value in plain.items()
        if value not in (None, "") and name != "SystemModstamp"
    }
