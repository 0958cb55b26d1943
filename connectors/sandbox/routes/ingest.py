"""Bulk 2.0 ingest jobs over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from connectors.sandbox.bulk.ingest import OPERATIONS, IngestJob, IngestOrder
from connectors.sandbox.bulk.ingest_csv import DELIMITERS, LINE_ENDINGS
from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.query_faults import job_mishap
from connectors.sandbox.records.checks import external_field
from connectors.sandbox.routes.replies import datetime_text, empty_reply, json_reply
from connectors.sandbox.server import Call, Server

_PATH = "jobs/ingest"
_CHUNK_BYTES = 1024 * 1024
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


def create(server: Server, call: Call) -> Response:
    """POST /jobs/ingest: a job that waits for its data, or, as multipart/form-data, job and data in one."""
    content_type = call.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        parts = form_parts(call.body, content_type)
        job = _created(server, call, _json_part(parts.get("job", b"")))
        server.ingests.upload(job, parts.get("content", b""))
        _start(server, job)
        return json_reply(_job(job) | {"state": "UploadComplete"})
    return json_reply(_job(_created(server, call, call.json())))


def _json_part(text: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise SalesforceError("JSON_PARSER_ERROR", f"the part job is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "the part job must be a JSON object")
    return parsed


def form_parts(body: bytes, content_type: str) -> dict[str, bytes]:
    """The parts of a multipart form by name, byte for byte as they were sent."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise SalesforceError("INVALID_MULTIPART_REQUEST", "the form has no boundary")
    parts: dict[str, bytes] = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode())[1:]:
        head, _, content = piece.partition(b"\r\n\r\n")
        name = re.search(rb'name="?([^";\r\n]+)"?', head)
        if name:
            parts[name.group(1).decode("utf-8", "replace")] = content
    return parts


def _created(server: Server, call: Call, asked: Mapping[str, object]) -> IngestJob:
    return server.ingests.create(_order(server, asked), call.user_id, call.version)


def _order(server: Server, asked: Mapping[str, object]) -> IngestOrder:
    name, operation = str(asked.get("object") or ""), str(asked.get("operation") or "")
    entity = server.visible(name)
    if entity is None:
        raise SalesforceError(
            "INVALIDENTITY", f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."
        )
    given = {
        "operation": _one_of(operation, "operation", OPERATIONS),
        "delimiter": _one_of(asked.get("columnDelimiter") or "COMMA", "columnDelimiter", tuple(DELIMITERS)),
        "line_ending": _one_of(asked.get("lineEnding") or "LF", "lineEnding", tuple(LINE_ENDINGS)),
    }
    _one_of(asked.get("contentType") or "CSV", "contentType", ("CSV",))
    external = str(asked.get("externalIdFieldName") or "")
    if operation == "upsert":
        if not external:
            message = (
                f"InvalidJob : External ID was blank for {name}. An External ID must be specified for upsert."
            )
            raise SalesforceError("INVALIDJOB", message)
        try:
            external = external_field(entity, external).name
        except SalesforceError as error:
            raise SalesforceError("INVALIDJOB", f"InvalidJob : {error.message}") from error
    return IngestOrder(entity, external_field=external if operation == "upsert" else "", **given)


def _one_of(value: object, option: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise SalesforceError("INVALIDJOB", f"InvalidJob : {option} {value} is none of {', '.join(known)}")
    return str(value)


def list_jobs(server: Server, call: Call) -> Response:
    """GET /jobs/ingest."""
    return json_reply(
        {"done": True, "records": [_job(each) for each in server.ingests.all()], "nextRecordsUrl": None}
    )


def get_job(server: Server, call: Call) -> Response:
    """GET /jobs/ingest/{id}."""
    job = _found(server, call)
    # The state first: a job that completes meanwhile is not to be told complete with the counts of before.
    state = job.poll()
    return json_reply(_job(job) | _progress(job) | {"state": state})


def upload(server: Server, call: Call) -> Response:
    """PUT /jobs/ingest/{id}/batches: the CSV, once and whole."""
    server.ingests.upload(_found(server, call), call.body)
    return Response(status_code=201)


def change_job(server: Server, call: Call) -> Response:
    """PATCH /jobs/ingest/{id} with state UploadComplete or Aborted."""
    job, state = _found(server, call), call.json().get("state")
    if state == "Aborted":
        server.ingests.abort(job)
    elif state == "UploadComplete":
        _start(server, job)
    else:
        raise SalesforceError("INVALIDJOBSTATE", f"a job cannot be set to {state}")
    # The reply shows the job as closed even when a small one is complete by now.
    return json_reply(_job(job) | {"state": state})


def _start(server: Server, job: IngestJob) -> None:
    order = job.order
    server.ingests.close_upload(job, job_mishap(server.faults, _PATH, order.operation, order.entity.name))


def delete_job(server: Server, call: Call) -> Response:
    """DELETE /jobs/ingest/{id}."""
    server.ingests.delete(_found(server, call))
    return empty_reply()


def job_results(server: Server, call: Call) -> Response:
    """GET /jobs/ingest/{id}/successfulResults|failedResults|unprocessedrecords."""
    job = _found(server, call)
    path = job.files[re.sub("(results|records)$", "", call.parameters["kind"].lower())]
    if not job.has_results:
        raise SalesforceError("INVALIDJOBSTATE", f"Job {job.job_id} is {job.state}: it has no results yet")
    length = path.stat().st_size if path.exists() else 0
    headers = {"Content-Length": str(length)}
    return StreamingResponse(_chunks(path, length), headers=headers, media_type="text/csv;charset=UTF-8")


def _chunks(path: Path, length: int) -> Iterator[bytes]:
    if not length:
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _found(server: Server, call: Call) -> IngestJob:
    return server.ingests.get(call.parameters["job_id"])


def _job(job: IngestJob) -> dict[str, object]:
    order, version = job.order, job.api_version
    external = {"externalIdFieldName": order.external_field} if order.external_field else {}
    content = f"services/data/v{version}/{_PATH}/{job.job_id}/batches"
    return {
        "id": job.job_id, "operation": order.operation, "object": order.entity.name,
        "createdById": job.created_by_id, "createdDate": datetime_text(job.created_at),
        "systemModstamp": datetime_text(job.modified_at or job.created_at), "state": job.state, **external,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(version), "jobType": "V2Ingest",
        "contentUrl": content, "lineEnding": order.line_ending, "columnDelimiter": order.delimiter,
    }  # fmt: skip


def _progress(job: IngestJob) -> dict[str, object]:
    return {
        "retries": 0, "totalProcessingTime": 1, "apiActiveProcessingTime": 1, "apexProcessingTime": 0,
        "numberRecordsProcessed": job.processed, "numberRecordsFailed": job.failed,
        **({"errorMessage": job.error} if job.error else {}),
    }  # fmt: skip
