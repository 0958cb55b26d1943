"""A sandbox in a child process, spoken to over HTTP only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.event_log import EventLog
from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.client import SalesforceClient, connect
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.connection.session import RetryPolicy
from connectors.salesforce.reading.pull import PulledWindow, pull
from connectors.salesforce.reading.window_reader import PullOptions
from connectors.salesforce.schema.objects import OBJECTS
from tests.salesforce.seed import NOW, write_org

FAST = RetryPolicy(attempts=3, sleep=lambda seconds: None)
START = NOW.replace(tzinfo=UTC)
STREAMS = [each.stream for each in OBJECTS]


@dataclass
class LiveOrg:
    """The running sandbox, its clock and its faults."""

    credentials: Credentials
    now: datetime = START

    def client(self, budget: ApiBudget | None = None) -> SalesforceClient:
        return connect(self.credentials, retry=FAST, budget=budget)

    def faults(self, *faults: dict[str, Any]) -> None:
        self._put("faults", {"faults": list(faults)})

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)
        self._put("clock", {"now": self.now.isoformat()})

    def _put(self, switch: str, body: dict[str, Any]) -> None:
        requests.put(
            f"{self.credentials.login_url}/sandbox/{switch}", json=body, timeout=5
        ).raise_for_status()

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        client = self.client()
        reply = client.restful(resource, params={"q": soql})
        records = list(reply["records"])
        while not reply["done"]:
            reply = client.call("GET", reply["nextRecordsUrl"]).json()
            records += reply["records"]
        return [{name: value for name, value in each.items() if name != "attributes"} for each in records]

    def pull(self, log: EventLog, run_id: str = "run", **options: Any) -> list[PulledWindow]:
        client = options.pop("client", None) or self.client()
        objects = options.pop("objects", OBJECTS)
        settings = PullOptions(**{"sleep": nap, **options})
        return pull(client, log, run_id=run_id, clock=lambda: self.now, objects=objects, options=settings)


def nap(seconds: float) -> None:
    # The sandbox needs moments for a job where Salesforce needs minutes.
    import time

    time.sleep(min(seconds, 0.005))


@pytest.fixture(scope="session")
def org_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_org(tmp_path_factory.mktemp("template") / "org.duckdb")


@pytest.fixture(scope="module")
def running(org_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveOrg]:
    from connectors.sandbox.process import start

    path = tmp_path_factory.mktemp("org") / "org.duckdb"
    path.write_bytes(org_template.read_bytes())
    with start(path) as sandbox:
        yield LiveOrg(Credentials(sandbox.url, sandbox.client_id, sandbox.client_secret))


@pytest.fixture
def org(running: LiveOrg) -> Iterator[LiveOrg]:
    # A day between tests, so that no test re-reads another's writes by overlap.
    running.advance(days=1)
    yield running
    running.faults()


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log")


def only(*names: str) -> tuple[Any, ...]:
    return tuple(each for each in OBJECTS if each.name in names)


def event_ids(log: EventLog) -> set[tuple[str, str]]:
    return {
        (stream, event_id)
        for stream in set(STREAMS) & set(log.streams())
        for event_id in log.read(stream, ["event_id"])["event_id"].to_pylist()
    }
