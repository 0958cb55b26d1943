"""Bulk query jobs as facts, so that a later run goes on inside a result that an earlier one left.

Kinds: created when the org took the job, landed after the rows of each page, abandoned when nobody will read
on. A job whose rows all landed is finished by the closed window that names it: one write decides both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from connectors.event_log import EventLog
from connectors.event_log.query import query
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.reading.windows import EXTRACTION_WINDOWS, Window
from connectors.salesforce.schema.objects import INSTANT

BULK_JOBS = "bulk_jobs"
_COLUMNS: Mapping[str, pa.DataType] = {
    "pull_id": pa.string(),
    "job_id": pa.string(),
    "stream": pa.string(),
    "object_name": pa.string(),
    "columns": pa.string(),
    "window_from_at": INSTANT,
    "window_to_at": INSTANT,
    "reason": pa.string(),
    "rows_counted": pa.int64(),
    "rows_landed": pa.int64(),
    "next_locator": pa.string(),
    "record_ids": pa.string(),
    "message": pa.string(),
}
BULK_JOBS_CONTRACT = pa.schema(_COLUMNS)
_KEY = ("record_id", "pull_id", "kind", "rows_landed")


@dataclass(frozen=True)
class OpenJob:
    """A job whose window is not closed yet.

    `pull_id` is the run that created it, `columns` its columns with their types as text, `rows_counted` the
    COUNT() before it was created. `rows_landed` rows are in the log; the next one is behind `next_locator`
    (None: at the start, or nowhere when `is_landed`).
    """

    pull_id: str
    job_id: str
    stream: str
    object_name: str
    columns: str
    window: Window
    reason: str
    rows_counted: int
    rows_landed: int = 0
    next_locator: str | None = None
    is_landed: bool = False


@dataclass
class BulkJobFacts:
    """What became of the jobs, in stream `bulk_jobs`."""

    log: EventLog
    run_id: str
    clock: Callable[[], datetime]
    _left_open: Mapping[str, OpenJob] | None = None

    def created(self, job: OpenJob) -> None:
        """The org took the job."""
        self._append("created", job)

    def landed(self, job: OpenJob, ids: pa.ChunkedArray[Any], next_locator: str | None) -> OpenJob:
        """The rows with these ids are in the log; the job as it stands now.

        The ids stay with the locator in one fact: a later run must be able to tell a row it receives from
        one that was received before, and the log alone cannot say so (it leaves out what it knew already).
        """
        after = replace(
            job,
            rows_landed=job.rows_landed + len(ids),
            next_locator=next_locator,
            is_landed=next_locator is None,
        )
        self._append("landed", after, record_ids=_joined(ids))
        return after

    def abandoned(self, job: OpenJob, why: str) -> None:
        """Nobody will read on; the window is read anew."""
        self._append("abandoned", job, message=why)

    def open_job(self, stream: str) -> OpenJob | None:
        """The latest job of a stream, if earlier runs neither abandoned nor finished it."""
        if self._left_open is None:
            self._left_open = self._unfinished()
        return self._left_open.get(stream)

    def landed_ids(self, job: OpenJob) -> pa.ChunkedArray[Any]:
        """Ids of all rows of a job that landed, one for each row received."""
        mine = f"kind = 'landed' and job_id = '{job.job_id}' and pull_id = '{job.pull_id}'"
        joined = self.log.read(BULK_JOBS, ["record_ids"], where=f"{mine} and record_ids <> ''")["record_ids"]
        split = [pc.split_pattern(chunk, ",").flatten() for chunk in joined.chunks]
        return pa.chunked_array(split, pa.string())

    def _unfinished(self) -> Mapping[str, OpenJob]:
        columns = ", ".join(name for name in BULK_JOBS_CONTRACT.names if name != "record_ids")
        facts = query(
            f"""with latest as (
              select {columns}, kind from {self.log.scan(BULK_JOBS)}
              qualify row_number() over (partition by stream order by sequence desc) = 1
            ), closed as (
              select job_id, window_to_at from {self.log.scan(EXTRACTION_WINDOWS)} where kind = 'closed'
            )
            select * from latest anti join closed using (job_id, window_to_at) where kind <> 'abandoned'""",
            self.log.root / BULK_JOBS,
        )
        return {fact["stream"]: _open_job(fact) for fact in facts.to_pylist()}

    def _append(self, kind: str, job: OpenJob, *, record_ids: str = "", message: str = "") -> None:
        now = self.clock()
        fact = {
            **{name: value for name, value in vars(job).items() if name in _COLUMNS},
            "record_id": job.job_id,
            "kind": kind,
            "occurred_at": now,
            "window_from_at": job.window.from_at,
            "window_to_at": job.window.to_at,
            "record_ids": record_ids,
            "message": message,
        }
        types = {**_COLUMNS, "record_id": pa.string(), "kind": pa.string(), "occurred_at": INSTANT}
        row = pa.table({name: pa.array([fact[name]], kind_of) for name, kind_of in types.items()})
        self.log.append_facts(BULK_JOBS, row, run_id=self.run_id, observed_at=now, key=_KEY)


def discard(client: SalesforceClient, job: OpenJob) -> None:
    """Have the org stop a job nobody will read, or drop its results."""
    path = f"jobs/query/{job.job_id}"
    # A courtesy: the org drops results by itself after a week, and what it says to this changes nothing.
    with contextlib.suppress(SalesforceProblem):
        try:
            client.call("PATCH", path, json={"state": "Aborted"})
        except SalesforceProblem:
            client.call("DELETE", path)


def columns_text(types: Mapping[str, str]) -> str:
    """Fields with their types, to see whether a job was made for the object as it is described now."""
    return ",".join(f"{name} {kind}" for name, kind in sorted(types.items()))


def _open_job(fact: Mapping[str, Any]) -> OpenJob:
    own = {name: fact[name] for name in OpenJob.__dataclass_fields__ if name in fact}
    window = Window(fact["window_from_at"], fact["window_to_at"])
    is_landed = fact["kind"] == "landed" and fact["next_locator"] is None
    return OpenJob(**own, window=window, is_landed=is_landed)


def _joined(ids: pa.ChunkedArray[Any]) -> str:
    # Sorted, they are stored in a byte or two each.
    ordered = ids.combine_chunks().sort()
    whole = pa.ListArray.from_arrays(pa.array([0, len(ordered)], pa.int32()), ordered)
    return str(cast(Any, pc.binary_join(whole, ","))[0].as_py())
