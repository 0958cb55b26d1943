"""Killed (-9) at any write of the log, a pull loses nothing and counts nothing twice: the next one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from connectors.event_log import EventLog
from connectors.salesforce.reading.bulk_jobs import BULK_JOBS
from connectors.salesforce.reading.pull import declare_streams
from tests.salesforce.conftest import LiveOrg, event_ids, only
from tests.salesforce.killing import KILLED_OBJECT, PAGE_ROWS

CHECKOUT = Path(__file__).parents[2]


def killed_pulls(org: LiveOrg, folder: Path, template: EventLog) -> dict[str, EventLog]:
    """Logs by name: `undisturbed`, and one for each write at which a pull was killed before another went on."""
    arguments = [str(folder), org.credentials.login_url, org.now.isoformat(), str(template.root)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.salesforce.killing", *arguments],
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    codes = {
        name: (int(first), int(second)) for name, first, second in map(str.split, ended.stdout.splitlines())
    }
    assert codes.pop("undisturbed") == (0, 0)
    assert set(codes.values()) == {(-signal.SIGKILL.value, 0)}
    return {name: EventLog(folder / name) for name in ["undisturbed", *codes]}


def last_states(log: EventLog) -> dict[str, tuple[str, str]]:
    rows = log.latest("opportunity", ["record_id", "kind", "values_hash"]).to_pylist()
    return {row["record_id"]: (row["kind"], row["values_hash"]) for row in rows}


def assert_whole(log: EventLog, undisturbed: EventLog) -> None:
    assert event_ids(log) == event_ids(undisturbed)
    assert last_states(log) == last_states(undisturbed)
    for stream in log.streams():
        facts = pq.read_table(log.root / stream, columns=["sequence", "event_id"])
        assert len(set(facts["sequence"].to_pylist())) == facts.num_rows, (
            f"{stream}: a sequence given out twice"
        )
        assert len(set(facts["event_id"].to_pylist())) == facts.num_rows, (
            f"{stream}: a fact that counts twice"
        )
        assert not list((log.root / stream).glob(".*.tmp"))
    closed = log.read("extraction_windows", ["stream"], where="kind = 'closed'")["stream"].to_pylist()
    assert set(closed) == {"opportunity"}
    assert log.read("extraction_windows", where="kind not in ('closed', 'absent')").num_rows == 0


def test_first_pull_killed_at_every_write(org, log, tmp_path):
    declare_streams(log)
    logs = killed_pulls(org, tmp_path, log)
    undisturbed = logs.pop("undisturbed")
    pages = undisturbed.read(BULK_JOBS, where="kind = 'landed'").num_rows
    assert pages >= 3
    assert len(logs) >= 2 * pages + 3
    for each in logs.values():
        assert_whole(each, undisturbed)
    resumed = [each.read("extraction_windows", where="reason = 'resumed'").num_rows for each in logs.values()]
    assert sum(resumed) >= 2 * pages, "most of these deaths were inside the result of the deals"


def test_increment_killed_at_every_write(org, log, tmp_path):
    org.pull(log, "before", objects=only(KILLED_OBJECT), bulk_page_rows=PAGE_ROWS)
    deals = [row["Id"] for row in org.query("SELECT Id FROM Opportunity ORDER BY Id LIMIT 2")]
    org.advance(hours=2)
    client = org.client()
    client.restful(f"sobjects/Opportunity/{deals[0]}", "PATCH", json={"Amount": 7.5})
    client.restful(f"sobjects/Opportunity/{deals[1]}", "DELETE")
    org.advance(hours=1)
    logs = killed_pulls(org, tmp_path, log)
    undisturbed = logs.pop("undisturbed")
    assert len(event_ids(undisturbed)) == len(event_ids(log)) + 2
    assert logs
    for each in logs.values():
        assert_whole(each, undisturbed)


def test_killed_from_outside_while_results_land(org, log, tmp_path):
    """Nothing inside the process knows of the kill: it comes as soon as a second page is seen in the log."""
    untouched = EventLog(tmp_path / "untouched")
    org.pull(untouched, objects=only(KILLED_OBJECT), bulk_page_rows=PAGE_ROWS)
    declare_streams(log)
    pulling = f"""
import sys
from datetime import datetime
from pathlib import Path
from tests.salesforce.killing import pull_into
pull_into(Path({str(log.root)!r}), {org.credentials.login_url!r}, datetime.fromisoformat({org.now.isoformat()!r}), "killed")
"""
    child = subprocess.Popen([sys.executable, "-c", pulling], cwd=CHECKOUT)
    while child.poll() is None and len(list((log.root / "opportunity").glob("0*.parquet"))) < 2:
        time.sleep(0.001)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    pulled = org.pull(log, "again", objects=only(KILLED_OBJECT), bulk_page_rows=PAGE_ROWS)
    assert {each.status for each in pulled} == {"closed"}
    assert event_ids(log) == event_ids(untouched)
