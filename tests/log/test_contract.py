"""A column's type never changes, and every reading has the contract's types (design decision 3)."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from connectors.event_log import SYSTEM_FIELDS, EventLog, LogError
from tests.log.opportunities import DEALS, MONEY, append, column, deal


def test_a_declared_stream_reads_as_nothing_with_its_types(log: EventLog) -> None:
    table = log.read("opportunity")
    assert table.num_rows == 0
    assert table.schema.equals(log.contract("opportunity"))
    assert [field.name for field in table.schema][:10] == [field.name for field in SYSTEM_FIELDS]
    assert log.streams() == ["opportunity"]


def test_a_scan_is_never_empty_and_has_the_types(log: EventLog) -> None:
    log.evolve("lead", pa.schema([("Amount__c", MONEY)]))
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for stream in log.streams():
        read = connection.sql(f"select * from {log.scan(stream)}").to_arrow_table().schema
        assert read.equals(log.contract(stream).remove_metadata())


def test_a_new_field_is_null_in_older_facts(log: EventLog) -> None:
    append(log, deal())
    log.evolve("opportunity", pa.schema([("Score__c", pa.int64())]))
    append(log, deal(Score__c="7"), day=1)
    assert column(log, "Score__c") == [None, 7]
    assert log.read("opportunity").schema.equals(log.contract("opportunity"))


def test_a_new_field_without_values_is_no_change_of_state(log: EventLog) -> None:
    append(log, deal())
    log.evolve("opportunity", pa.schema([("Score__c", pa.int64())]))
    assert append(log, deal(Score__c=""), day=1).appended == 0


def test_a_retyped_field_gets_its_own_column_and_back(log: EventLog) -> None:
    append(log, deal(Amount="5"))
    log.evolve("opportunity", pa.schema([("Amount", pa.string())]))
    append(log, deal(Amount="five"), day=1)
    log.evolve("opportunity", pa.schema([("Amount", MONEY)]))
    append(log, deal(Amount="6"), day=2)
    assert [str(amount) for amount in column(log, "Amount")] == ["5.0000", "None", "6.0000"]
    assert column(log, "Amount__string") == [None, "five", None]
    assert log.contract("opportunity").field("Amount").type == MONEY


def test_declaring_again_changes_nothing_on_disk(log: EventLog) -> None:
    path = log.root / "opportunity" / "contract.parquet"
    before = path.stat().st_mtime_ns
    log.evolve("opportunity", DEALS)
    assert path.stat().st_mtime_ns == before


def test_names_taken_by_the_log_are_moved_aside(log: EventLog) -> None:
    log.evolve("opportunity", pa.schema([("Source", pa.string()), ("STAGENAME", pa.string())]))
    append(log, deal(Source="Web"))
    assert column(log, "Source__string") == ["Web"]
    assert "STAGENAME" not in log.contract("opportunity").names


def test_types_the_log_does_not_hold_are_named(log: EventLog) -> None:
    with pytest.raises(LogError, match="Tags has type list"):
        log.evolve("opportunity", pa.schema([("Tags", pa.list_(pa.string()))]))
    with pytest.raises(LogError, match="Unknown has type null"):
        log.evolve("opportunity", pa.schema([("Unknown", pa.null())]))


def test_narrow_and_wide_arrow_types_become_the_few_the_log_keeps(log: EventLog) -> None:
    fields = {
        "a": (pa.int16(), pa.int64()),
        "b": (pa.float32(), pa.float64()),
        "c": (pa.large_string(), pa.string()),
        "d": (pa.dictionary(pa.int32(), pa.string()), pa.string()),
        "e": (pa.timestamp("ns"), pa.timestamp("us", tz="UTC")),
        "f": (pa.decimal128(38, 10), MONEY),
        "g": (pa.date64(), pa.date32()),
        "h": (pa.time64("us"), pa.string()),
    }
    contract = log.evolve("mixed", pa.schema([(name, given) for name, (given, _) in fields.items()]))
    assert {name: contract.field(name).type for name in fields} == {
        name: kept for name, (_, kept) in fields.items()
    }


def test_two_columns_for_one_field_are_refused(log: EventLog) -> None:
    with pytest.raises(LogError, match="the same field"):
        append(log, deal(stagename="x"))
