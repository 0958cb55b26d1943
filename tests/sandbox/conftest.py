"""A running sandbox and a caller that speaks to it as a REST client does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from connectors.sandbox.process import SandboxProcess, start

TIMEOUT_SECONDS = 30


@dataclass
class Caller:
    """A logged-in REST client."""

    sandbox: SandboxProcess
    session: requests.Session = field(default_factory=requests.Session)

    def log_in(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
        }
        url = f"{self.sandbox.url}/services/oauth2/token"
        token = requests.post(url, data=form, timeout=TIMEOUT_SECONDS).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        """`path` is below the API version, or from the root when it starts with a slash."""
        below = path if path.startswith("/") else f"/services/data/v62.0/{path}"
        return self.session.request(method, self.sandbox.url + below, timeout=TIMEOUT_SECONDS, **options)  # type: ignore[arg-type]

    def query(self, soql: str, everything: bool = False) -> list[dict[str, object]]:
        reply = self.call("GET", "queryAll" if everything else "query", params={"q": soql})
        assert reply.status_code == 200, reply.text
        return reply.json()["records"]

    def error(self, soql: str) -> dict[str, str]:
        reply = self.call("GET", "query", params={"q": soql})
        assert reply.status_code == 400, reply.text
        return reply.json()[0]

    def create(self, name: str, **values: object) -> str:
        reply = self.call("POST", f"sobjects/{name}", json=values)
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    def deal(self, **values: object) -> str:
        given = {
            "Name": "deal",
            "StageName": "Prospecting",
            "CloseDate": "2026-06-15",
            "Amount": 1000,
            **values,
        }
        return self.create("Opportunity", **given)

    def set_clock(self, now: str | None) -> None:
        assert self.call("PUT", "/sandbox/clock", json={"now": now}).status_code == 200

    def set_faults(self, *faults: dict[str, object]) -> None:
        reply = self.call("PUT", "/sandbox/faults", json={"faults": list(faults)})
        assert reply.status_code == 200, reply.text

    def bulk(self, soql: str, operation: str = "query") -> str:
        """The id of a complete bulk query job."""
        reply = self.call("POST", "jobs/query", json={"operation": operation, "query": soql})
        assert reply.status_code == 200, reply.text
        job_id = reply.json()["id"]
        for _ in range(200):
            state = self.call("GET", f"jobs/query/{job_id}").json()["state"]
            if state not in ("UploadComplete", "InProgress"):
                break
            time.sleep(0.02)
        assert state == "JobComplete"
        return str(job_id)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder: Path = tmp_path_factory.mktemp("an org")
    with start(folder / "org.duckdb") as running:
        yield running


@pytest.fixture
def caller(sandbox: SandboxProcess) -> Iterator[Caller]:
    made = Caller(sandbox)
    made.log_in()
    yield made
    made.set_faults()
    made.set_clock(None)
