"""The sandbox as a child process: start, stop, ports, the clock, what stays on disk; and simple-salesforce against it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceMalformedRequest

from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.process import SandboxProcess, SandboxStartError, start
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.store import Org
from tests.sandbox.conftest import Caller

CLOCK = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class PlainHttp(HTTPAdapter):
    """Takes the https simple-salesforce insists on back to http."""

    def send(
        self, request: requests.PreparedRequest, *arguments: object, **options: object
    ) -> requests.Response:
        request.url = (request.url or "").replace("https://127.0.0.1", "http://127.0.0.1", 1)
        return super().send(request, *arguments, **options)  # type: ignore[arg-type]


@pytest.fixture
def salesforce(sandbox: SandboxProcess) -> Salesforce:
    caller = Caller(sandbox)
    caller.log_in()
    session = requests.Session()
    session.mount("https://127.0.0.1", PlainHttp())
    token = str(caller.session.headers["Authorization"]).removeprefix("Bearer ")
    return Salesforce(instance_url=sandbox.url, session_id=token, session=session, version="62.0")


def test_simple_salesforce_makes_a_round_trip(salesforce: Salesforce) -> None:
    created = salesforce.Account.create({"Name": "simple 会社"})
    account_id = created["id"]
    salesforce.Account.update(account_id, {"Website": "https://x.example"})
    assert salesforce.Account.get(account_id)["Website"] == "https://x.example"
    assert salesforce.Account.upsert(f"Id/{account_id}", {"Site": "東京"}) in (200, 204)
    found = salesforce.query_all(f"select Id, Site from Account where Id = '{account_id}'")
    assert (found["totalSize"], found["records"][0]["Site"]) == (1, "東京")
    salesforce.Account.delete(account_id)
    assert (
        salesforce.query(f"select Id from Account where Id = '{account_id}'", include_deleted=True)[
            "totalSize"
        ]
        == 1
    )
    assert "Name" in [each["name"] for each in salesforce.Account.describe()["fields"]]
    assert salesforce.limits()["DailyApiRequests"]["Max"] > 0
    assert salesforce.api_usage["api-usage"].total > 0
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Nope'"):
        salesforce.query("select Nope from Account")


def test_simple_salesforce_reads_in_bulk_and_upserts_collections(salesforce: Salesforce) -> None:
    rows = [
        {"attributes": {"type": "Task"}, "GyakusanActionKey__c": f"simple-{n}", "Subject": "x"}
        for n in range(3)
    ]
    path = "composite/sobjects/Task/GyakusanActionKey__c"
    results = salesforce.restful(path, method="PATCH", json={"records": rows, "allOrNone": False})
    assert [each["created"] for each in results] == [True] * 3
    pages = list(
        salesforce.bulk2.Task.query(
            "select Id, Subject from Task where GyakusanActionKey__c like 'simple-%'", max_records=2, wait=0
        )
    )
    assert [page.count("\n") for page in pages] == [3, 2]


def test_clock_and_records_stay_on_disk_between_starts(tmp_path: Path) -> None:
    path = tmp_path / "with space" / "org.duckdb"
    with start(path, clock=CLOCK) as first:
        caller = Caller(first)
        caller.log_in()
        caller.create("Account", Name="kept")
    with start(path) as second:
        caller = Caller(second)
        caller.log_in()
        assert caller.call("GET", "/sandbox/clock").json() == {
            "now": "2026-03-04T05:06:07.000+0000",
            "frozen": True,
        }
        kept = caller.query("select Name, CreatedDate from Account")[0]
        assert (kept["Name"], kept["CreatedDate"]) == ("kept", "2026-03-04T05:06:07.000+0000")
        assert caller.call("PUT", "/sandbox/clock", json={"now": "noon"}).status_code == 400
        caller.set_clock(None)
        assert caller.call("GET", "/sandbox/clock").json()["frozen"] is False
    assert second.child.poll() is not None
    assert sorted(each.name for each in path.parent.iterdir()) == ["org.duckdb"]


def test_an_external_id_that_stands_on_two_records_answers_300(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    org = Org(path, lambda: CLOCK)
    ids = [numbered("00T", 1), numbered("00T", 2)]
    load_tables(org, {"Task": pa.table({"Id": ids, "GyakusanActionKey__c": ["same", "same"]})})
    org.close()
    with start(path) as running:
        caller = Caller(running)
        caller.log_in()
        for method in ("GET", "PATCH"):
            reply = caller.call(
                method, "sobjects/Task/GyakusanActionKey__c/same", json={} if method == "PATCH" else None
            )
            assert reply.status_code == 300
            assert [each.rsplit("/", 1)[1] for each in reply.json()] == ids
        row = {"attributes": {"type": "Task"}, "GyakusanActionKey__c": "same"}
        reply = caller.call("PATCH", "composite/sobjects/Task/GyakusanActionKey__c", json={"records": [row]})
        assert reply.json()[0]["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
        assert caller.create("Task", Subject="next") == numbered("00T", 3)


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxStartError, match=f"port {port} of 127.0.0.1 is in use: choose another"):
            start(tmp_path / "org.duckdb", port=port)


def test_a_file_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with start(tmp_path / "org.duckdb"), pytest.raises(SandboxStartError, match="cannot open the org file"):
        start(tmp_path / "org.duckdb")


def test_the_sandbox_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from connectors.sandbox.process import start; "
        "running = start(Path(sys.argv[1])); print(running.child.pid, flush=True); import os; os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "org.duckdb")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    child = int(done.stdout.split()[0])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.1)
    assert not _runs(child)


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        try:
            os.kill(process_id, 0)
        except OSError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"
