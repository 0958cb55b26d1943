"""What makes records leave and come back in the sandbox, and what the log then says of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from connectors.event_log import EventLog
from connectors.salesforce.reading.windows import PulledWindow
from tests.salesforce.conftest import LiveOrg, only

LEADS = only("Lead")
NOW = {"sweep_every": timedelta(0)}
NEVER = {"sweep_every": timedelta(days=9_000)}


def switch(org: LiveOrg, name: str, method: str = "POST", **body: object) -> dict[str, Any]:
    reply = requests.request(method, f"{org.credentials.login_url}/sandbox/{name}", json=body, timeout=5)
    assert reply.ok, reply.text
    return reply.json() if reply.content else {}


def purge(org: LiveOrg, *record_ids: str) -> None:
    switch(org, "purge", ids=list(record_ids))


def undelete(org: LiveOrg, *record_ids: str) -> None:
    switch(org, "undelete", ids=list(record_ids))


def merge(org: LiveOrg, winner: str, *losers: str) -> None:
    switch(org, "merge", winner=winner, losers=list(losers))


def replication(org: LiveOrg, **settings: object) -> None:
    switch(org, "replication", "PUT", **settings)


def create(org: LiveOrg, name: str, **values: object) -> str:
    return str(org.client().restful(f"sobjects/{name}", "POST", json=values)["id"])


def update(org: LiveOrg, name: str, record_id: str, **values: object) -> None:
    org.client().restful(f"sobjects/{name}/{record_id}", "PATCH", json=values)


def delete(org: LiveOrg, name: str, *record_ids: str) -> None:
    client = org.client()
    for record_id in record_ids:
        client.restful(f"sobjects/{name}/{record_id}", "DELETE")


def make_leads(org: LiveOrg, count: int, **values: object) -> list[str]:
    records = [
        {"attributes": {"type": "Lead"}, "LastName": f"L{number}", "Company": "C", **values}
        for number in range(count)
    ]
    made = org.client().restful("composite/sobjects", "POST", json={"records": records})
    return [each["id"] for each in made]


def kinds(log: EventLog, stream: str, record_id: str) -> list[str]:
    return list(log.read(stream, ["kind"], where=f"record_id = '{record_id}'")["kind"].to_pylist())


def last(log: EventLog, stream: str, record_id: str) -> dict[str, Any]:
    (row,) = log.latest(stream, where=f"record_id = '{record_id}'").to_pylist()
    return dict(row)


def sweeps(log: EventLog) -> list[dict[str, Any]]:
    return list(log.read("id_sweeps").to_pylist())


@pytest.fixture
def leads(org: LiveOrg, log: EventLog) -> list[str]:
    """Thirty leads the log knows."""
    made = make_leads(org, 30)
    org.advance(hours=1)
    org.pull(log, "before", objects=LEADS, **NEVER)
    org.advance(hours=1)
    return made


def swept(org: LiveOrg, log: EventLog, run_id: str = "sweep", **options: Any) -> PulledWindow:
    """One pull of leads that sweeps, unless told otherwise."""
    (pulled,) = org.pull(log, run_id, objects=LEADS, **(NOW | options))
    org.advance(hours=1)
    return pulled


def hide(org: LiveOrg, *record_ids: str, name: str = "Lead") -> None:
    """Take records out of the API user's view."""
    listed = ", ".join(f"'{each}'" for each in record_ids)
    org.faults({"name": "hide_rows", "object": name, "where": f"Id IN ({listed})"})
