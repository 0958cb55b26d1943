"""Replies about the org itself: versions, resources, login, limits, describe, and the sandbox's own switches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.routes.login import identity_url
from connectors.sandbox.routes.replies import datetime_text, json_reply
from connectors.sandbox.schema.describe import describe, global_describe
from connectors.sandbox.server import Call, Server

_VERSIONS = range(50, 65)
_LIMITS: Mapping[str, int] = {
    "ActiveScratchOrgs": 3, "AnalyticsExternalDataSizeMB": 40_960, "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5, "ConcurrentSyncReportRuns": 20, "DailyApiRequests": 100_000,
    "DailyAsyncApexExecutions": 250_000, "DailyBulkApiBatches": 15_000, "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyBulkV2QueryJobs": 10_000, "DailyDurableGenericStreamingApiEvents": 10_000,
    "DailyDurableStreamingApiEvents": 10_000, "DailyGenericStreamingApiEvents": 10_000, "DailyScratchOrgs": 6,
    "DailyStandardVolumePlatformEvents": 10_000, "DailyStreamingApiEvents": 10_000, "DailyWorkflowEmails": 100_000,
    "DataStorageMB": 1_024, "FileStorageMB": 1_024, "HourlyAsyncReportRuns": 1_200, "HourlyDashboardRefreshes": 200,
    "HourlyODataCallout": 10_000, "HourlyPublishedPlatformEvents": 50_000, "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 50, "MassEmail": 5_000, "Package2VersionCreates": 6, "PermissionSets": 1_500,
    "SingleEmail": 5_000, "StreamingApiConcurrentClients": 20,
}  # fmt: skip
"""What /limits tells, with the day's or the hour's maximum; what the sandbox does not count is always whole."""


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
    names = ("composite", "jobs", "limits", "query", "queryAll", "sobjects", "tooling")
    return json_reply(
        {name: f"{call.base}/{name}" for name in names}
        | {"identity": identity_url(server, call, call.user_id)}
    )


def composite_resources(server: Server, call: Call) -> Response:
    """GET /composite."""
    return json_reply({name: f"{call.base}/composite/{name}" for name in ("batch", "sobjects", "tree")})


def tooling_resources(server: Server, call: Call) -> Response:
    """GET /tooling."""
    return json_reply({"query": f"{call.base}/tooling/query"})


def limits(server: Server, call: Call) -> Response:
    """GET /limits."""
    used = {
        "DailyApiRequests": server.requests.used,
        "DailyBulkV2QueryJobs": len(server.jobs.all()),
        "DailyBulkApiBatches": sum(each.batches for each in server.ingests.all()),
    }
    most = {**_LIMITS, "DailyApiRequests": server.requests.maximum}
    kept = {name: (maximum, used.get(name, 0)) for name, maximum in most.items()}
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
