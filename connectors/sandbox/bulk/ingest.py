"""Bulk API 2.0 ingest jobs: what was uploaded is written in batches by the code that serves REST writes."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from connectors.sandbox.bulk.ingest_csv import BadCsv, Cells, ResultCsv, UploadedCsv, given_values
from connectors.sandbox.bulk.query_jobs import Mishap
from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.faults.faults import Faults, locked_row
from connectors.sandbox.records import saving
from connectors.sandbox.records.deleting import Deletion, delete
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.saving import RowResult
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
BATCH_ROWS = 200
"""Rows that are written in one transaction, as many as Salesforce gives to one run of an org's triggers."""
ENDED = ("JobComplete", "Failed", "Aborted")
KINDS = ("successful", "failed", "unprocessed")
_FIRST_NUMBER = 1_000_001  # query jobs share the prefix and count from one


@dataclass(frozen=True)
class IngestOrder:
    """What a client asks of a job; `external_field` is for upserts."""

    entity: SObject
    operation: str
    external_field: str = ""
    delimiter: str = "COMMA"
    line_ending: str = "LF"


@dataclass
class IngestJob:
    """A job and its state; files[kind] are the results by kind, there as soon as the job works."""

    job_id: str
    order: IngestOrder
    created_by_id: str
    created_at: datetime
    api_version: str
    upload: Path
    files: Mapping[str, Path]
    state: str = "Open"
    has_results: bool = False
    processed: int = 0
    failed: int = 0
    error: str = ""
    modified_at: datetime | None = None
    mishap: Mishap | None = field(default=None, repr=False)

    @property
    def batches(self) -> int:
        """Batches begun so far, as the daily limit counts them."""
        return -(-self.processed // BATCH_ROWS)

    @property
    def has_data(self) -> bool:
        return self.upload.exists()

    def poll(self) -> str:
        """The state as a client is told it; a job that a fault slows down is in progress a while longer."""
        if self.mishap is None or self.mishap.polls == 0 or self.state not in ENDED[:2]:
            return self.state
        if self.mishap.polls is not None:
            self.mishap.polls -= 1
        return "InProgress"


class IngestJobs:
    """The ingest jobs of a running sandbox, worked off one after another beside the requests."""

    def __init__(self, org: Org, faults: Faults, folder: Path) -> None:
        self._org = org
        self._faults = faults
        self._folder = folder
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._jobs: dict[str, IngestJob] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ingest")

    def create(self, order: IngestOrder, user_id: str, api_version: str) -> IngestJob:
        """A new job that waits for its data."""
        with self._lock:
            job_id = numbered("750", next(self._numbers))
            files = {kind: self._folder / f"{job_id}.{kind}.csv" for kind in KINDS}
            upload = self._folder / f"{job_id}.upload.csv"
            job = IngestJob(job_id, order, user_id, self._org.now(), api_version, upload, files)
            self._jobs[job_id] = job
        return job

    def all(self) -> list[IngestJob]:
        """Jobs in order of creation."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> IngestJob:
        """A job by its 15- or 18-character id; 404 when there is none."""
        found = next((each for key, each in self._jobs.items() if key[:15] == job_id[:15]), None)
        if found is None:
            raise not_found("The requested resource does not exist")
        return found

    def upload(self, job: IngestJob, data: bytes) -> None:
        """Takes a job's data, once."""
        with self._lock:
            _check_state(job, "Open")
            if job.has_data:
                raise SalesforceError(
                    "INVALIDJOB",
                    f"Found multiple contents for job: <{job.job_id}>, please 'Close' / 'Abort' / 'Delete' the current "
                    "Job then create a new Job and make sure you only do 'PUT' once on a given Job.",
                )
            job.upload.write_bytes(data)

    def close_upload(self, job: IngestJob, mishap: Mishap | None) -> None:
        """Starts the work."""
        with self._lock:
            _check_state(job, "Open")
            job.state, job.mishap, job.modified_at = "UploadComplete", mishap, self._org.now()
        self._worker.submit(self._execute, job)

    def abort(self, job: IngestJob) -> None:
        """Stops a job; what it has written stays."""
        with self._lock:
            _check_state(job, "Open", "UploadComplete", "InProgress")
            waiting = job.state != "InProgress"
            job.state, job.modified_at = "Aborted", self._org.now()
        if waiting:
            _Work(self._org, self._faults, job).run()

    def delete(self, job: IngestJob) -> None:
        """Forgets a job and its files."""
        with self._lock:
            _check_state(job, "UploadComplete", *ENDED)
            job.state = "Aborted"
            del self._jobs[job.job_id]
        for path in (job.upload, *job.files.values()):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets the running job finish its batch, and starts no other."""
        for each in self.all():
            if each.state in ("UploadComplete", "InProgress"):
                each.state = "Aborted"
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _execute(self, job: IngestJob) -> None:
        with self._lock:
            if job.state != "UploadComplete":
                return
            job.state = "InProgress"
        try:
            _Work(self._org, self._faults, job).run()
            state = "JobComplete"
            if job.mishap and job.mishap.state:
                job.error, state = job.mishap.message, job.mishap.state
        except BadCsv as error:
            job.error, state = str(error), "Failed"
        except Exception as error:
            job.error, state = f"InternalServerError : {str(error).splitlines()[0]}", "Failed"
        with self._lock:
            job.modified_at = self._org.now()
            job.state = state if job.state == "InProgress" else job.state


def _check_state(job: IngestJob, *allowed: str) -> None:
    if job.state not in allowed:
        message = f"Job {job.job_id} is {job.state}: this is possible only when it is {' or '.join(allowed)}"
        raise SalesforceError("INVALIDJOBSTATE", message)


class _Work:
    """Working off one job: every row of its upload ends in exactly one of the three result files."""

    def __init__(self, org: Org, faults: Faults, job: IngestJob) -> None:
        self._org = org
        self._faults = faults
        self._job = job

    def run(self) -> None:
        """Raises BadCsv for what cannot be read; the rows from there on are unprocessed."""
        order = self._job.order
        if not self._job.has_data:
            self._close(self._open_results([]))
            return
        try:
            upload = UploadedCsv(self._job.upload, order.delimiter, order.line_ending)
        except BadCsv:
            self._close(self._open_results([]))
            raise
        results = self._open_results(upload.header)
        try:
            self._work_off(upload, results)
        finally:
            upload.close()
            self._close(results)

    def _open_results(self, header: Cells) -> dict[str, ResultCsv]:
        leading = {
            "successful": ("sf__Id", "sf__Created"),
            "failed": ("sf__Id", "sf__Error"),
            "unprocessed": (),
        }
        order = self._job.order
        return {
            kind: ResultCsv(
                self._job.files[kind], [*leading[kind], *header], order.delimiter, order.line_ending
            )
            for kind in KINDS
        }

    def _close(self, results: Mapping[str, ResultCsv]) -> None:
        for each in results.values():
            each.close()
        self._job.has_results = True

    def _work_off(self, upload: UploadedCsv, results: Mapping[str, ResultCsv]) -> None:
        problem = _header_problem(self._job.order, upload.header)
        stops = self._job.mishap is not None and bool(self._job.mishap.state)
        for rows in upload.batches(BATCH_ROWS):
            problem = problem or upload.misfit(rows)
            if problem or stops or self._job.state == "Aborted":
                results["unprocessed"].add(rows)
            else:
                self._write(upload.header, rows, results)
        if problem:
            raise BadCsv(problem)

    def _write(self, header: Cells, rows: Sequence[Cells], results: Mapping[str, ResultCsv]) -> None:
        saved = self._saved([given_values(header, each) for each in rows])
        # Salesforce works on batches side by side: whoever matches results by their order is to find out here.
        order = sorted(
            range(len(rows)), key=lambda number: zlib.crc32(f"{self._job.job_id} {number}".encode())
        )
        good = [number for number in order if saved[number].error is None]
        bad = [number for number in order if saved[number].error is not None]
        results["successful"].add([[*_success(saved[number]), *rows[number]] for number in good])
        results["failed"].add([[*_failure(saved[number]), *rows[number]] for number in bad])
        self._job.processed += len(rows)
        self._job.failed += len(bad)

    def _saved(self, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        try:
            return _WRITERS[self._job.order.operation](self._org, self._faults, self._job, rows)
        except duckdb.TransactionException:
            return [RowResult(_record_id(each) or None, False, locked_row()) for each in rows]


def _header_problem(order: IngestOrder, header: Cells) -> str:
    known = order.entity.by_lower_name
    unknown = [name for name in header if name.lower() not in known and not _names_parent(order, name)]
    if unknown:
        return f"InvalidBatch : Field name not found : {unknown[0]}"
    wanted = {"upsert": order.external_field, "insert": ""}.get(order.operation, "Id")
    if wanted and wanted.lower() not in (name.lower() for name in header):
        return f"InvalidBatch : Field name not found : {wanted}"
    extra = [name for name in header if name.lower() != "id"]
    if extra and order.operation in ("delete", "hardDelete"):
        return f"InvalidBatch : Field {extra[0]} is not expected when deleting: the file holds the column Id only"
    return ""


def _names_parent(order: IngestOrder, name: str) -> bool:
    relationship, dot, _ = name.partition(".")
    return bool(dot) and relationship.partition(":")[0].lower() in order.entity.by_relationship


def _success(result: RowResult) -> tuple[str, str]:
    return result.record_id or "", "true" if result.created else "false"


def _failure(result: RowResult) -> tuple[str, str]:
    assert result.error is not None
    return (
        result.record_id or "",
        f"{result.error.code}:{result.error.message}:{' '.join(result.error.fields)} --",
    )


def _record_id(row: Mapping[str, object]) -> str:
    return str(next((value for name, value in row.items() if name.lower() == "id"), None) or "")


def _without_id(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name.lower() != "id"}


Writer = Callable[[Org, Faults, IngestJob, Sequence[Mapping[str, object]]], list[RowResult]]


def _insert(
    org: Org, faults: Faults, job: IngestJob, rows: Sequence[Mapping[str, object]]
) -> list[RowResult]:
    return saving.create(org, faults, job.order.entity, rows, False, job.created_by_id)


def _update(
    org: Org, faults: Faults, job: IngestJob, rows: Sequence[Mapping[str, object]]
) -> list[RowResult]:
    changes = [(_record_id(row), _without_id(row)) for row in rows]
    return saving.update(org, faults, job.order.entity, changes, False, job.created_by_id)


def _upsert(
    org: Org, faults: Faults, job: IngestJob, rows: Sequence[Mapping[str, object]]
) -> list[RowResult]:
    order = job.order
    return saving.upsert(org, faults, order.entity, order.external_field, rows, False, job.created_by_id)


def _delete(
    org: Org, faults: Faults, job: IngestJob, rows: Sequence[Mapping[str, object]]
) -> list[RowResult]:
    for_good = job.order.operation == "hardDelete"
    record_ids = [_record_id(row) for row in rows]
    return delete(org, faults, Deletion(job.order.entity, record_ids, job.created_by_id, for_good=for_good))


_WRITERS: Mapping[str, Writer] = {
    "insert": _insert, "update": _update, "upsert": _upsert, "delete": _delete, "hardDelete": _delete,
}  # fmt: skip
