"""What became of the id sweeps, as facts; and from these, which sweep is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.reading.windows import EXTRACTION_WINDOWS
from connectors.salesforce.schema.objects import INSTANT

ID_SWEEPS = "id_sweeps"
ID_SWEEPS_KEY = ("pull_id", "record_id", "kind", "occurred_at")
PERIODIC = "periodic"
_COLUMNS: Mapping[str, pa.DataType] = {
    "pull_id": pa.string(),
    "stream": pa.string(),
    "object_name": pa.string(),
    "trigger": pa.string(),
    "ids_at_source": pa.int64(),
    "ids_missing": pa.int64(),
    "rows_purged": pa.int64(),
    "rows_found": pa.int64(),
    "api_calls": pa.int64(),
    "seconds": pa.float64(),
    "message": pa.string(),
}
ID_SWEEPS_CONTRACT = pa.schema(_COLUMNS)
# A night may start a little earlier than the one a week before.
_EARLY = timedelta(hours=12)


@dataclass(frozen=True)
class Swept:
    """What became of one sweep of one object.

    `kind`: due (deletions were missed; the sweep is still to come), swept, incomplete (the ids could not be
    read completely), refused (too many records are missing at once to take them for deleted). `trigger` says
    why it was made. `ids_missing` were living in the log and are not at the source at all; `rows_purged` are
    facts appended, records that left the recycle bin included; `rows_found` are facts of records the org
    showed otherwise than the log had them.
    """

    stream: str
    object_name: str
    kind: str
    trigger: str
    ids_at_source: int = 0
    ids_missing: int = 0
    rows_purged: int = 0
    rows_found: int = 0
    api_calls: int = 0
    seconds: float = 0.0
    message: str = ""

    def sentence(self) -> str:
        """What a person is to know of a completed sweep; empty when a periodic one found log and org agreed."""
        if self.trigger == PERIODIC and not self.rows_purged and not self.rows_found:
            return ""
        why = "" if self.trigger == PERIODIC else f", because {self.trigger}"
        return f"id sweep{why}: {self.rows_purged} gone for good, {self.rows_found} found"


def swept_rows(sweeps: Iterable[Swept], pull_id: str, occurred_at: datetime) -> pa.Table:
    """The sweeps of one pull as facts, one row per sweep; record_id is the stream."""
    listed = list(sweeps)
    columns: dict[str, pa.Array[Any]] = {
        "record_id": pa.array([each.stream for each in listed], pa.string()),
        "kind": pa.array([each.kind for each in listed], pa.string()),
        "occurred_at": pa.array([occurred_at] * len(listed), INSTANT),
        "pull_id": pa.array([pull_id] * len(listed), pa.string()),
    }
    for column in list(ID_SWEEPS_CONTRACT)[1:]:
        columns[column.name] = pa.array([getattr(each, column.name) for each in listed], column.type)
    return pa.table(columns)


def append_swept(log: EventLog, sweeps: Sequence[Swept], *, run_id: str, occurred_at: datetime) -> None:
    """Append sweeps to the log."""
    rows = swept_rows(sweeps, run_id, occurred_at)
    log.append_facts(ID_SWEEPS, rows, run_id=run_id, observed_at=occurred_at, key=ID_SWEEPS_KEY)


@dataclass(frozen=True)
class SweepCalendar:
    """Per stream: the last fact about its sweeps, and when its first window was closed."""

    last: Mapping[str, tuple[str, str, datetime]]
    first_closed_at: Mapping[str, datetime]

    def due(self, stream: str, now: datetime, every: timedelta) -> str:
        """Why the stream is to be swept now; empty when it is not.

        A sweep that was announced or did not end well stays due. The first whole reading stands for a sweep.
        """
        kind, trigger, swept_at = self.last.get(stream, ("", "", None))
        if kind in ("due", "incomplete", "refused"):
            return trigger
        since = swept_at or self.first_closed_at.get(stream)
        return PERIODIC if since is not None and now - since >= every - _EARLY else ""


def read_calendar(log: EventLog) -> SweepCalendar:
    """The calendar as the log has it."""
    sweeps = log.latest(ID_SWEEPS, ["stream", "kind", "trigger", "occurred_at"]).to_pylist()
    closed = log.read(EXTRACTION_WINDOWS, ["stream", "occurred_at"], where="kind = 'closed'")
    first = closed.group_by("stream").aggregate([("occurred_at", "min")]).to_pylist()
    return SweepCalendar(
        {row["stream"]: (row["kind"], row["trigger"], row["occurred_at"]) for row in sweeps},
        {row["stream"]: row["occurred_at_min"] for row in first},
    )
