"""What faults do to a single request and to the reply to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.login.access import RequestCount, Tokens


@dataclass
class Struck:
    """What the faults of one request touch: tokens, the request count, and what is to become of the reply."""

    tokens: Tokens
    requests: RequestCount
    cut_reply: bool = False
    lose_reply: bool = False
    date_skew_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


def _expire_token(struck: Struck, seconds: float, limit: int | None) -> None:
    struck.tokens.expire_all()


def _error_503(struck: Struck, seconds: float, limit: int | None) -> None:
    raise SalesforceError(
        "SERVER_UNAVAILABLE", "The server is temporarily unavailable. Please try again later.", 503
    )


def _too_many_requests(struck: Struck, seconds: float, limit: int | None) -> None:
    struck.headers["Retry-After"] = f"{seconds:g}"
    raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "Too many requests. Please try again later.", 429)


def _request_limit(struck: Struck, seconds: float, limit: int | None) -> None:
    if limit is None or struck.requests.used >= limit:
        raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)


def _concurrent_limit(struck: Struck, seconds: float, limit: int | None) -> None:
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    raise SalesforceError("REQUEST_LIMIT_EXCEEDED", message, 403)


def _slow(struck: Struck, seconds: float, limit: int | None) -> None:
    time.sleep(seconds)


def _truncated_page(struck: Struck, seconds: float, limit: int | None) -> None:
    struck.cut_reply = True


def _lost_reply(struck: Struck, seconds: float, limit: int | None) -> None:
    struck.lose_reply = True


def _clock_skew(struck: Struck, seconds: float, limit: int | None) -> None:
    struck.date_skew_seconds += seconds


REQUEST_FAULTS: Mapping[str, Callable[[Struck, float, int | None], None]] = {
    "clock_skew": _clock_skew,
    "slow": _slow,
    "lost_reply": _lost_reply,
    "truncated_page": _truncated_page,
    "expire_token": _expire_token,
    "error_503": _error_503,
    "too_many_requests": _too_many_requests,
    "request_limit": _request_limit,
    "concurrent_limit": _concurrent_limit,
}
"""Faults that need to know nothing but the request; each may raise the error that is the reply."""


class LostReply(Response):
    """No reply at all: the connection closes after the request was served."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # ASGI knows no way to hang up; uvicorn's `send` is a method of what holds the connection.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is None:
            await super().__call__(scope, receive, send)
            return
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
