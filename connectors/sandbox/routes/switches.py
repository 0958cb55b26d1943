"""The sandbox's own switches, under /sandbox: what an administrator, a colleague or bad luck does to an org."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records import merging, replication
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.routes.org import clock_instant
from connectors.sandbox.routes.replies import json_reply
from connectors.sandbox.schema import org_changes
from connectors.sandbox.schema.features import FEATURES
from connectors.sandbox.server import Call, Server


def get_faults(server: Server, call: Call) -> Response:
    """GET /sandbox/faults."""
    return json_reply([vars(each) for each in server.faults.active])


def put_faults(server: Server, call: Call) -> Response:
    """PUT /sandbox/faults {"faults": [{"name", …}]}: replaces the list; an empty one clears it."""
    wanted = call.json().get("faults")
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise SalesforceError("INVALID_INPUT", 'give {"faults": [{"name": …}, …]}')
    server.faults.replace(wanted)
    if not server.faults.in_force("late_commit"):
        server.org.commit_late(everything=True)
    return get_faults(server, call)


def commit(server: Server, call: Call) -> Response:
    """POST /sandbox/commit: commits every transaction that a late_commit fault keeps open."""
    return json_reply({"committed": server.org.commit_late(everything=True)})


def merge(server: Server, call: Call) -> Response:
    """POST /sandbox/merge {"winner": id, "losers": [ids]}: what SOAP's merge() does, with its result."""
    body = call.json()
    winner, losers = body.get("winner"), body.get("losers")
    if not isinstance(winner, str) or not isinstance(losers, list):
        raise SalesforceError("INVALID_INPUT", 'give {"winner": id, "losers": [ids]}')
    winner_id = normalized(winner) or winner
    loser_ids = [normalized(str(each)) or str(each) for each in losers]
    related = merging.merge(server.org, winner_id, loser_ids)
    return json_reply(
        {"id": winner_id, "mergedRecordIds": loser_ids, "updatedRelatedIds": related, "success": True}
    )


def get_features(server: Server, call: Call) -> Response:
    """GET /sandbox/features."""
    return json_reply({"features": sorted(server.org.schema.features), "available": sorted(FEATURES)})


def put_features(server: Server, call: Call) -> Response:
    """PUT /sandbox/features {"features": [names]}: replaces the list."""
    wanted = call.json().get("features")
    if not isinstance(wanted, list):
        raise SalesforceError("INVALID_INPUT", 'give {"features": [names]}')
    org_changes.put_features(server.org, map(str, wanted))
    return get_features(server, call)


def change_field(server: Server, call: Call) -> Response:
    """POST /sandbox/fields: see org_changes.change_field."""
    field = org_changes.change_field(server.org, call.json())
    return json_reply({"name": field.name, "type": field.type} if field else {})


def archive(server: Server, call: Call) -> Response:
    """POST /sandbox/archive: archives the activities that Salesforce archives by the org's clock."""
    return json_reply(dict(org_changes.archive_activities(server.org)))


def get_replication(server: Server, call: Call) -> Response:
    """GET /sandbox/replication."""
    return json_reply(asdict(replication.ReplicationSettings.of(server.org)))


def put_replication(server: Server, call: Call) -> Response:
    """PUT /sandbox/replication: changes some of ReplicationSettings; {"reset": true} puts them all back."""
    given: Mapping[str, object] = call.json()
    if given.get("reset") is True:
        replication.ReplicationSettings().put(server.org)
        return get_replication(server, call)
    moved = clock_instant(given.get("earliest_date_available"))
    if moved is not None:
        given = {**given, "earliest_date_available": moved.astimezone(UTC).replace(tzinfo=None).isoformat()}
    return json_reply(asdict(replication.changed_settings(server.org, given)))
