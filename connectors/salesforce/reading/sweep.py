"""The id sweep: all ids of an object beside the log's, so that what went or came without a trace is seen.

Hard deletes, emptied recycle bins, losers of a merge, and rows that a permission hid or showed, move no cursor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.salesforce.connection.errors import (
    BulkJobFailed,
    CountMismatch,
    HalfPage,
    MissingField,
    MissingObject,
    RequestRefused,
)
from connectors.salesforce.reading import bulk, rest
from connectors.salesforce.reading.rest import LONGEST_REST_STATEMENT
from connectors.salesforce.reading.sweep_facts import Swept
from connectors.salesforce.reading.sweep_ids import Differences, SourceIds
from connectors.salesforce.reading.window_reader import LEFT_INCOMPLETE, WindowReader
from connectors.salesforce.reading.windows import soql_instant
from connectors.salesforce.schema.describe import Described
from connectors.salesforce.schema.objects import SalesforceObject

# People delete by the handful; where more than this share is missing at once, a lost permission is likelier.
_HANDFUL = 5
_LARGEST_SHARE = 0.2
# Ids are short: a page may hold more of them than of whole rows.
_ID_PAGE_ROWS = 500_000
_IDS_PER_STATEMENT = 300
_MOST_READ_BY_ID = 3_000
_NOT_READ = (*LEFT_INCOMPLETE, MissingField, MissingObject, RequestRefused)


@dataclass(frozen=True)
class SweepTarget:
    """An object as described, and the end of its window that was just closed."""

    declared: SalesforceObject
    described: Described
    to_at: datetime

    @property
    def id_columns(self) -> tuple[str, ...]:
        """What is asked of every record."""
        return ("Id", "IsDeleted") if "IsDeleted" in self.described.types else ("Id",)

    @property
    def condition(self) -> str:
        """Leaves records made after the window to the next one, so that the count stands still."""
        is_dated = self.described.types.get("CreatedDate") == "datetime"
        return f" WHERE CreatedDate <= {soql_instant(self.to_at)}" if is_dated else ""

    def statement(self, columns: Sequence[str], condition: str) -> str:
        """The query of these columns."""
        return f"SELECT {', '.join(columns)} FROM {self.declared.name}{condition}"


@dataclass(frozen=True)
class _Page:
    rows: pa.Table
    rows_reported: int
    source: str


@dataclass
class Sweeper:
    """Sweeps objects into the log of a reader; `accepted`: object -> records whose absence was confirmed."""

    reader: WindowReader
    ids: SourceIds
    accepted: Mapping[str, int] = field(default_factory=dict)

    def sweep(self, target: SweepTarget, trigger: str) -> Swept:
        """Compare all ids and land what differs; repeating it appends nothing.

        Ends as swept, as incomplete (the ids, or rows they led to, could not be read completely) or as
        refused (too many records are missing at once to take them for deleted; nothing was landed).
        """
        started, calls = time.monotonic(), self.reader.client.session.calls
        swept = Swept(target.declared.stream, target.declared.name, "swept", trigger)
        try:
            swept = self._compared(target, swept)
        except _NOT_READ as problem:
            swept = replace(swept, kind="incomplete", message=f"id sweep: {problem}")
        seconds = round(time.monotonic() - started, 3)
        return replace(swept, seconds=seconds, api_calls=self.reader.client.session.calls - calls)

    def _compared(self, target: SweepTarget, swept: Swept) -> Swept:
        source = self._read_ids(target)
        found = self.ids.compare(self.reader.log, target.declared.stream, target.to_at)
        swept = replace(swept, ids_at_source=self.ids.distinct(), ids_missing=found.missing)
        # Old rows that the org purges by itself stay in the log as they were.
        marks_gone = not target.declared.purges_old_rows
        if marks_gone and self._is_too_many(target, found):
            return replace(swept, kind="refused", message=_refusal(target.declared.name, found))
        rows_found = self._land_shown(target, self.ids.to_read()) if found.to_read else 0
        is_gone = marks_gone and found.missing + found.gone_for_good > 0
        purged = self._land_gone(target, self.ids.gone(), source) if is_gone else 0
        swept = replace(swept, rows_found=rows_found, rows_purged=purged)
        return replace(swept, message=swept.sentence())

    def _is_too_many(self, target: SweepTarget, found: Differences) -> bool:
        tolerated = max(_HANDFUL, _LARGEST_SHARE * found.alive, self.accepted.get(target.declared.name, 0))
        return found.missing > tolerated

    def _read_ids(self, target: SweepTarget) -> str:
        """All ids at the source, proven complete; how they came (rest, bulk)."""
        try:
            return self._read_ids_once(target)
        except (HalfPage, CountMismatch, BulkJobFailed):
            return self._read_ids_once(target)

    def _read_ids_once(self, target: SweepTarget) -> str:
        self.ids.clear()
        counted = rest.count_rows(self.reader.client, target.declared.name, target.condition)
        soql = target.statement(target.id_columns, target.condition)
        received, reported, source = 0, 0, "rest"
        for page in self._pages(soql, target.id_columns, counted, _ID_PAGE_ROWS) if counted else ():
            self.ids.add(page.rows)
            received, reported, source = received + page.rows.num_rows, page.rows_reported, page.source
            self.reader.progress(target.declared.stream, received, counted)
        distinct = self.ids.distinct()
        if not distinct == reported == counted:
            raise CountMismatch(
                f"{distinct} ids received, {reported} reported, {counted} counted",
                where=target.declared.name,
                remedy="the sweep is made again by the next run",
            )
        return source

    def _land_shown(self, target: SweepTarget, wanted: pa.Table) -> int:
        """Read what the org shows otherwise than the log has it, by id or, if it is much, whole; new facts."""
        if wanted.num_rows > _MOST_READ_BY_ID:
            counted = rest.count_rows(self.reader.client, target.declared.name, target.condition)
            return self._land(target, target.condition, counted)
        starts = range(0, wanted.num_rows, _IDS_PER_STATEMENT)
        parts = [wanted["record_id"].slice(start, _IDS_PER_STATEMENT) for start in starts]
        return sum([self._land(target, _among(part), len(part)) for part in parts])

    def _land(self, target: SweepTarget, condition: str, rows_expected: int) -> int:
        columns = tuple(target.described.types)
        soql = target.statement(columns, condition)
        received = reported = appended = 0
        for page in self._pages(soql, columns, rows_expected, self.reader.options.bulk_page_rows):
            landed = self.reader.log.append_observed(
                target.declared.stream,
                page.rows,
                run_id=self.reader.run_id,
                source=page.source,
                observed_at=self.reader.clock(),
                window=_label(target),
            )
            received, reported = received + page.rows.num_rows, page.rows_reported
            appended += landed.appended
        if received != reported:
            told = f"{received} of {reported} rows came"
            raise HalfPage(told, where=target.declared.name, remedy="the sweep is made again by the next run")
        return appended

    def _land_gone(self, target: SweepTarget, gone: pa.Table, source: str) -> int:
        landed = self.reader.log.append_gone(
            target.declared.stream,
            gone,
            kind="purged",
            run_id=self.reader.run_id,
            source=source,
            observed_at=self.reader.clock(),
            window=_label(target),
        )
        return landed.appended

    def _pages(
        self, soql: str, columns: Sequence[str], rows_expected: int, page_rows: int
    ) -> Iterator[_Page]:
        client = self.reader.client
        job_id = self._bulk_job(soql, rows_expected)
        if job_id is None:
            for answer in rest.read_pages(client, self.reader.parser, soql, columns):
                yield _Page(answer.rows, answer.total_rows, "rest")
            return
        job = bulk.wait_for_job(client, job_id, sleep=self.reader.options.sleep)
        for page in bulk.result_pages(client, job, columns, page_rows=page_rows):
            yield _Page(page.rows, job.rows_processed, "bulk")

    def _bulk_job(self, soql: str, rows_expected: int) -> str | None:
        """A job for what is too large for REST; None where REST is the way, or Bulk refuses the object."""
        client = self.reader.client
        is_large = rows_expected > self.reader.options.bulk_from_rows or len(soql) > LONGEST_REST_STATEMENT
        if not is_large:
            return None
        if client.budget.bulk_jobs_left is None:
            client.limits()
        if client.budget.bulk_jobs_left == 0:
            return None
        try:
            return bulk.create_job(client, soql)
        except (MissingObject, RequestRefused):
            return None


def _among(record_ids: pa.ChunkedArray[Any]) -> str:
    listed = ",".join(f"'{each}'" for each in record_ids.to_pylist())
    return f" WHERE Id IN ({listed})"


def _label(target: SweepTarget) -> str:
    return f"sweep/{soql_instant(target.to_at)}"


def _refusal(name: str, found: Differences) -> str:
    return (
        f"id sweep: {found.missing} of {found.alive} living records are no longer shown, too many at once to "
        f"take them for deleted; none was marked. Give the integration user back its view of them, or, if "
        f"they were deleted, run once with the setting accept_gone "
        f"(GYAKUSAN_ACCEPT_GONE='{{\"{name}\": {found.missing}}}')"
    )
