"""What became of each action, as facts: sent, accepted or rejected, confirmed, undone; and what still waits.

Stream actions_sent tells the story of an action by its kinds: create or update (before the request leaves,
with what is sent and what stood there), then created, updated, rejected or unsent (no answer). What was
refused stands in actions_rejected too, with Salesforce's words; what a read-back showed, in
actions_confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow as pa

from connectors.event_log import SYSTEM_FIELDS, EventLog
from connectors.salesforce.schema.objects import INSTANT
from connectors.salesforce.writing.upserts import RESULT_COLUMNS, RowResult, WriteResult
from connectors.salesforce.writing.write_plan import Payload, PlannedWrite, fingerprint

ACTIONS_SENT = "actions_sent"
ACTIONS_REJECTED = "actions_rejected"
ACTIONS_CONFIRMED = "actions_confirmed"
ACTIONS_UNDONE = "actions_undone"

ACCEPTED_KINDS = ("created", "updated")
REFUSED_KINDS = ("rejected", "unsent")

# A night has one clock reading and may be repeated on it: only the run tells two attempts apart.
_RUN = "written_in_run_id"
_RESULT: dict[str, pa.DataType] = {**RESULT_COLUMNS, _RUN: pa.string()}
_SENT: dict[str, pa.DataType] = {
    **_RESULT,
    "write_mode": pa.string(),
    "values_sent": pa.string(),
    "values_before": pa.string(),
    "activity_date": pa.date32(),
}
_UNDONE: dict[str, pa.DataType] = {
    "action_key": pa.string(),
    "task_id": pa.string(),
    "undone_run_id": pa.string(),
    "activity_date": pa.date32(),
    "values_restored": pa.string(),
    _RUN: pa.string(),
}
_SYSTEM: dict[str, pa.DataType] = {"record_id": pa.string(), "kind": pa.string(), "occurred_at": INSTANT}
_CONTRACTS: Mapping[str, dict[str, pa.DataType]] = {
    ACTIONS_SENT: _SENT,
    ACTIONS_REJECTED: _RESULT,
    ACTIONS_CONFIRMED: _RESULT,
    ACTIONS_UNDONE: _UNDONE,
}


def declare_write_streams(log: EventLog) -> None:
    """Make the streams of what was written exist, with or without facts."""
    for stream, contract in _CONTRACTS.items():
        log.evolve(stream, pa.schema(contract))


def write_facts(log: EventLog, stream: str) -> pa.Table:
    """All facts of one of these streams by sequence, its whole contract as columns; empty where there are none."""
    own = [pa.field(name, kind) for name, kind in _CONTRACTS[stream].items()]
    empty = pa.schema([*SYSTEM_FIELDS, *own]).empty_table()
    if stream not in log.streams():
        return empty
    return pa.concat_tables([empty, log.read(stream)], promote_options="default")


@dataclass(frozen=True)
class WriteRecorder:
    """Appends what one run does to the log, at the run's one instant."""

    log: EventLog
    run_id: str
    now: datetime

    def sending(self, due: Sequence[PlannedWrite], payloads: Mapping[str, Payload], mode: str) -> None:
        """Before the request leaves: what is sent, and the values it replaces."""
        self._append(
            ACTIONS_SENT,
            [
                {
                    "action_key": each.action_key,
                    "kind": each.decision,
                    "task_id": each.task_id,
                    "fingerprint": fingerprint(payloads[each.action_key]),
                    "write_mode": mode,
                    "values_sent": json_text({d.field: d.after for d in each.differences}),
                    "values_before": json_text({d.field: d.before for d in each.differences if each.task_id}),
                    "activity_date": _due_date(payloads[each.action_key]),
                }
                for each in due
            ],
            key=("record_id", "kind", "fingerprint", _RUN),
        )

    def answered(self, result: WriteResult) -> None:
        """After the answer: accepted, rejected in Salesforce's words, or unsent."""
        refused = [row for row in result.rows if row.status in REFUSED_KINDS]
        for stream, rows in ((ACTIONS_SENT, result.rows), (ACTIONS_REJECTED, refused)):
            key = ("record_id", "kind", "fingerprint", _RUN)
            self._append(stream, [_of_result(row) for row in rows], key=key)

    def confirmed(self, rows: Sequence[RowResult]) -> None:
        """What a read-back showed; told once per content of a task, so that a crash loses and repeats nothing."""
        facts = [_of_result(row) for row in rows]
        self._append(ACTIONS_CONFIRMED, facts, key=("record_id", "fingerprint", "task_id"))

    def undone(self, facts: Sequence[Mapping[str, object]]) -> None:
        """What an undo took back: kinds asked (before the request leaves), deleted, restored."""
        self._append(ACTIONS_UNDONE, facts, key=("record_id", "kind", "undone_run_id", "task_id"))

    def _append(self, stream: str, facts: Sequence[Mapping[str, object]], *, key: Sequence[str]) -> None:
        if not facts:
            return
        own = {"occurred_at": self.now, _RUN: self.run_id}
        rows = [{**fact, "record_id": fact["action_key"], **own} for fact in facts]
        types = _SYSTEM | _CONTRACTS[stream]
        names = [name for name in types if any(name in row for row in rows)]
        table = pa.table({name: pa.array([row.get(name) for row in rows], types[name]) for name in names})
        self.log.append_facts(stream, table, run_id=self.run_id, observed_at=self.now, key=key)


