"""Fields the marts may rely on and the org no longer shows."""

from __future__ import annotations

from collections.abc import Collection

from connectors.event_log import EventLog
from connectors.salesforce.schema.field_changes import LOST_KINDS, SCHEMA_CHANGES
from connectors.salesforce.schema.objects import OBJECTS, OFTEN_ABSENT


def lost_fields(log: EventLog, not_needed: Collection[str] = ()) -> list[str]:
    """`Object.Field` of each field of the base contract that was shown once and is not now, by name.

    Their last known values are still used; the longer, the less they are true.
    """
    if SCHEMA_CHANGES not in log.streams():
        return []
    relied_on = {
        f"{declared.name}.{name}"
        for declared in OBJECTS
        for name in declared.fields
        if name not in OFTEN_ABSENT
    }
    latest = log.latest(SCHEMA_CHANGES, ["record_id", "kind"]).to_pylist()
    lost = {row["record_id"] for row in latest if row["kind"] in LOST_KINDS}
    return sorted((lost & relied_on) - set(not_needed))
