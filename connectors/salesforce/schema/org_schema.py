"""What an org shows, compared with what the log knows of it: asked once a pull, written down as facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import identifier
from connectors.event_log.contract import routes
from connectors.event_log.query import query
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import MissingObject, RequestRefused
from connectors.salesforce.schema.describe import Described, ObjectFlags
from connectors.salesforce.schema.field_changes import (
    LOST_KINDS,
    READ_BACK_KINDS,
    SCHEMA_CHANGES,
    FieldChange,
    KnownField,
    change_rows,
    field_changes,
    known_fields,
    names_differ,
    sentences,
)
from connectors.salesforce.schema.field_definitions import durable_ids
from connectors.salesforce.schema.objects import INSTANT, SalesforceObject


@dataclass(frozen=True)
class FieldNews:
    """What changed in the fields of one object, and the words for it."""

    declared: SalesforceObject
    changes: Sequence[FieldChange] = ()
    words: Sequence[str] = ()

    @property
    def asks_for_whole(self) -> bool:
        """Whether a field came into view that records already read hold values of."""
        return any(change.kind in READ_BACK_KINDS for change in self.changes)


@dataclass
class OrgSchema:
    """Objects and fields of one org during one pull."""

    client: SalesforceClient
    log: EventLog
    _objects: Mapping[str, ObjectFlags] | None = None
    _known: Mapping[str, Mapping[str, KnownField]] | None = field(default=None, repr=False)

    def flags(self, object_name: str) -> ObjectFlags | None:
        """What the org's list of objects says of one, None when it is not there; one call a pull."""
        return self._object_list().get(object_name)

    def is_absent(self, declared: SalesforceObject) -> bool:
        """Whether an optional object need not be asked for. A required one is: its error says what to do."""
        listed = self._object_list()
        if declared.is_required or not listed:
            return False
        flags = listed.get(declared.name)
        return flags is None or not flags.is_queryable

    def news(self, declared: SalesforceObject, described: Described) -> FieldNews:
        """Differences from the last pull; asks for durable ids only when fields came or went."""
        known = self._known_fields().get(declared.name, {})
        ids = durable_ids(self.client, declared.name) if names_differ(described, known) else {}
        changes = field_changes(declared, described, known, ids)
        lost = [change.field_name for change in changes if change.kind in LOST_KINDS]
        words = sentences(
            changes, self._records_with_value(declared.stream, lost), can_tell_renames=ids is not None
        )
        return FieldNews(declared, changes, words)

    def record(self, news: FieldNews, clock: Callable[[], datetime], run_id: str) -> None:
        """Write the changes down; to be called when what they ask for is read."""
        if not news.changes:
            return
        now = clock()
        self.log.append_facts(
            SCHEMA_CHANGES,
            change_rows(news.declared, news.changes, pa.scalar(now, INSTANT)),
            run_id=run_id,
            observed_at=now,
            key=("record_id", "kind", "occurred_at"),
        )

    def _object_list(self) -> Mapping[str, ObjectFlags]:
        if self._objects is None:
            try:
                self._objects = self.client.objects()
            except (MissingObject, RequestRefused):
                # Without the list every object is asked for by itself.
                self._objects = {}
        return self._objects

    def _known_fields(self) -> Mapping[str, Mapping[str, KnownField]]:
        if self._known is None:
            self._known = known_fields(self.log.latest(SCHEMA_CHANGES))
        return self._known

    def _records_with_value(self, stream: str, fields: Sequence[str]) -> Mapping[str, int]:
        columns = routes(self.log.contract(stream))
        held = [name for name in fields if name.lower() in columns]
        if not held:
            return {}
        counted = ", ".join(
            f"count({identifier(columns[name.lower()])}) as {identifier(name)}" for name in held
        )
        last = f"""select {counted} from (select * from {self.log.scan(stream)}
            qualify row_number() over (partition by record_id order by sequence desc) = 1)"""
        counts: dict[str, int] = query(last, self.log.root / stream).to_pylist()[0]
        return counts
