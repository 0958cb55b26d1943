"""Read one window completely: count at the source, fetch by REST or Bulk, land, compare the counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import (
    BudgetExhausted,
    BulkJobFailed,
    BulkJobUnfinished,
    CountMismatch,
    HalfPage,
    MissingObject,
    RequestRefused,
    ServerFault,
)
from connectors.salesforce.reading import bulk, rest
from connectors.salesforce.reading.any_type import unified
from connectors.salesforce.reading.bulk_jobs import BulkJobFacts, OpenJob, discard
from connectors.salesforce.reading.received_ids import ReceivedIds
from connectors.salesforce.reading.rest import LONGEST_REST_STATEMENT
from connectors.salesforce.reading.windows import Window, soql_instant

_WINDOW_ATTEMPTS = 2
# Records changed since a window's end are looked through one by one up to here: ten pages.
_MOST_CHANGED_SINCE = 20_000
LEFT_INCOMPLETE = (
    HalfPage,
    CountMismatch,
    BulkJobFailed,
    BulkJobUnfinished,
    BudgetExhausted,
    ServerFault,
)
"""What leaves a window incomplete: what landed is kept, the next run goes on."""


class Progress(Protocol):
    """Told after every page: rows of the stream's window so far, and how many it will be."""

    def __call__(self, stream: str, rows: int, total: int) -> None: ...


def no_progress(stream: str, rows: int, total: int) -> None:
    """For callers that do not watch."""


@dataclass(frozen=True)
class PullOptions:
    """How windows are cut.

    lag: a window ends this long before now, so that its count stands still while it is read.
    overlap: each window begins this long before the last one ended. Salesforce stamps a record when its
    transaction begins and shows it when that commits, at most ten minutes later; the log counts a fact once
    however often it is read.
    bulk_from_rows: increments above this many rows go by Bulk; a first sync always does.
    bulk_page_rows: rows of Bulk results in memory at a time.
    formulas_every: objects with formula or roll-up fields are read whole again this long after the last time.
    sweep_every: all ids of an object are compared with the log's this long after the last time.
    accept_gone: object -> how many records may be missing at once in a sweep and count as deleted.
    """

    lag: timedelta = timedelta(minutes=1)
    overlap: timedelta = timedelta(minutes=10)
    bulk_from_rows: int = 2_000
    bulk_page_rows: int = 50_000
    formulas_every: timedelta = timedelta(days=7)
    sweep_every: timedelta = timedelta(days=7)
    accept_gone: Mapping[str, int] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Tally:
    """Counts of one attempt at a window; rows_appended runs over all attempts of this run.

    `job` is the Bulk job while its window is not proven.
    """

    method: str = "none"
    job: OpenJob | None = None
    job_id: str | None = None
    rows_received: int = 0
    rows_processed: int = 0
    rows_counted: int = 0
    rows_moved_on: int = 0
    rows_appended: int = 0
    ids: ReceivedIds = field(default_factory=ReceivedIds)

    def restart(self) -> None:
        """Begin another attempt."""
        self.method, self.job, self.job_id, self.ids = "none", None, None, ReceivedIds()
        self.rows_received = self.rows_processed = self.rows_counted = self.rows_moved_on = 0

    def take_over(self, job: OpenJob, ids: pa.ChunkedArray[Any]) -> None:
        """Begin with what an earlier run landed of a job."""
        self.restart()
        self.method, self.job, self.job_id = "bulk", job, job.job_id
        self.rows_received, self.rows_counted = job.rows_landed, job.rows_counted
        self.ids.add(ids)

    def check_received(self, where: str) -> None:
        """Raises CountMismatch unless every row reported came, and came once."""
        if not self.rows_received == self.rows_processed == self.ids.distinct():
            raise self._mismatch(where)

    def check(self, where: str) -> None:
        """Raises CountMismatch unless what came is what the org counts."""
        self.check_received(where)
        if self.rows_received != self.rows_counted + self.rows_moved_on:
            raise self._mismatch(where)

    def _mismatch(self, where: str) -> CountMismatch:
        different = self.ids.distinct()
        doubles = f" ({different} of them different)" if different != self.rows_received else ""
        return CountMismatch(
            f"{self.rows_received} rows received{doubles}, {self.rows_processed} reported, "
            f"{self.rows_counted} counted",
            where=where,
            remedy="the window is read again by the next run",
        )


