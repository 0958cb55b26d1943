"""Faults that fall on the answers of queries: pages that shift or come short, CSV cut off, jobs that fail or dawdle."""

from __future__ import annotations

from dataclasses import replace

from connectors.sandbox.bulk.query_jobs import Mishap, QueryJob, ResultPart
from connectors.sandbox.faults.faults import Fault, Faults
from connectors.sandbox.soql.queries import Page, Spooled


def shifts(faults: Faults, path: str, spooled: Spooled) -> bool:
    """Whether a later page is to start a row early: one row comes twice, one never."""
    found = faults.take("shifting_pages", path=path, soql=spooled.soql, object_name=spooled.object_name)
    return found is not None


def shortened(faults: Faults, page: Page, path: str, soql: str, object_name: str) -> Page:
    """A page, without its last rows when a fault takes them; its totalSize stays."""
    fault = faults.take("short_page", path=path, soql=soql, object_name=object_name) if page.records else None
    return replace(page, records=page.records[: max(len(page.records) - fault.rows, 0)]) if fault else page


def job_mishap(faults: Faults, path: str, soql: str, object_name: str) -> Mishap | None:
    """What becomes of a new Bulk job instead of completing at once."""
    failed = faults.take("bulk_job_failed", path=path, soql=soql, object_name=object_name)
    slow = faults.take("bulk_job_slow", path=path, soql=soql, object_name=object_name)
    if failed is None and slow is None:
        return None
    message = (failed.message or "InternalServerError : the job broke off") if failed else ""
    return Mishap(failed.state if failed else "", message, slow.polls if slow else 0)


def cut_part(faults: Faults, job: QueryJob, part: ResultPart, path: str) -> tuple[ResultPart, str | None]:
    """Results as they are sent, and the number Sforce-NumberOfRecords tells (None: the header is left out)."""
    name = job.query.source.entity.name
    fault = faults.take("truncated_csv", path=path, soql=job.soql, object_name=name) if part.rows else None
    if fault is None:
        return part, str(part.rows)
    rows = max(part.rows - fault.rows, 0)
    told = {"whole": str(part.rows), "cut": str(rows), "absent": None}.get(fault.count_header, str(part.rows))
    return replace(part, end=_end(job, part, rows, fault), rows=rows), told


def _end(job: QueryJob, part: ResultPart, rows: int, fault: Fault) -> int:
    assert job.offsets is not None
    first = (job.rows if part.next_row is None else part.next_row) - part.rows
    end = int(job.offsets[first + rows])
    return (end + int(job.offsets[first + rows + 1])) // 2 if fault.mid_row else end
