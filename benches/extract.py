"""Extraction by Bulk 2.0: ours beside a plain download of the same results and beside simple-salesforce.

Run by ``make bench-extract``; prints the table of docs/benches.md and judges nothing. Each measurement is a process
of its own, so that its peak memory is its own; the three ways take turns within a round.
"""

from __future__ import annotations

import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benches.large_org import CHANGED_AT, FILLED_AT, ROWS, change_tasks, copied_org
from connectors.salesforce.connection.client import SalesforceClient, connect
from connectors.salesforce.connection.login import Credentials
from connectors.sandbox import process

ROUNDS = 3
PAGE_ROWS = 50_000
POLL_SECONDS = 0.05
HEADS = ("object", "way", "rows", "seconds", "rows/s", "ratio", "ratio of results", "CPU s", "peak MiB")


@dataclass(frozen=True)
class Done:
    """What a way did: rows, the seconds until the job was complete and megabytes of CSV (plain download only)."""

    rows: int
    job_seconds: float = 0.0
    megabytes: float = 0.0


@dataclass(frozen=True)
class Measured:
    """One extraction, from handing in the job to the last row in place: wall and CPU seconds, peak memory."""

    rows: int
    seconds: float
    job_seconds: float
    cpu_seconds: float
    megabytes: float
    peak_mebibytes: float


Work = Callable[[], Done]


def plain_download(client: SalesforceClient, object_name: str, _: Path) -> Work:
    """Download the results to nowhere, page by page as the others do."""
    soql = _soql(client, object_name)

    def work() -> Done:
        started = time.perf_counter()
        job = client.call("POST", "jobs/query", json={"operation": "queryAll", "query": soql}).json()
        path = f"jobs/query/{job['id']}"
        while client.call("GET", path).json()["state"] != "JobComplete":
            time.sleep(POLL_SECONDS)
        job_seconds = time.perf_counter() - started
        rows, size, locator = 0, 0, ""
        while locator != "null":
            params = {"maxRecords": str(PAGE_ROWS)} | ({"locator": locator} if locator else {})
            reply = client.call("GET", f"{path}/results", params=params, stream=True)
            size += sum(len(chunk) for chunk in reply.iter_content(1 << 20))
            rows += int(reply.headers["Sforce-NumberOfRecords"])
            locator = reply.headers["Sforce-Locator"]
        return Done(rows, job_seconds, size / 1e6)

    return work


def ours(client: SalesforceClient, object_name: str, log_folder: Path) -> Work:
    """A whole pull of the object: describe, count, job, results, log, proof, the window's fact."""
    from connectors.event_log import EventLog
    from connectors.salesforce.reading.pull import pull
    from connectors.salesforce.schema.objects import OBJECTS

    objects = [each for each in OBJECTS if each.name == object_name]
    now = datetime.fromisoformat(client.call("GET", "/sandbox/clock").json()["now"])

    def work() -> Done:
        pulled = pull(client, EventLog(log_folder), run_id=f"{now}", clock=lambda: now, objects=objects)
        if any(window.status != "closed" for window in pulled):
            raise RuntimeError(f"{object_name} was not read completely: {pulled}")
        return Done(sum(window.rows_appended for window in pulled))

    return work


def simple_salesforce(client: SalesforceClient, object_name: str, _: Path) -> Work:
    """simple-salesforce's pages into one polars data frame of text."""
    import polars as pl

    bulk2, soql = getattr(client.salesforce.bulk2, object_name), _soql(client, object_name)

    def work() -> Done:
        pages = bulk2.query_all(soql, max_records=PAGE_ROWS, wait=POLL_SECONDS)
        frame = pl.concat([pl.read_csv(io.StringIO(page), infer_schema=False) for page in pages])
        return Done(frame.height)

    return work


WAYS: dict[str, Callable[[SalesforceClient, str, Path], Work]] = {
    "plain download": plain_download,
    "ours": ours,
    "simple-salesforce": simple_salesforce,
}


