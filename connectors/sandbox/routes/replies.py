"""Replies in the forms Salesforce gives them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.soql.queries import Page

JSON_TYPE = "application/json;charset=UTF-8"


def json_reply(content: object, status: int = 200) -> Response:
    """A JSON reply, text in UTF-8."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, media_type=JSON_TYPE)


def error_reply(error: SalesforceError) -> Response:
    """An error as REST wraps it: a list of one."""
    return json_reply([error.body()], error.status)


def empty_reply() -> Response:
    """204 No Content."""
    return Response(status_code=204)


def page_reply(page: Page, next_url: str | None) -> Response:
    """A page of records, whose texts are JSON already."""
    opening: dict[str, object] = {"totalSize": page.total_size, "done": next_url is None}
    if next_url:
        opening["nextRecordsUrl"] = next_url
    text = json.dumps(opening)[:-1] + ',"records":' + json_list(page.records) + "}"
    return Response(text.encode(), media_type=JSON_TYPE)


def json_list(texts: Sequence[str]) -> str:
    """A JSON list of texts that are JSON themselves."""
    return "[" + ",".join(texts) + "]"


def datetime_text(instant: datetime) -> str:
    """`2024-01-01T00:00:00.000+0000` of a UTC instant."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}+0000"
