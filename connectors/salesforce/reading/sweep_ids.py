"""All ids of an object as the org shows them, beside those the log knows; compared in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import literal
from connectors.event_log.contract import ERASURES
from connectors.event_log.query import instant_sql
from connectors.salesforce.schema.objects import INSTANT

_MEMORY_LIMIT = "256MB"

# What an id can be that the log and the org disagree about.
MISSING, GONE_FOR_GOOD = "missing", "gone for good"
UNKNOWN, BACK, IN_BIN = "unknown", "back", "in the recycle bin"


@dataclass(frozen=True)
class Differences:
    """Ids by how log and org differ.

    `alive` is how many records the log holds as living, `missing` how many of those the org does not show at
    all, `gone_for_good` how many that the log holds as deleted have left the recycle bin too, `to_read` how
    many the org shows otherwise than the log has them: unknown to it, living though gone, or deleted though
    living.
    """

    alive: int
    missing: int
    gone_for_good: int
    to_read: int


class SourceIds:
    """Ids of one object at the source, in a database of their own that spills to disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.clear()

    def clear(self) -> None:
        """Forget what was received: a reading begins anew."""
        self._connection.execute("CREATE OR REPLACE TABLE source (record_id VARCHAR, is_deleted BOOLEAN)")

    def add(self, page: pa.Table) -> None:
        """Take over a page with the text columns Id and, where the object has it, IsDeleted."""
        is_deleted = "lower(IsDeleted) = 'true'" if "IsDeleted" in page.column_names else "false"
        self._connection.register("page", page)
        self._connection.execute(f"INSERT INTO source SELECT Id, coalesce({is_deleted}, false) FROM page")
        self._connection.unregister("page")

    def distinct(self) -> int:
        """How many different ids were received."""
        return self._count("SELECT count(DISTINCT record_id) FROM source")

    def compare(self, log: EventLog, stream: str, to_at: datetime) -> Differences:
        """Set the ids beside the log's last facts; records created after `to_at` are none of this sweep's."""
        self._connection.execute(f"CREATE OR REPLACE TABLE known AS {_known_sql(log, stream, to_at)}")
        erased = f"ANTI JOIN {log.scan(ERASURES)} USING (record_id)" if ERASURES in log.streams() else ""
        self._connection.execute(_DIFFERENCES.format(erased=erased))
        counts = dict(
            self._connection.execute("SELECT what, count(*) FROM different GROUP BY what").fetchall()
        )
        alive = self._count("SELECT count(*) FROM known WHERE NOT is_gone")
        to_read = sum(counts.get(what, 0) for what in (UNKNOWN, BACK, IN_BIN))
        return Differences(alive, counts.get(MISSING, 0), counts.get(GONE_FOR_GOOD, 0), to_read)

    def gone(self) -> pa.Table:
        """record_id of all that the log knows and the org no longer shows, deleted ones included."""
        return self._ids(MISSING, GONE_FOR_GOOD)

    def to_read(self) -> pa.Table:
        """record_id of all that the org shows otherwise than the log has them."""
        return self._ids(UNKNOWN, BACK, IN_BIN)

    def _ids(self, *kinds: str) -> pa.Table:
        wanted = ", ".join(map(literal, kinds))
        sql = f"SELECT record_id FROM different WHERE what IN ({wanted}) ORDER BY record_id"
        table: pa.Table = self._connection.sql(sql).to_arrow_table()
        return table

    def _count(self, sql: str) -> int:
        ((count,),) = self._connection.execute(sql).fetchall()
        return int(count)


@contextmanager
def source_ids() -> Iterator[SourceIds]:
    """An empty table of ids; what spills goes to a temporary folder, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="gyakusan-sweep-") as folder:
        connection = duckdb.connect(
            ":memory:", config={"memory_limit": _MEMORY_LIMIT, "temp_directory": folder}
        )
        try:
            yield SourceIds(connection)
        finally:
            connection.close()


def _known_sql(log: EventLog, stream: str, to_at: datetime) -> str:
    created = [field for field in log.contract(stream) if field.name == "CreatedDate"]
    is_later = f"CreatedDate > {instant_sql(to_at)}" if created and created[0].type == INSTANT else "false"
    return f"""
        SELECT record_id, kind, kind IN ('deleted', 'purged') AS is_gone
        FROM (SELECT record_id, max_by(kind, sequence) AS kind, max_by({is_later}, sequence) AS is_later
              FROM {log.scan(stream)} WHERE record_id <> '' GROUP BY record_id)
        WHERE NOT coalesce(is_later, false)"""


_DIFFERENCES = f"""
    CREATE OR REPLACE TABLE different AS
    WITH at_source AS (SELECT record_id, bool_and(is_deleted) AS is_deleted FROM source GROUP BY record_id),
    compared AS (
        SELECT record_id, CASE
            WHEN at_source.record_id IS NULL AND known.kind = 'purged' THEN NULL
            WHEN at_source.record_id IS NULL AND known.is_gone THEN {literal(GONE_FOR_GOOD)}
            WHEN at_source.record_id IS NULL THEN {literal(MISSING)}
            WHEN known.record_id IS NULL THEN {literal(UNKNOWN)}
            WHEN known.is_gone AND NOT at_source.is_deleted THEN {literal(BACK)}
            WHEN at_source.is_deleted AND NOT known.is_gone THEN {literal(IN_BIN)}
        END AS what
        FROM at_source FULL JOIN known USING (record_id) {{erased}}
    )
    SELECT record_id, what FROM compared WHERE what IS NOT NULL"""
