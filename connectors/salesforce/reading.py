"""Read one window completely: count at the source, fetch by REST or Bulk, land, compare the counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce import bulk, rest
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.errors import BulkJobFailed, CountMismatch, HalfPage, MissingObject, RequestRefused
from connectors.salesforce.windows import Window

# Longer statements do not fit into the address of a REST call.
_LONGEST_REST_STATEMENT = 12_000
_WINDOW_ATTEMPTS = 2


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
    """

    lag: timedelta = timedelta(minutes=1)
    overlap: timedelta = timedelta(minutes=10)
    bulk_from_rows: int = 2_000
    bulk_page_rows: int = 50_000
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Tally:
    """Counts of one attempt at a window; rows_appended runs over all attempts."""

    method: str = "none"
    job_id: str | None = None
    rows_received: int = 0
    rows_processed: int = 0
    rows_counted: int = 0
    rows_appended: int = 0

    def check(self, where: str) -> None:
        """Raises CountMismatch unless the three counts agree."""
        if self.rows_received == self.rows_processed == self.rows_counted:
            return
        raise CountMismatch(
            f"{self.rows_received} rows received, {self.rows_processed} reported, "
            f"{self.rows_counted} counted",
            where=where,
            remedy="the window is read again by the next run",
        )


@dataclass(frozen=True)
class ObjectToRead:
    """What of an object is read, and where it lands."""

    name: str
    stream: str
    columns: tuple[str, ...]
    cursor_field: str | None


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

    def read(self, source: ObjectToRead, window: Window, tally: Tally) -> None:
        """Land the window's rows, counting into `tally`; a window whose counts disagree is read once more.

        Raises HalfPage, CountMismatch or BulkJobFailed when the second attempt fails too; what landed is
        kept.
        """
        for attempt in range(1, _WINDOW_ATTEMPTS + 1):
            try:
                self._read_once(source, window, tally)
                return
            except (HalfPage, CountMismatch, BulkJobFailed):
                if attempt == _WINDOW_ATTEMPTS:
                    raise

    def _read_once(self, source: ObjectToRead, window: Window, tally: Tally) -> None:
        condition = window.condition(source.cursor_field)
        tally.rows_received = tally.rows_processed = 0
        tally.rows_counted = rest.count_rows(self.client, source.name, condition)
        if tally.rows_counted == 0:
            return
        soql = f"SELECT {', '.join(source.columns)} FROM {source.name}{condition}"
        tally.method = self._method(window, tally.rows_counted, soql)
        if tally.method == "bulk":
            self._hand_in(soql, tally)
        pages = self._bulk_pages if tally.method == "bulk" else self._rest_pages
        for rows in pages(soql, source.columns, tally):
            self._land(source, rows, window, tally)
        tally.check(where=f"{source.name} {window.label()}")

    def _method(self, window: Window, rows: int, soql: str) -> str:
        if self.client.budget.bulk_jobs_left is None:
            self.client.limits()
        is_large = window.from_at is None or rows > self.options.bulk_from_rows
        is_allowed = self.client.budget.bulk_jobs_left != 0
        return "bulk" if (is_large and is_allowed) or len(soql) > _LONGEST_REST_STATEMENT else "rest"

    def _hand_in(self, soql: str, tally: Tally) -> None:
        try:
            tally.job_id = bulk.create_job(self.client, soql)
        except (MissingObject, RequestRefused):
            # Some objects are not for Bulk. If it is a permission after all, REST will say so.
            tally.method = "rest"

    def _rest_pages(self, soql: str, columns: Sequence[str], tally: Tally) -> Iterator[pa.Table]:
        for page in rest.read_pages(self.client, self.parser, soql, columns):
            tally.rows_processed = page.total_rows
            yield page.rows

    def _bulk_pages(self, soql: str, columns: Sequence[str], tally: Tally) -> Iterator[pa.Table]:
        job = bulk.wait_for_job(self.client, tally.job_id or "", sleep=self.options.sleep)
        tally.rows_processed = job.rows_processed
        yield from bulk.result_pages(self.client, job, columns, page_rows=self.options.bulk_page_rows)

    def _land(self, source: ObjectToRead, rows: pa.Table, window: Window, tally: Tally) -> None:
        landed = self.log.append_observed(
            source.stream,
            rows,
            run_id=self.run_id,
            source=tally.method,
            observed_at=self.clock(),
            window=window.label(),
        )
        tally.rows_received += rows.num_rows
        tally.rows_appended += landed.appended
        self.progress(source.stream, tally.rows_received, tally.rows_counted)