@dataclass(frozen=True)
class ObjectToRead:
    """What of an object is read, and where it lands; `described` is its columns with their types, as text."""

    name: str
    stream: str
    columns: tuple[str, ...]
    cursor_field: str | None
    described: str = ""


@dataclass
class WindowReader:
    """Reads windows of any object into the log."""

    client: SalesforceClient
    log: EventLog
    run_id: str
    clock: Callable[[], datetime]
    progress: Progress = no_progress
    options: PullOptions = field(default_factory=PullOptions)
    parser: rest.PageParser = field(default_factory=rest.PageParser)

    @cached_property
    def jobs(self) -> BulkJobFacts:
        """The log's knowledge of Bulk jobs."""
        return BulkJobFacts(self.log, self.run_id, self.clock)

    def read(self, source: ObjectToRead, window: Window, tally: Tally, *, reason: str = "") -> None:
        """Land the window's rows, counting into `tally`. What fails is tried once more: a page of a Bulk job
        from where it broke off, anything else from the window's start.

        Raises HalfPage, CountMismatch or BulkJobFailed when the second attempt fails too, and the others of
        LEFT_INCOMPLETE at once; what landed is kept, and a Bulk job left open is read on by the next run.
        """
        for attempt in range(1, _WINDOW_ATTEMPTS + 1):
            try:
                if tally.job is None:
                    self._read_once(source, window, tally, reason)
                else:
                    self._read_job(source, tally.job, tally)
                return
            except (HalfPage, CountMismatch, BulkJobFailed):
                if attempt == _WINDOW_ATTEMPTS:
                    raise

    def resume(self, source: ObjectToRead, job: OpenJob, tally: Tally) -> bool:
        """Read on in a job that an earlier run left, up to the proof over all its rows.

        False when the job is of no use any more; its window is then to be read anew. Raises BudgetExhausted,
        ServerFault and BulkJobUnfinished, which leave the job to the next run.
        """
        if job.columns != source.described:
            self._abandon(job, "the object's fields have changed since the job was created")
            return False
        tally.take_over(job, self.jobs.landed_ids(job))
        try:
            self._read_job(source, job, tally)
        except (BulkJobFailed, CountMismatch):
            return False
        except HalfPage as problem:
            self._abandon(tally.job or job, str(problem))
            return False
        return True

    def _read_once(self, source: ObjectToRead, window: Window, tally: Tally, reason: str) -> None:
        condition = window.condition(source.cursor_field)
        tally.restart()
        tally.rows_counted = rest.count_rows(self.client, source.name, condition)
        if tally.rows_counted == 0:
            return
        soql = f"SELECT {', '.join(source.columns)} FROM {source.name}{condition}"
        tally.method = self._method(window, tally.rows_counted, soql)
        if tally.method == "bulk":
            self._hand_in(source, window, soql, tally, reason)
        if tally.job is None:
            self._read_rest(source, window, soql, tally)
        else:
            self._read_job(source, tally.job, tally)

    def _method(self, window: Window, rows: int, soql: str) -> str:
        if self.client.budget.bulk_jobs_left is None:
            self.client.limits()
        is_large = window.from_at is None or rows > self.options.bulk_from_rows
        is_allowed = self.client.budget.bulk_jobs_left != 0
        return "bulk" if (is_large and is_allowed) or len(soql) > LONGEST_REST_STATEMENT else "rest"

    def _hand_in(self, source: ObjectToRead, window: Window, soql: str, tally: Tally, reason: str) -> None:
        try:
            job_id = bulk.create_job(self.client, soql)
        except (MissingObject, RequestRefused):
            # Some objects are not for Bulk. If it is a permission after all, REST will say so.
            tally.method = "rest"
            return
        job = OpenJob(
            self.run_id,
            job_id,
            source.stream,
            source.name,
            source.described,
            window,
            reason,
            tally.rows_counted,
        )
        self.jobs.created(job)
        self.client.budget.spend_bulk_job()
        tally.job, tally.job_id = job, job_id

    def _read_rest(self, source: ObjectToRead, window: Window, soql: str, tally: Tally) -> None:
        for page in rest.read_pages(self.client, self.parser, soql, source.columns):
            tally.rows_processed = page.total_rows
            self._land(source, page.rows, window, tally)
        self._prove(source, window, tally)

    def _read_job(self, source: ObjectToRead, job: OpenJob, tally: Tally) -> None:
        try:
            for page in self._job_pages(source, job, tally):
                self._land(source, page.rows, job.window, tally)
                job = tally.job = self.jobs.landed(job, page.rows["Id"], page.next_locator)
            self._prove(source, job.window, tally)
        except BulkJobFailed as problem:
            tally.job = None
            self.jobs.abandoned(job, str(problem))
            raise
        except CountMismatch as problem:
            tally.job = None
            self._abandon(job, str(problem))
            raise
        tally.job = None

    def _job_pages(self, source: ObjectToRead, job: OpenJob, tally: Tally) -> Iterator[bulk.ResultPage]:
        try:
            complete = bulk.wait_for_job(self.client, job.job_id, sleep=self.options.sleep)
            if complete.object_name not in ("", source.name):
                raise BulkJobFailed(f"the job reads {complete.object_name}", where=job.job_id)
            tally.rows_processed = complete.rows_processed
            if job.is_landed:
                return
            page_rows = self.options.bulk_page_rows
            yield from bulk.result_pages(
                self.client, complete, source.columns, page_rows=page_rows, locator=job.next_locator
            )
        except (MissingObject, RequestRefused) as problem:
            raise BulkJobFailed(
                f"the org does not give the job's results: {problem.what}",
                where=job.job_id,
                remedy="its window is read anew",
            ) from problem

    def _abandon(self, job: OpenJob, why: str) -> None:
        self.jobs.abandoned(job, why)
        discard(self.client, job)

    def _land(self, source: ObjectToRead, rows: pa.Table, window: Window, tally: Tally) -> None:
        if rows.num_rows == 0:
            return
        landed = self.log.append_observed(
            source.stream,
            unified(rows),
            run_id=self.run_id,
            source=tally.method,
            observed_at=self.clock(),
            window=window.label(),
        )
        tally.ids.add(rows["Id"])
        tally.rows_received += rows.num_rows
        tally.rows_appended += landed.appended
        self.progress(source.stream, tally.rows_received, tally.rows_counted)

    def _prove(self, source: ObjectToRead, window: Window, tally: Tally) -> None:
        where = f"{source.name} {window.label()}"
        tally.check_received(where)
        if tally.rows_received != tally.rows_counted:
            self._count_again(source, window, tally)
        tally.check(where)

    def _count_again(self, source: ObjectToRead, window: Window, tally: Tally) -> None:
        # Whoever edits a record while its window is read moves it out of the window: the rows of the reply
        # and COUNT() then disagree though nothing is missing. The next window has it.
        tally.rows_moved_on = self._moved_on(source, window, tally)
        condition = window.condition(source.cursor_field)
        tally.rows_counted = rest.count_rows(self.client, source.name, condition)
        if tally.rows_counted == tally.rows_received:
            tally.rows_moved_on = 0

    def _moved_on(self, source: ObjectToRead, window: Window, tally: Tally) -> int:
        if source.cursor_field is None:
            return 0
        soql = f"SELECT Id FROM {source.name} WHERE {source.cursor_field} > {soql_instant(window.to_at)}"
        moved_on = 0
        for page in rest.read_pages(self.client, self.parser, soql, ["Id"]):
            if page.total_rows > _MOST_CHANGED_SINCE:
                return 0
            moved_on += tally.ids.count_among(page.rows["Id"])
        return moved_on
