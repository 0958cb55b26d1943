"""The ASGI application: paths to routes, and what holds for every request (token, limit, faults, limit header)."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote

import anyio.to_thread
import duckdb
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.faults.faults import locked_row
from connectors.sandbox.faults.struck import LostReply, Struck
from connectors.sandbox.routes import composite, ingest, login, org, query, records, switches
from connectors.sandbox.routes.replies import error_reply
from connectors.sandbox.server import Call, Server

Route = Callable[[Server, Call], Response]
_DATA = r"/services/data/v(?P<version>\d+\.\d)"
_OBJECT = _DATA + r"/sobjects/(?P<object>\w+)"
_JOB = _DATA + r"/jobs/query/(?P<job_id>\w+)"
_INGEST = _DATA + r"/jobs/ingest/(?P<job_id>\w+)"

ROUTES: Iterable[tuple[str, Mapping[str, Route]]] = (
    (r"/services/data", {"GET": org.versions}),
    (r"/services/oauth2/token", {"POST": login.token}),
    (r"/services/oauth2/authorize", {"GET": login.authorize}),
    (r"/services/oauth2/revoke", {"GET": login.revoke, "POST": login.revoke}),
    (r"/services/oauth2/introspect", {"POST": login.introspect}),
    (r"/services/oauth2/userinfo", {"GET": login.userinfo, "POST": login.userinfo}),
    (r"/id/(?P<organization>\w+)/(?P<user>\w+)", {"GET": login.identity}),
    (
        r"/services/Soap/(?P<kind>(?i:[uc]))/(?P<version>\d+\.\d)(?:/\w+)?",
        {"POST": login.soap_call},
    ),
    (r"/sandbox/logins", {"PUT": login.put_logins}),
    (r"/sandbox/clock", {"GET": org.get_clock, "PUT": org.put_clock}),
    (r"/sandbox/faults", {"GET": switches.get_faults, "PUT": switches.put_faults}),
    (r"/sandbox/features", {"GET": switches.get_features, "PUT": switches.put_features}),
    (r"/sandbox/fields", {"POST": switches.change_field}),
    (r"/sandbox/archive", {"POST": switches.archive}),
    (r"/sandbox/commit", {"POST": switches.commit}),
    (r"/sandbox/merge", {"POST": switches.merge}),
    (
        r"/sandbox/replication",
        {"GET": switches.get_replication, "PUT": switches.put_replication},
    ),
    (r"/sandbox/undelete", {"POST": records.undelete}),
    (r"/sandbox/purge", {"POST": records.purge}),
    (_DATA, {"GET": org.resources}),
    (_DATA + r"/limits", {"GET": org.limits}),
    (_DATA + r"(?P<tooling>/tooling)?/(?P<operation>query|queryAll)", {"GET": query.run_query}),
    (
        _DATA + r"(?P<tooling>/tooling)?/(?P<operation>query|queryAll)/(?P<locator>[\w-]+)",
        {"GET": query.more},
    ),
    (_DATA + r"/tooling", {"GET": org.tooling_resources}),
    (_DATA + r"/jobs/query", {"GET": query.list_jobs, "POST": query.create_job}),
    (
        _JOB,
        {"GET": query.get_job, "PATCH": query.change_job, "DELETE": query.delete_job},
    ),
    (_JOB + r"/results", {"GET": query.job_results}),
    (_DATA + r"/jobs/ingest", {"GET": ingest.list_jobs, "POST": ingest.create}),
    (
        _INGEST,
        {"GET": ingest.get_job, "PATCH": ingest.change_job, "DELETE": ingest.delete_job},
    ),
    (_INGEST + r"/batches", {"PUT": ingest.upload}),
    (
        _INGEST + r"/(?P<kind>successfulResults|failedResults|unprocessedRecords)",
        {"GET": ingest.job_results},
    ),
    (_DATA + r"/sobjects", {"GET": org.list_objects}),
    (_OBJECT, {"GET": org.basic_object, "POST": records.create}),
    (_OBJECT + r"/describe", {"GET": org.describe_object}),
    (_OBJECT + r"/(?P<change>updated|deleted)", {"GET": records.changed}),
    (
        _OBJECT + r"/(?P<id>[^/]+)",
        {"GET": records.get, "PATCH": records.update, "DELETE": records.delete},
    ),
    (
        _OBJECT + r"/(?P<external>\w+)/(?P<value>[^/]+)",
        {
            "GET": records.get_external,
            "PATCH": records.upsert,
            "DELETE": records.delete_external,
        },
    ),
    (
        _DATA + r"/composite/sobjects",
        {
            "POST": records.create_many,
            "PATCH": records.update_many,
            "DELETE": records.delete_many,
        },
    ),
    (
        _DATA + r"/composite/sobjects/(?P<object>\w+)",
        {"GET": records.get_many, "POST": records.get_many},
    ),
    (_DATA + r"/composite/sobjects/(?P<object>\w+)/(?P<external>\w+)", {"PATCH": records.upsert_many}),
    (_DATA + r"/composite", {"GET": org.composite_resources, "POST": composite.composite}),
    (_DATA + r"/composite/batch", {"POST": composite.batch}),
    (_DATA + r"/composite/tree/(?P<object>\w+)", {"POST": composite.tree}),
)
_COMPILED = [(re.compile(pattern, re.IGNORECASE), methods) for pattern, methods in ROUTES]
MAXIMUM_BODY_BYTES = 150 * 1024 * 1024
_OPEN_PATHS = (
    "/services/data",
    *(f"/services/oauth2/{each}" for each in ("token", "authorize", "revoke", "introspect")),
)
_OPEN_BELOW = ("/sandbox/", "/services/Soap/", "/id/")


class SandboxApp:
    """An ASGI application serving one org."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.dispatch = self.dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            body = await read_body(request)
            response = await anyio.to_thread.run_sync(self.reply, request, body)
            await response(scope, receive, send)

    def reply(self, request: Request, body: bytes | None) -> Response:
        """The reply to one request, errors included; a body of None was too large to be read."""
        # Clients join addresses carelessly: slashes doubled in front and left at the end mean nothing to Salesforce.
        path = "/" + request.scope["raw_path"].decode("latin-1").partition("?")[0].strip("/")
        struck = Struck(self.server.tokens, self.server.requests)
        response = _answered(lambda: self._served(request, path, body, struck))
        if path.startswith("/services/data/"):
            response.headers["Sforce-Limit-Info"] = self.server.requests.header
        response.headers["Date"] = self._date(struck.date_skew_seconds)
        response.headers.update(struck.headers)
        if struck.lose_reply:
            return LostReply()
        return _cut(response) if struck.cut_reply else response

    def _date(self, skew_seconds: float) -> str:
        """The Date header: the org's own clock, which need not be the machine's."""
        return format_datetime(self.server.org.now() + timedelta(seconds=skew_seconds), usegmt=True)

    def dispatch(self, outer: Call, method: str, url: str, body: bytes) -> Response:
        """The reply to a request inside another one, as the same caller; errors included."""
        path, _, query = url.partition("?")
        inner = replace(outer, method=method, query=dict(parse_qsl(query, keep_blank_values=True)), body=body)
        return _answered(lambda: self._routed("/" + path.strip("/"), inner))

    def _served(self, request: Request, path: str, body: bytes | None, struck: Struck) -> Response:
        if body is None:
            raise SalesforceError("EXCEEDED_MAX_SIZE_REQUEST", "Request Entity Too Large", 413)
        user_id = ""
        if not path.startswith(_OPEN_BELOW) and path not in _OPEN_PATHS:
            soql = body.decode("utf-8", "replace") if path.endswith("/jobs/query") else ""
            self.server.faults.strike(path, request.query_params.get("q", soql), struck)
            user_id = self.server.tokens.check(request.headers.get("authorization", "")).user_id
        if path.startswith("/services/data/"):
            self.server.requests.add(self.server.org.now().date())
        self.server.org.commit_late()
        return self._routed(path, _call(request, body, user_id))

    def _routed(self, path: str, call: Call) -> Response:
        route, parameters = _find(path, call.method)
        return route(self.server, replace(call, parameters=parameters))


