"""Bulk API 2.0 queries on the shared session, so that tokens renew and calls count; CSV goes straight to
Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import requests
from pyarrow import csv
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import HTTPError

from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.errors import BulkJobFailed, HalfPage, UnreachableHost

_BLOCK_BYTES = 4 << 20
_PAGE_ATTEMPTS = 3


@dataclass(frozen=True)
class BulkJob:
    """A finished query job; `rows_processed` is its numberRecordsProcessed."""

    job_id: str
    rows_processed: int


def create_job(client: SalesforceClient, soql: str) -> str:
    """Hand in a queryAll job (deleted and archived rows included); its id."""
    reply = client.call("POST", "jobs/query", json={"operation": "queryAll", "query": soql})
    return str(reply.json()["id"])


def wait_for_job(
    client: SalesforceClient, job_id: str, *, sleep: Callable[[float], None], longest_seconds: float = 3600.0
) -> BulkJob:
    """Poll until the job is complete. Raises BulkJobFailed when it ends otherwise or not in time."""
    waited, pause = 0.0, 0.05
    while waited < longest_seconds:
        status = client.call("GET", f"jobs/query/{job_id}").json()
        if status["state"] == "JobComplete":
            return BulkJob(job_id, int(status.get("numberRecordsProcessed") or 0))
        if status["state"] in ("Failed", "Aborted"):
            words = status.get("errorMessage") or "no reason given"
            raise BulkJobFailed(
                f"the Bulk job ended as {status['state']}: {words}", where=job_id, remedy="run again"
            )
        sleep(pause)
        waited += pause
        pause = min(pause * 1.6, 10.0)
    raise BulkJobFailed(
        f"the Bulk job did not end within {longest_seconds:.0f} s", where=job_id, remedy="run again later"
    )


def result_pages(
    client: SalesforceClient, job: BulkJob, columns: Sequence[str], *, page_rows: int
) -> Iterator[pa.Table]:
    """The results as tables of text, at most `page_rows` each: memory holds one page whatever the job's size.

    A page that breaks off is read again from its locator. Raises HalfPage when it stays broken.
    """
    locator: str | None = None
    retrying = Retrying(
        stop=stop_after_attempt(_PAGE_ATTEMPTS), retry=retry_if_exception_type(HalfPage), reraise=True
    )
    while True:
        rows, locator = retrying(_result_page, client, job, columns, locator, page_rows)
        if rows.num_rows:
            yield rows
        if locator is None:
            return


def _result_page(
    client: SalesforceClient, job: BulkJob, columns: Sequence[str], locator: str | None, page_rows: int
) -> tuple[pa.Table, str | None]:
    params: dict[str, str] = {"maxRecords": str(page_rows)} | ({"locator": locator} if locator else {})
    path = f"jobs/query/{job.job_id}/results"
    with closing(
        client.call("GET", path, params=params, headers={"Accept": "text/csv"}, stream=True)
    ) as reply:
        announced = reply.headers.get("Sforce-NumberOfRecords")
        rows = _read_page(reply, columns, is_empty=announced == "0" or job.rows_processed == 0)
    if announced is not None and rows.num_rows != int(announced):
        raise HalfPage(
            f"a page of Bulk results gave {rows.num_rows} of {announced} rows", where=path, remedy="run again"
        )
    following = reply.headers.get("Sforce-Locator", "null")
    return rows, None if following in ("null", "") else following


def _read_page(reply: requests.Response, columns: Sequence[str], *, is_empty: bool) -> pa.Table:
    if is_empty:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    # Without this, urllib3 hands over the bytes as compressed on the wire.
    reply.raw.decode_content = True
    try:
        return read_csv(reply.raw, columns)
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
