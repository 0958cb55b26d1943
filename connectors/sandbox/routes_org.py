"""Replies about the org itself: versions, resources, login, limits, describe, and the sandbox's own switches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.responses import Response

from connectors.sandbox.access import OAuthError
from connectors.sandbox.describe import describe, global_describe
from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.replies import datetime_text, json_reply
from connectors.sandbox.server import Call, Server

_VERSIONS = range(50, 65)


def versions(server: Server, call: Call) -> Response:
    """GET /services/data: needs no token and counts as no request."""
    return json_reply(
        [
            {"label": f"v{number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in _VERSIONS
        ]
    )


def resources(server: Server, call: Call) -> Response:
    """GET /services/data/vNN.0."""
    names = ("query", "queryAll", "sobjects", "limits", "composite", "jobs")
    return json_reply(
        {name: f"{call.base}/{name}" for name in names} | {"identity": _identity_url(server, call)}
    )


def token(server: Server, call: Call) -> Response:
    """POST /services/oauth2/token."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)) | dict(call.query)
    try:
        granted = server.tokens.grant(form, call.headers.get("authorization", ""), server.org.organization_id)
    except OAuthError as error:
        return json_reply({"error": error.error, "error_description": error.description}, 400)
    issued_at = str(int(server.org.now().timestamp() * 1000))
    return json_reply(
        {"access_token": granted, "signature": "sandbox", "scope": "api", "instance_url": call.origin,
         "id": _identity_url(server, call), "token_type": "Bearer", "issued_at": issued_at}
    )  # fmt: skip


def userinfo(server: Server, call: Call) -> Response:
    """GET /services/oauth2/userinfo."""
    user_id = server.org.integration_user_id
    row = server.org.fetch_rows('select "Name", "Username", "Email" from "User" where "Id" = $1', [user_id])[
        0
    ]
    return json_reply(
        {"sub": _identity_url(server, call), "user_id": user_id, "organization_id": server.org.organization_id,
         "preferred_username": row["Username"], "name": row["Name"], "email": row["Email"], "active": True,
         "user_type": "STANDARD", "zoneinfo": str(server.org.time_zone),
         "urls": {"rest": f"{call.origin}/services/data/v{{version}}/"}}
    )  # fmt: skip


def _identity_url(server: Server, call: Call) -> str:
    return f"{call.origin}/id/{server.org.organization_id}/{server.org.integration_user_id}"


def limits(server: Server, call: Call) -> Response:
    """GET /limits."""
    requests = server.requests
    jobs = len(server.jobs.all())
    kept: Mapping[str, tuple[int, int]] = {
        "DailyApiRequests": (requests.maximum, requests.used),
        "DailyBulkV2QueryJobs": (10_000, jobs),
        "DailyBulkV2QueryFileStorageMB": (976_562, 0),
        "DailyBulkApiBatches": (15_000, 0),
        "ConcurrentSyncReportRuns": (20, 0),
        "DataStorageMB": (1_024, 0),
    }
    return json_reply(
        {name: {"Max": most, "Remaining": max(most - used, 0)} for name, (most, used) in kept.items()}
    )


def list_objects(server: Server, call: Call) -> Response:
    """GET /sobjects."""
    visible = [server.visible(name) for name in sorted(server.org.objects)]
    described = [global_describe(each, call.base) for each in visible if each is not None]
    return json_reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": described})


def describe_object(server: Server, call: Call) -> Response:
    """GET /sobjects/X/describe."""
    return json_reply(describe(server.org, server.entity(call.parameters["object"]), call.base))


def basic_object(server: Server, call: Call) -> Response:
    """GET /sobjects/X."""
    entity = server.entity(call.parameters["object"])
    return json_reply({"objectDescribe": global_describe(entity, call.base), "recentItems": []})


def get_clock(server: Server, call: Call) -> Response:
    """GET /sandbox/clock."""
    return json_reply({"now": datetime_text(server.org.now()), "frozen": server.org.is_clock_frozen})


def put_clock(server: Server, call: Call) -> Response:
    """PUT /sandbox/clock {"now": instant or null}: freezes the clock there, or lets it run again."""
    server.org.set_clock(clock_instant(call.json().get("now")))
    return get_clock(server, call)


def clock_instant(text: object) -> datetime | None:
    """An aware instant from its ISO text (UTC when no offset is given); None stays None."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise SalesforceError(
            "INVALID_INPUT", f"the clock needs an ISO date and time, not {text!r}"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def get_faults(server: Server, call: Call) -> Response:
    """GET /sandbox/faults."""
    return json_reply([vars(each) for each in server.faults.active])


def put_faults(server: Server, call: Call) -> Response:
    """PUT /sandbox/faults {"faults": [{"name", …}]}: replaces the list; an empty one clears it."""
    wanted = call.json().get("faults")
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise SalesforceError("INVALID_INPUT", 'give {"faults": [{"name": …}, …]}')
    server.faults.replace(wanted)
    return get_faults(server, call)
