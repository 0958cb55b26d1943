"""The ASGI application: paths to routes, and what holds for every request (token, limit, faults, limit header)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from urllib.parse import parse_qsl, unquote

import anyio.to_thread
import duckdb
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from connectors.sandbox import routes_org, routes_query, routes_records
from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.faults import Struck
from connectors.sandbox.replies import error_reply
from connectors.sandbox.server import Call, Server

Route = Callable[[Server, Call], Response]
_DATA = r"/services/data/v(?P<version>\d+\.\d)"
_OBJECT = _DATA + r"/sobjects/(?P<object>\w+)"
_JOB = _DATA + r"/jobs/query/(?P<job_id>\w+)"

ROUTES: Iterable[tuple[str, Mapping[str, Route]]] = (
    (r"/services/data", {"GET": routes_org.versions}),
    (r"/services/oauth2/token", {"POST": routes_org.token}),
    (r"/services/oauth2/userinfo", {"GET": routes_org.userinfo}),
    (r"/sandbox/clock", {"GET": routes_org.get_clock, "PUT": routes_org.put_clock}),
    (r"/sandbox/faults", {"GET": routes_org.get_faults, "PUT": routes_org.put_faults}),
    (r"/sandbox/undelete", {"POST": routes_records.undelete}),
    (r"/sandbox/purge", {"POST": routes_records.purge}),
    (_DATA, {"GET": routes_org.resources}),
    (_DATA + r"/limits", {"GET": routes_org.limits}),
    (_DATA + r"/(?P<operation>(?i:query|queryAll))", {"GET": routes_query.run_query}),
    (_DATA + r"/(?P<operation>(?i:query|queryAll))/(?P<locator>[\w-]+)", {"GET": routes_query.more}),
    (_DATA + r"/jobs/query", {"GET": routes_query.list_jobs, "POST": routes_query.create_job}),
    (
        _JOB,
        {"GET": routes_query.get_job, "PATCH": routes_query.change_job, "DELETE": routes_query.delete_job},
    ),
    (_JOB + r"/results", {"GET": routes_query.job_results}),
    (_DATA + r"/sobjects", {"GET": routes_org.list_objects}),
    (_OBJECT, {"GET": routes_org.basic_object, "POST": routes_records.create}),
    (_OBJECT + r"/describe", {"GET": routes_org.describe_object}),
    (_OBJECT + r"/(?P<change>updated|deleted)", {"GET": routes_records.changed}),
    (
        _OBJECT + r"/(?P<id>[^/]+)",
        {"GET": routes_records.get, "PATCH": routes_records.update, "DELETE": routes_records.delete},
    ),
    (
        _OBJECT + r"/(?P<external>\w+)/(?P<value>[^/]+)",
        {
            "GET": routes_records.get_external,
            "PATCH": routes_records.upsert,
            "DELETE": routes_records.delete_external,
        },
    ),
    (
        _DATA + r"/composite/sobjects",
        {
            "POST": routes_records.create_many,
            "PATCH": routes_records.update_many,
            "DELETE": routes_records.delete_many,
        },
    ),
    (
        _DATA + r"/composite/sobjects/(?P<object>\w+)",
        {"GET": routes_records.get_many, "POST": routes_records.get_many},
    ),
    (_DATA + r"/composite/sobjects/(?P<object>\w+)/(?P<external>\w+)", {"PATCH": routes_records.upsert_many}),
)
_COMPILED = [(re.compile(pattern), methods) for pattern, methods in ROUTES]
_OPEN_PATHS = ("/services/data", "/services/oauth2/token")


class SandboxApp:
    """An ASGI application serving one org."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            body = await request.body()
            response = await anyio.to_thread.run_sync(self.reply, request, body)
            await response(scope, receive, send)

    def reply(self, request: Request, body: bytes) -> Response:
        """The reply to one request, errors included."""
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0].rstrip("/") or "/"
        struck = Struck(self.server.tokens, self.server.requests)
        try:
            response = self._served(request, path, body, struck)
        except SalesforceError as error:
            response = error_reply(error)
        except duckdb.Error as error:
            # What the checks let through and the database refuses (a LIMIT beyond 64 bits) is still a Salesforce reply.
            response = error_reply(SalesforceError("UNKNOWN_EXCEPTION", str(error).splitlines()[0], 500))
        if path.startswith("/services/data/"):
            response.headers["Sforce-Limit-Info"] = self.server.requests.header
        return _cut(response) if struck.cut_reply else response

    def _served(self, request: Request, path: str, body: bytes, struck: Struck) -> Response:
        if not path.startswith("/sandbox/") and path not in _OPEN_PATHS:
            self.server.faults.strike(path, request.query_params.get("q", ""), struck)
            self.server.tokens.check(request.headers.get("authorization", ""))
        if path.startswith("/services/data/"):
            self.server.requests.add(self.server.org.now().date())
        route, parameters = _find(path, request.method)
        return route(self.server, _call(request, parameters, body))


def _find(path: str, method: str) -> tuple[Route, Mapping[str, str]]:
    for pattern, methods in _COMPILED:
        found = pattern.fullmatch(path)
        if found and method in methods:
            return methods[method], {name: unquote(value) for name, value in found.groupdict().items()}
        if found:
            allowed = ",".join(methods)
            message = f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
            raise SalesforceError("METHOD_NOT_ALLOWED", message, 405)
    raise not_found()


def _call(request: Request, parameters: Mapping[str, str], body: bytes) -> Call:
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    origin = f"http://{request.headers.get('host', '127.0.0.1')}"
    return Call(request.method, parameters, query, request.headers, body, origin)


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