def _of_result(row: RowResult) -> dict[str, object]:
    return {**{name: getattr(row, name) for name in RESULT_COLUMNS if name != "status"}, "kind": row.status}


def json_text(values: Mapping[str, str | None]) -> str:
    """Field -> text as one line of JSON."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def _due_date(payload: Payload) -> date | None:
    value = payload.get("ActivityDate")
    return value if isinstance(value, date) else None


def known_task_ids(log: EventLog) -> dict[str, str]:
    """Action key -> Id of the Task it was last written to."""
    known: dict[str, str] = {}
    for stream in (ACTIONS_SENT, ACTIONS_CONFIRMED):
        facts = write_facts(log, stream).select(["action_key", "task_id"])
        known |= {row["action_key"]: row["task_id"] for row in facts.to_pylist() if row["task_id"]}
    return known


def deleted_by_undo(log: EventLog) -> frozenset[str]:
    """Ids of tasks we deleted ourselves: their owners never refused them."""
    facts = write_facts(log, ACTIONS_UNDONE).select(["kind", "task_id"])
    return frozenset(row["task_id"] for row in facts.to_pylist() if row["kind"] == "deleted")


_WAITING_SQL = """
    with attempts as (
      select sent.* from sent
      left join (
        select action_key, max(sequence) as accepted_sequence from sent
        where kind in ('created', 'updated') group by action_key
      ) as accepted using (action_key)
      where sent.sequence > coalesce(accepted_sequence, 0)
    )
    select action_key,
      min(occurred_at) as first_tried_at,
      max(occurred_at) as last_tried_at,
      count(distinct run_id)::bigint as runs,
      max_by(kind, sequence) as last_kind,
      coalesce(max_by(status_code, sequence) filter (where kind in ('rejected', 'unsent')), '') as status_code,
      coalesce(max_by(message, sequence) filter (where kind in ('rejected', 'unsent')), 'no answer came') as message,
      coalesce(max_by(is_passing, sequence) filter (where kind in ('rejected', 'unsent')), true) as is_passing
    from attempts
    group by action_key
    having max_by(fingerprint, sequence) not in (
      select fingerprint from confirmed where confirmed.action_key = attempts.action_key
    )
    order by first_tried_at, action_key
"""


def waiting_writes(log: EventLog) -> pa.Table:
    """One row per action whose last attempt the org neither accepted nor shows: since when it is tried, in how
    many runs, and Salesforce's last words.

    Columns: action_key, first_tried_at, last_tried_at, runs, last_kind, status_code, message, is_passing.
    Whether an action is still wanted is the caller's to know.
    """
    return query_facts(log, _WAITING_SQL)


def query_facts(log: EventLog, sql: str, **values: str) -> pa.Table:
    """SQL over the facts of writing, as tables sent, rejected, confirmed and undone; instants in UTC."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for stream in _CONTRACTS:
            connection.register(stream.removeprefix("actions_"), write_facts(log, stream))
        table: pa.Table = connection.sql(sql, params=values or None).to_arrow_table()
        return table