def _answered(serve: Callable[[], Response]) -> Response:
    try:
        return serve()
    except SalesforceError as error:
        return error_reply(error)
    except duckdb.TransactionException:
        # Somebody else's transaction holds the row.
        return error_reply(locked_row())
    except duckdb.Error as error:
        # What the checks let through and the database refuses (a LIMIT beyond 64 bits) is still a Salesforce reply.
        return error_reply(SalesforceError("UNKNOWN_EXCEPTION", str(error).splitlines()[0], 500))


async def read_body(request: Request) -> bytes | None:
    """The request's body, unpacked when it is sent gzipped; None when it is larger than MAXIMUM_BODY_BYTES."""
    chunks, size = [], 0
    async for chunk in request.stream():
        # The rest of one too large is read and dropped: a client that is cut off in sending sees no reply.
        size += len(chunk)
        if size <= MAXIMUM_BODY_BYTES:
            chunks.append(chunk)
    body = b"".join(chunks) if size <= MAXIMUM_BODY_BYTES else None
    if body and request.headers.get("content-encoding", "").lower() == "gzip":
        return _unpacked(body)
    return body


def _unpacked(body: bytes) -> bytes | None:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(body, MAXIMUM_BODY_BYTES)
    except zlib.error:
        return b""
    return None if unpacking.unconsumed_tail else unpacked


def _find(path: str, method: str) -> tuple[Route, Mapping[str, str]]:
    for pattern, methods in _COMPILED:
        found = pattern.fullmatch(path)
        if found and method in methods:
            given = {name: value for name, value in found.groupdict().items() if value is not None}
            return methods[method], {name: unquote(value) for name, value in given.items()}
        if found:
            allowed = ",".join(methods)
            message = f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
            raise SalesforceError("METHOD_NOT_ALLOWED", message, 405)
    raise not_found()


def _call(request: Request, body: bytes, user_id: str) -> Call:
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    origin = f"http://{request.headers.get('host', '127.0.0.1')}"
    return Call(request.method, {}, query, request.headers, body, origin, user_id)


def _cut(response: Response) -> Response:
    """Half of a reply under the length of the whole: the connection breaks off."""
    if isinstance(response, StreamingResponse):
        length = int(response.headers["content-length"])
        return _broken(response, _first_bytes(response.body_iterator, length // 2))
    body = bytes(response.body)
    return _broken(response, _as_stream(body[: len(body) // 2]))


def _broken(response: Response, half: AsyncIterator[bytes]) -> Response:
    cut = StreamingResponse(half, response.status_code)
    cut.raw_headers = response.raw_headers
    return cut


async def _as_stream(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _first_bytes(chunks: AsyncIterable[bytes | str | memoryview], length: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield (chunk.encode() if isinstance(chunk, str) else bytes(chunk))[:length]
        length -= len(chunk)
        if length <= 0:
            return


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
