"""What query hides and the org forgets: archived activities, old field history, history it purges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.salesforce.connection.login import Credentials
from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.process import start
from connectors.sandbox.records.store import Org
from tests.salesforce.conftest import LiveOrg, only
from tests.salesforce.org_changes import features, switch
from tests.salesforce.seed import NOW, ids, rep

MONTH = timedelta(days=30.44)
AGES_MONTHS = (1, 17, 20, 23)
DEAL = ids("006", 1)[0]


def tables() -> dict[str, pa.Table]:
    made = [NOW - age * MONTH for age in AGES_MONTHS]
    rows = len(made)
    old = {"CreatedDate": made, "CreatedById": [rep(0)] * rows, "IsDeleted": [False] * rows}
    stamped = {**old, "LastModifiedDate": made, "SystemModstamp": made, "OwnerId": [rep(0)] * rows}
    changes = {
        "Id": ids("017", rows),
        "OpportunityId": [DEAL] * rows,
        "Field": ["StageName"] * rows,
        "DataType": ["DynamicEnum"] * rows,
        "OldValue": ["Prospecting"] * rows,
        "NewValue": ["Qualification"] * rows,
    }
    deal = {
        "Id": [DEAL],
        "Name": ["d"],
        "StageName": ["Qualification"],
        "CloseDate": [NOW.date()],
        **{name: values[-1:] for name, values in stamped.items()},
    }
    tasks = {
        "Id": ids("00T", rows),
        "Subject": ["電話"] * rows,
        "Status": ["Completed"] * rows,
        "IsClosed": [True] * rows,
        "ActivityDate": [at.date() for at in made],
    }
    events = {
        "Id": ids("00U", rows),
        "Subject": ["訪問"] * rows,
        "StartDateTime": made,
        "ActivityDateTime": made,
        "EndDateTime": [at + timedelta(hours=1) for at in made],
        "DurationInMinutes": [60] * rows,
    }
    return {
        "Opportunity": pa.table(deal),
        "OpportunityFieldHistory": pa.table({**changes, **old}),
        "Task": pa.table({**tasks, **stamped}),
        "Event": pa.table({**events, **stamped}),
    }


@pytest.fixture(scope="module")
def old_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveOrg]:
    """An org with a task, an event and a stage change of each age."""
    path: Path = tmp_path_factory.mktemp("old") / "org.duckdb"
    now = NOW.replace(tzinfo=UTC)
    store = Org(path, lambda: now)
    store.set_clock(now)
    store.prepare()
    load_tables(store, tables())
    store.close()
    with start(path) as sandbox:
        org = LiveOrg(Credentials(sandbox.url, sandbox.client_id, sandbox.client_secret))
        features(org, "history_retention")
        switch(org, "POST", "archive", {})
        yield org


def count(org: LiveOrg, name: str, resource: str) -> int:
    return len(org.query(f"SELECT Id FROM {name}", resource))


@pytest.mark.parametrize(
    ("name", "stream"),
    [("Task", "task"), ("Event", "event"), ("OpportunityFieldHistory", "opportunity_field_history")],
)
def test_what_query_hides_is_read(old_org, log, name, stream):
    hidden = count(old_org, name, "queryAll") - count(old_org, name, "query")
    assert hidden > 0
    (pulled,) = old_org.pull(log, objects=only(name))
    assert (pulled.status, pulled.rows_received) == ("closed", len(AGES_MONTHS))
    assert log.latest(stream).num_rows == len(AGES_MONTHS)


def test_archived_activities_are_marked(old_org, log):
    old_org.pull(log, objects=only("Task", "Event"))
    for stream in ("task", "event"):
        archived = log.latest(stream, where='"IsArchived"').num_rows
        assert archived == sum(age > 12 for age in AGES_MONTHS)


@pytest.mark.parametrize("whole", [False, True], ids=["increment", "read whole, ids swept"])
def test_history_the_org_purges_stays(old_org, log, whole):
    before = old_org.now
    try:
        old_org.pull(log, "first", objects=only("OpportunityFieldHistory"))
        old_org.advance(days=62)
        assert count(old_org, "OpportunityFieldHistory", "queryAll") < len(AGES_MONTHS)
        overlap = timedelta(days=2_000) if whole else timedelta(minutes=10)
        (pulled,) = old_org.pull(log, "later", objects=only("OpportunityFieldHistory"), overlap=overlap)
        assert pulled.status == "closed"
        kinds = log.latest("opportunity_field_history", ["kind"])["kind"].to_pylist()
        assert kinds == ["observed"] * len(AGES_MONTHS)
    finally:
        set_clock(old_org, before)


def set_clock(org: LiveOrg, now: datetime) -> None:
    org.now = now
    org.advance()
