"""`/query`, `/queryAll` with paging, and Bulk 2.0 query jobs."""

from __future__ import annotations

import re

from starlette.responses import Response, StreamingResponse

from connectors.sandbox.bulk.ingest_csv import DELIMITERS
from connectors.sandbox.bulk.query_jobs import QueryJob
from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.query_faults import cut_part, job_mishap, shifts, shortened
from connectors.sandbox.routes.replies import datetime_text, empty_reply, json_reply, page_reply
from connectors.sandbox.server import Call, Server
from connectors.sandbox.soql.queries import MAXIMUM_PAGE, MINIMUM_PAGE, Page
from connectors.sandbox.soql.query_columns import column_metadata
from connectors.sandbox.soql.sql import translate


def run_query(server: Server, call: Call) -> Response:
    """GET /query?q= and /queryAll?q=."""
    soql = call.query.get("q")
    if not soql:
        raise SalesforceError("MALFORMED_QUERY", "SOQL query is required: give it as the parameter q")
    include_deleted = call.parameters["operation"].lower() == "queryall"
    query = translate(soql, server.context(include_deleted, call.version))
    if call.query.get("columns") == "true":
        return json_reply(column_metadata(query))
    page = server.pages.run(query, _page_size(call))
    page = shortened(server.faults, page, f"/{call.parameters['operation']}", soql, query.source.entity.name)
    return page_reply(page, _next_url(call, page))


def more(server: Server, call: Call) -> Response:
    """GET of a nextRecordsUrl."""
    query_id, _, start = call.parameters["locator"].rpartition("-")
    if not start.isdigit():
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    spooled, path = server.pages.cursor(query_id), f"/{call.parameters['operation']}/{query_id}"
    page = server.pages.more(query_id, int(start), shifts(server.faults, path, spooled))
    page = shortened(server.faults, page, path, spooled.soql, spooled.object_name)
    return page_reply(page, _next_url(call, page))


def _page_size(call: Call) -> int:
    found = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.IGNORECASE)
    return min(max(int(found.group(1)), MINIMUM_PAGE), MAXIMUM_PAGE) if found else MAXIMUM_PAGE


def _next_url(call: Call, page: Page) -> str | None:
    if page.next_start is None:
        return None
    below = f"{call.base}{call.parameters.get('tooling', '')}"
    return f"{below}/{call.parameters['operation']}/{page.query_id}-{page.next_start}"


def create_job(server: Server, call: Call) -> Response:
    """POST /jobs/query."""
    body = call.json()
    operation, soql = str(body.get("operation", "query")), body.get("query")
    if not isinstance(soql, str) or not soql.strip():
        raise SalesforceError("INVALIDJOB", "The query of the job is missing")
    if operation not in ("query", "queryAll"):
        raise SalesforceError("INVALIDJOB", f"Unsupported operation: {operation}")
    delimiter = str(body.get("columnDelimiter") or "COMMA")
    if delimiter not in DELIMITERS:
        raise SalesforceError("INVALIDJOB", f"columnDelimiter {delimiter} is none of {', '.join(DELIMITERS)}")
    for option, only in (("contentType", "CSV"), ("lineEnding", "LF")):
        if (body.get(option) or only) != only:
            raise SalesforceError(
                "INVALIDJOB", f"this sandbox supports {option} {only} only, not {body[option]}"
            )
    query = translate(soql, server.context(operation == "queryAll", call.version), bulk=True)
    mishap = job_mishap(server.faults, "/jobs/query", soql, query.source.entity.name)
    job = server.jobs.create(operation, soql, query, call.user_id, mishap, delimiter)
    # The reply shows the job as created even when a small one is complete by now.
    return json_reply(_job(server, job, call) | {"state": "UploadComplete"})


def list_jobs(server: Server, call: Call) -> Response:
    """GET /jobs/query."""
    records = [_job(server, each, call) for each in server.jobs.all()]
    return json_reply({"done": True, "records": records, "nextRecordsUrl": None})


def get_job(server: Server, call: Call) -> Response:
    """GET /jobs/query/{id}."""
    job = server.jobs.get(call.parameters["job_id"])
    return json_reply(_job(server, job, call) | _progress(job) | {"state": job.poll()})


def change_job(server: Server, call: Call) -> Response:
    """PATCH /jobs/query/{id} with state Aborted."""
    if call.json().get("state") != "Aborted":
        raise SalesforceError("INVALIDJOBSTATE", "a query job can only be set to Aborted")
    return json_reply(_job(server, server.jobs.abort(call.parameters["job_id"]), call))


def delete_job(server: Server, call: Call) -> Response:
    """DELETE /jobs/query/{id}."""
    server.jobs.delete(call.parameters["job_id"])
    return empty_reply()


def job_results(server: Server, call: Call) -> Response:
    """GET /jobs/query/{id}/results?maxRecords=&locator=, streamed from the job's file."""
    maximum = call.query.get("maxRecords")
    if maximum is not None and not maximum.isdigit():
        raise SalesforceError("INVALID_QUERY_LOCATOR", f"maxRecords must be a whole number, not {maximum}")
    locator = call.query.get("locator")
    part = server.jobs.results(
        call.parameters["job_id"], None if locator == "null" else locator, int(maximum) if maximum else None
    )
    job = server.jobs.get(call.parameters["job_id"])
    part, told = cut_part(server.faults, job, part, f"/jobs/query/{job.job_id}/results")
    headers = {
        "Sforce-Locator": "null" if part.next_row is None else str(part.next_row),
        "Content-Length": str(part.length),
    }
    headers |= {"Sforce-NumberOfRecords": told} if told is not None else {}
    return StreamingResponse(part.chunks(), headers=headers, media_type="text/csv;charset=UTF-8")


def _job(server: Server, job: QueryJob, call: Call) -> dict[str, object]:
    return {
        "id": job.job_id, "operation": job.operation, "object": job.query.source.entity.name,
        "createdById": job.created_by_id, "createdDate": datetime_text(job.created_at),
        "systemModstamp": datetime_text(job.modified_at or job.created_at), "state": job.state,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(call.version), "jobType": "V2Query",
        "lineEnding": "LF", "columnDelimiter": job.delimiter,
    }  # fmt: skip


def _progress(job: QueryJob) -> dict[str, object]:
    progress: dict[str, object] = {
        "numberRecordsProcessed": job.rows, "retries": 0, "totalProcessingTime": 1, "isPkChunkingSupported": True,
    }  # fmt: skip
    return progress | {"errorMessage": job.error} if job.error else progress
