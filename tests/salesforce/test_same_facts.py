"""A row is the same fact whichever road it came by."""

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog
from connectors.salesforce.reading.any_type import unified
from connectors.salesforce.reading.bulk import read_csv
from connectors.salesforce.reading.pull import declare_streams
from connectors.salesforce.reading.rest import PageParser
from tests.salesforce.conftest import event_ids, only

AWKWARD = ("NA", "null", "N/A", "#N/A", "a\nb", 'say "x", y', "007", "")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(AWKWARD)
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)).map(
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.000"
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Name": st.none() | TEXTS,
            "Amount": st.none() | st.floats(-1e12, 1e12).map(lambda amount: round(amount, 2)),
            "Probability": st.none() | st.floats(0, 100),
            "IsDeleted": st.booleans(),
            "SystemModstamp": MOMENTS,
        }
    ),
    min_size=1,
    max_size=20,
)


def as_json(rows):
    records = [
        {"attributes": {"type": "Opportunity"}, **row, "SystemModstamp": row["SystemModstamp"] + "+0000"}
        for row in rows
    ]
    return json.dumps({"totalSize": len(rows), "done": True, "records": records})


def as_csv(rows):
    def cell(name, value):
        if value is None:
            return '""'
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return '"' + text.replace('"', '""') + ("Z" if name == "SystemModstamp" else "") + '"'

    # Drawn dictionaries come with their keys in any order.
    names = list(rows[0])
    lines = [",".join(cell(name, row[name]) for name in names) for row in rows]
    return "\n".join([",".join(f'"{name}"' for name in names), *lines, ""]).encode()


@settings(max_examples=8, deadline=None)
@given(ROWS)
def test_any_row_is_the_same_fact_by_rest_and_by_bulk(rows):
    keyed = [{"Id": f"006{place:015d}", **row} for place, row in enumerate(rows)]
    columns = list(keyed[0])
    tables = {
        "rest": PageParser().page(as_json(keyed), columns).rows,
        "bulk": read_csv(io.BytesIO(as_csv(keyed)), columns),
    }
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for source, table in tables.items():
            log = EventLog(Path(folder) / source)
            declare_streams(log, only("Opportunity"))
            now = datetime(2030, 1, 1, tzinfo=UTC)
            log.append_observed("opportunity", table, run_id="r", source=source, observed_at=now, window="w")
            found[source] = event_ids(log)
    assert found["rest"] == found["bulk"]
    assert len(found["rest"]) == len(rows)


HISTORY_VALUES = {
    "Currency": st.floats(-1e15, 1e15),
    "Double": st.floats(allow_nan=False, allow_infinity=False),
    "Percent": st.integers(0, 100),
    "Boolean": st.booleans(),
    "DateOnly": st.dates().map(str),
    "DateTime": MOMENTS,
    "Text": TEXTS | st.sampled_from(["100.0", "1e3", "True", "007"]),
    "DynamicEnum": TEXTS,
}
CHANGES = st.sampled_from(sorted(HISTORY_VALUES)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "DataType": st.just(kind),
            "OldValue": st.none() | HISTORY_VALUES[kind],
            "NewValue": st.none() | HISTORY_VALUES[kind],
        }
    )
)


def value_as_json(change, value):
    return value + "+0000" if change["DataType"] == "DateTime" and value is not None else value


def value_as_csv(change, value):
    if value is None:
        return ""
    if change["DataType"] == "DateTime":
        return value + "Z"
    if isinstance(value, bool):
        return str(value).lower()
    # Java's way, as Salesforce writes doubles into CSV.
    return f"{value:.17E}".replace("E+", "E") if isinstance(value, float) else str(value)


def history_in(road, changes, folder):
    columns = ["Id", "DataType", "OldValue", "NewValue"]
    keyed = [{"Id": f"017{place:015d}", **change} for place, change in enumerate(changes)]
    form = value_as_json if road == "rest" else value_as_csv
    rows = [row | {name: form(row, row[name]) for name in ("OldValue", "NewValue")} for row in keyed]
    if road == "rest":
        body = json.dumps({"totalSize": len(rows), "done": True, "records": rows})
        table = PageParser().page(body, columns).rows
    else:
        cells = [[row[name].replace('"', '""') for name in columns] for row in rows]
        lines = [",".join(columns), *(",".join(f'"{cell}"' for cell in line) for line in cells), ""]
        table = read_csv(io.BytesIO("\n".join(lines).encode()), columns)
    log = EventLog(Path(folder) / road)
    declare_streams(log, only("OpportunityFieldHistory"))
    now = datetime(2030, 1, 1, tzinfo=UTC)
    log.append_observed(
        "opportunity_field_history", unified(table), run_id="r", source=road, observed_at=now, window="w"
    )
    return log


@settings(max_examples=25, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=20))
def test_a_history_row_is_the_same_fact_by_rest_and_by_bulk(changes):
    with tempfile.TemporaryDirectory() as folder:
        by_rest, by_bulk = (history_in(road, changes, folder) for road in ("rest", "bulk"))
        assert event_ids(by_rest) == event_ids(by_bulk)
        kept = by_rest.read("opportunity_field_history", ["OldValue"])["OldValue"].to_pylist()
        texts = [(change["OldValue"], value) for change, value in zip(changes, kept, strict=True)]
        for change, (given_value, value) in zip(changes, texts, strict=True):
            if change["DataType"] in ("Text", "DynamicEnum"):
                assert (given_value or None) == value