def _soql(client: SalesforceClient, object_name: str) -> str:
    return f"SELECT {', '.join(client.describe(object_name).types)} FROM {object_name}"


def measure_here(way: str, object_name: str, log_folder: str) -> None:
    """In a process of its own: measure one way and print it as JSON. Imports and the login are not counted."""
    client = connect(Credentials.from_environment(os.environ))
    client.describe(object_name)
    work = WAYS[way](client, object_name, Path(log_folder))
    started, cpu = time.perf_counter(), time.process_time()
    done = work()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    each = Measured(done.rows, seconds, done.job_seconds, cpu_seconds, done.megabytes, _peak_mebibytes())
    print(json.dumps(asdict(each)))


def _peak_mebibytes() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def measured(sandbox: process.SandboxProcess, way: str, object_name: str, log_folder: Path) -> Measured:
    """One way in a process of its own."""
    named = {"URL": sandbox.url, "CLIENT_ID": sandbox.client_id, "CLIENT_SECRET": sandbox.client_secret}
    environment = {f"GYAKUSAN_SALESFORCE_{name}": value for name, value in named.items()}
    finished = subprocess.run(
        [sys.executable, __file__, way, object_name, str(log_folder)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def measured_rounds(sandbox: process.SandboxProcess, folder: Path) -> Iterator[tuple[str, str, Measured]]:
    """Object, way and measurement; each round has a log of its own, the last one `folder/log`."""
    for number in range(ROUNDS):
        log = folder / ("log" if number == ROUNDS - 1 else f"log{number}")
        for object_name in ROWS:
            for way in WAYS:
                yield object_name, way, measured(sandbox, way, object_name, log)


def main() -> None:
    """Print the table."""
    found: dict[tuple[str, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        org_path = copied_org(folder)
        with process.start(org_path, clock=FILLED_AT) as sandbox:
            for object_name, way, each in measured_rounds(sandbox, folder):
                found.setdefault((object_name, way), []).append(each)
        change_tasks(org_path)
        with process.start(org_path, clock=CHANGED_AT) as sandbox:
            increment = measured(sandbox, "ours", "Task", folder / "log")
    lines = [HEADS, ("---", "---", *["---:"] * (len(HEADS) - 2)), *(_row(found, *each) for each in found)]
    print("\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n")
    for object_name in ROWS:
        print(_served(object_name, found[object_name, "plain download"]))
    print(
        f"- An increment of {increment.rows:,} changed Tasks into {ROWS['Task']:,} known ones: "
        f"{increment.seconds:.1f} s, {increment.peak_mebibytes:.0f} MiB."
    )


def _row(found: dict[tuple[str, str], list[Measured]], object_name: str, way: str) -> tuple[str, ...]:
    own, base = found[object_name, way], found[object_name, "plain download"]
    seconds, plain_seconds = _median(own, "seconds"), _median(base, "seconds")
    job_seconds = _median(base, "job_seconds")
    return (
        object_name,
        way,
        f"{own[0].rows:,}",
        f"{seconds:.1f}",
        f"{own[0].rows / seconds:,.0f}",
        f"{plain_seconds / seconds:.2f}",
        f"{(plain_seconds - job_seconds) / max(seconds - job_seconds, 0.001):.2f}",
        f"{_median(own, 'cpu_seconds'):.1f}",
        f"{max(each.peak_mebibytes for each in own):,.0f}",
    )


def _served(object_name: str, plain: Sequence[Measured]) -> str:
    speed = statistics.median(each.megabytes / (each.seconds - each.job_seconds) for each in plain)
    return (
        f"- {object_name}: {plain[0].megabytes:.0f} MB of CSV; the sandbox took {_median(plain, 'job_seconds'):.1f} s "
        f"for the query and served its results at {speed:,.0f} MB/s."
    )


def _median(each: Sequence[Measured], name: str) -> float:
    return statistics.median(float(getattr(one, name)) for one in each)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_here(*sys.argv[1:])
    else:
        main()
