"""Bulk API 2.0 queries on the shared session, so that tokens renew and calls count; CSV goes straight to
Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
from pyarrow import csv
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import HTTPError

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import (
    BulkJobFailed,
    BulkJobUnfinished,
    HalfPage,
    UnreachableHost,
)
from connectors.salesforce.reading.read_ahead import Wanted, WantedStream, read_ahead

_BLOCK_BYTES = 4 << 20
_PAGE_ATTEMPTS = 3
# Bytes of text in a page. A first page is short: how long an org's rows are shows only there.
PAGE_BYTES = 64 << 20
_FIRST_PAGE_ROWS = 5_000


@dataclass(frozen=True)
class BulkJob:
    """A complete query job; `rows_processed` is its numberRecordsProcessed."""

    job_id: str
    rows_processed: int
    object_name: str = ""


def create_job(client: SalesforceClient, soql: str) -> str:
    """Hand in a queryAll job (deleted and archived rows included); its id."""
    reply = client.call("POST", "jobs/query", json={"operation": "queryAll", "query": soql})
    return str(reply.json()["id"])


def wait_for_job(
    client: SalesforceClient, job_id: str, *, sleep: Callable[[float], None], longest_seconds: float = 3600.0
) -> BulkJob:
    """Poll until the job is complete. Raises BulkJobFailed when it ends otherwise, BulkJobUnfinished when it
    has not ended in time.
    """
    waited, pause = 0.0, 0.05
    while waited < longest_seconds:
        status = client.call("GET", f"jobs/query/{job_id}").json()
        if status["state"] == "JobComplete":
            rows = int(status.get("numberRecordsProcessed") or 0)
            return BulkJob(job_id, rows, status.get("object", ""))
        if status["state"] in ("Failed", "Aborted"):
            words = status.get("errorMessage") or "no reason given"
            raise BulkJobFailed(
                f"the Bulk job ended as {status['state']}: {words}", where=job_id, remedy="run again"
            )
        sleep(pause)
        waited += pause
        pause = min(pause * 1.6, 10.0)
    raise BulkJobUnfinished(
        f"the Bulk job did not end within {longest_seconds:.0f} s",
        where=job_id,
        remedy="run again later: the job goes on and is waited for",
    )


@dataclass(frozen=True)
class ResultPage:
    """Rows of a job's results as text columns; `next_locator` reads on behind them, None after the last."""

    rows: pa.Table
    next_locator: str | None


def result_pages(
    client: SalesforceClient,
    job: BulkJob,
    columns: Sequence[str],
    *,
    page_rows: int,
    locator: str | None = None,
) -> Iterator[ResultPage]:
    """The results from `locator` on (None: from the start), at most `page_rows` rows to a page and fewer where
    rows are long: memory holds two pages, the caller's and the next one on its way, whatever the job's size.

    A page that breaks off is read again from its locator. Raises HalfPage when it stays broken.
    """

    def from_locator(locator: str | None, rows: int) -> Callable[[Wanted], ResultPage]:
        return lambda wanted: _retrying()(_result_page, client, job, columns, locator, rows, wanted)

    def following(page: ResultPage) -> Callable[[Wanted], ResultPage] | None:
        rows = min(page_rows, rows_that_fit(page.rows))
        return from_locator(page.next_locator, rows) if page.next_locator else None

    return read_ahead(from_locator(locator, min(page_rows, _FIRST_PAGE_ROWS)), following)


def rows_that_fit(rows: pa.Table) -> int:
    """How many rows as long as these make a page of `PAGE_BYTES`; at least one."""
    return max(1, PAGE_BYTES * max(1, rows.num_rows) // max(1, rows.nbytes))


def _retrying() -> Retrying:
    return Retrying(
        stop=stop_after_attempt(_PAGE_ATTEMPTS), retry=retry_if_exception_type(HalfPage), reraise=True
    )


def _result_page(
    client: SalesforceClient,
    job: BulkJob,
    columns: Sequence[str],
    locator: str | None,
    page_rows: int,
    wanted: Wanted,
) -> ResultPage:
    wanted.check()
    params: dict[str, str] = {"maxRecords": str(page_rows)} | ({"locator": locator} if locator else {})
    path = f"jobs/query/{job.job_id}/results"
    with closing(
        client.call("GET", path, params=params, headers={"Accept": "text/csv"}, stream=True)
    ) as reply:
        announced = reply.headers.get("Sforce-NumberOfRecords")
        # Without this, urllib3 hands over the bytes as compressed on the wire.
        reply.raw.decode_content = True
        is_empty = announced == "0" or job.rows_processed == 0
        rows = _read_page(WantedStream(reply.raw, wanted), columns, is_empty=is_empty)
    if announced is not None and rows.num_rows != int(announced):
        raise HalfPage(
            f"a page of Bulk results gave {rows.num_rows} of {announced} rows", where=path, remedy="run again"
        )
    following = reply.headers.get("Sforce-Locator", "null")
    return ResultPage(rows, None if following in ("null", "") else following)


def _read_page(stream: WantedStream, columns: Sequence[str], *, is_empty: bool) -> pa.Table:
    if is_empty:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    try:
        return read_csv(stream, columns)
    except (HTTPError, OSError, pa.ArrowInvalid, pa.ArrowKeyError, UnreachableHost) as error:
        raise HalfPage(
            f"a page of Bulk results broke off ({type(error).__name__})",
            where="jobs/query",
            remedy="run again",
        ) from error


def read_csv(stream: Any, columns: Sequence[str]) -> pa.Table:
    """CSV with a header to text columns, block by block. Empty is null; `NA` and `null` are values."""
    reader = csv.open_csv(
        cast(Any, stream),
        read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return reader.read_all()
