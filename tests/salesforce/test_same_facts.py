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
from connectors.salesforce.bulk import read_csv
from connectors.salesforce.pull import declare_streams
from connectors.salesforce.rest import PageParser
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
