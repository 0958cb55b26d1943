"""Bulk API 2.0 query jobs: DuckDB writes the whole answer as one CSV file, replies are streamed from it.

A locator is the number of the row that comes next; where each row starts in the file is indexed once, after the
job is complete, so that any locator can be read again while the job lives.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from connectors.sandbox.bulk.ingest_csv import DELIMITERS
from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.store import Org
from connectors.sandbox.soql.answer import Translated

CHUNK_BYTES = 4 * 1024 * 1024
_QUOTE, _LINE_END = 34, 10


@dataclass
class Mishap:
    """What a fault makes of a job: the `state` it ends in with what message; `polls` it dawdles (None: for good)."""

    state: str = ""
    message: str = ""
    polls: int | None = 0


@dataclass
class QueryJob:
    """A job and its state; offsets[i] is the byte where row i starts, offsets[rows] the end of the file."""

    job_id: str
    operation: str
    soql: str
    query: Translated
    created_at: datetime
    created_by_id: str
    path: Path
    delimiter: str = "COMMA"
    state: str = "UploadComplete"
    rows: int = 0
    error: str = ""
    offsets: np.ndarray | None = field(default=None, repr=False)
    modified_at: datetime | None = None
    mishap: Mishap | None = None

    @property
    def dawdles(self) -> bool:
        """Whether a fault keeps the job from being seen as complete."""
        return self.mishap is not None and self.mishap.polls != 0 and self.state != "Aborted"

    def poll(self) -> str:
        """The state as a client is told it; a job that dawdles is in progress a while longer."""
        dawdles = self.dawdles
        if dawdles and self.mishap is not None and self.mishap.polls is not None:
            self.mishap.polls -= 1
        return "InProgress" if dawdles else self.state


@dataclass(frozen=True)
class ResultPart:
    """A stretch of a job's CSV: the header, then bytes start..end of the file; next_row is None at the end."""

    path: Path
    header_end: int
    start: int
    end: int
    rows: int
    next_row: int | None

    @property
    def length(self) -> int:
        """Bytes of the reply."""
        return self.header_end + self.end - self.start

    def chunks(self) -> Iterator[bytes]:
        """The reply's bytes, a few megabytes at a time."""
        with self.path.open("rb") as file:
            yield file.read(self.header_end)
            file.seek(self.start)
            left = self.end - self.start
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk


class BulkJobs:
    """The query jobs of a running sandbox, executed one after another beside the requests."""

    def __init__(self, org: Org, folder: Path) -> None:
        self._org = org
        self._folder = folder
        self._numbers = itertools.count(1)
        self._jobs: dict[str, QueryJob] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bulk")

    def create(
        self,
        operation: str,
        soql: str,
        query: Translated,
        user_id: str,
        mishap: Mishap | None = None,
        delimiter: str = "COMMA",
    ) -> QueryJob:
        """A new job of a user, of a query that was translated for bulk; `delimiter` is a name in DELIMITERS."""
        with self._lock:
            job_id = numbered("750", next(self._numbers))
            path = self._folder / f"{job_id}.csv"
            job = QueryJob(
                job_id,
                operation,
                soql,
                query,
                self._org.now(),
                user_id,
                path,
                delimiter=delimiter,
                mishap=mishap,
            )
            self._jobs[job_id] = job
        self._worker.submit(self._execute, job)
        return job

    def close(self) -> None:
        """Waits for the running job and starts no other."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def all(self) -> list[QueryJob]:
        """Jobs in order of creation."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> QueryJob:
        """A job by its 15- or 18-character id; 404 when there is none."""
        found = next((each for key, each in self._jobs.items() if key[:15] == job_id[:15]), None)
        if found is None:
            raise not_found("The requested resource does not exist")
        return found

    def abort(self, job_id: str) -> QueryJob:
        """Stops a job that has not finished."""
        job = self.get(job_id)
        if job.state in ("JobComplete", "Failed", "Aborted") and not job.dawdles:
            raise SalesforceError("INVALIDJOBSTATE", f"Job {job_id} is {job.state} and cannot be aborted")
        job.state = "Aborted"
        return job

    def delete(self, job_id: str) -> None:
        """Forgets a finished job and its results."""
        job = self.get(job_id)
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            raise SalesforceError("API_ERROR", f"Job {job_id} is {job.state}: abort it before deleting it")
        del self._jobs[job.job_id]
        job.path.unlink(missing_ok=True)

    def results(self, job_id: str, locator: str | None, maximum: int | None) -> ResultPart:
        """The rows from `locator` on, at most `maximum`."""
        job = self.get(job_id)
        if job.state != "JobComplete" or job.offsets is None:
            raise SalesforceError("INVALIDJOBSTATE", f"Job {job_id} is {job.state}: it has no results")
        first = int(locator) if locator and locator.isdigit() else 0
        if (locator and not locator.isdigit()) or first > job.rows or (maximum is not None and maximum < 1):
            raise SalesforceError("INVALID_QUERY_LOCATOR", f"invalid query locator or maxRecords: {locator}")
        after_last = job.rows if maximum is None else min(first + maximum, job.rows)
        offsets = job.offsets
        start, end = int(offsets[first]), int(offsets[after_last])
        next_row = after_last if after_last < job.rows else None
        return ResultPart(job.path, int(offsets[0]), start, end, after_last - first, next_row)

    def _execute(self, job: QueryJob) -> None:
        if job.state == "Aborted":
            return
        job.state = "InProgress"
        try:
            if job.mishap and job.mishap.state:
                job.error, state = job.mishap.message, job.mishap.state
            else:
                self._write(job)
                state = "JobComplete"
        except Exception as error:
            job.error, state = str(error).splitlines()[0], "Failed"
        job.modified_at = self._org.now()
        if job.state != "Aborted":
            job.state = state

    def _write(self, job: QueryJob) -> None:
        target = str(job.path).replace("'", "''")
        sql = f"copy ({job.query.csv_sql()}) to '{target}' (format csv, header true, delimiter '{DELIMITERS[job.delimiter]}', force_quote *)"
        with self._org.cursor() as cursor:
            cursor.execute(sql, job.query.parameters)
        job.offsets = row_offsets(job.path)
        job.rows = len(job.offsets) - 1


def row_offsets(path: Path) -> np.ndarray:
    """Where each row after the header starts in a CSV file whose texts are all quoted, and where the last one ends."""
    found: list[np.ndarray] = []
    position, quotes_before = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            buffer = np.frombuffer(chunk, dtype=np.uint8)
            quotes = np.flatnonzero(buffer == _QUOTE)
            line_ends = np.flatnonzero(buffer == _LINE_END)
            # A line end is a row's end when an even number of quote signs stand before it.
            before = np.searchsorted(quotes, line_ends) + quotes_before
            found.append(line_ends[before % 2 == 0] + position + 1)
            position += len(chunk)
            quotes_before += len(quotes)
    return np.concatenate(found) if found else np.zeros(1, dtype=np.int64)
