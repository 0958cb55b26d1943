"""What one run wrote, read from the log: the ground an undo stands on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.writing.write_facts import ACTIONS_SENT, query_facts

LATEST = "last"
RUNS_SHOWN = 5


class UnknownRun(SalesforceProblem):
    """No run of that name wrote anything, or several begin with it."""


@dataclass(frozen=True)
class WrittenAction:
    """One action as a run sent it.

    `kind`: create or update. `values_sent` and `values_before` are field -> text; before is empty for a task
    that was created. `is_accepted`: the org said so, or a read-back showed it. `later_run_id`: a later run
    wrote the same action, and that was not undone. `is_asked`, `is_undone`: how far earlier undos came.
    """

    action_key: str
    kind: str
    task_id: str | None
    values_sent: Mapping[str, str | None]
    values_before: Mapping[str, str | None]
    activity_date: date | None
    is_accepted: bool
    later_run_id: str | None = None
    is_asked: bool = False
    is_undone: bool = False


def runs_that_wrote(log: EventLog) -> pa.Table:
    """One row per run that wrote, latest first: run_id, written_at, created, updated, undone (actions)."""
    return query_facts(log, _RUNS_SQL)


def find_run(log: EventLog, given: str) -> str:
    """The run meant by its id, the beginning of it, or `last`. Raises UnknownRun, naming the latest runs."""
    runs = runs_that_wrote(log).to_pylist()
    found = [row["run_id"] for row in runs if row["run_id"].startswith(given)]
    if given == LATEST and runs:
        return str(runs[0]["run_id"])
    if given in found:
        return given
    if given and len(found) == 1:
        return str(found[0])
    latest = ", ".join(
        f"{row['run_id'][:8]} ({row['written_at']:%Y-%m-%d %H:%M} UTC, {row['created']} created, "
        f"{row['updated']} updated)"
        for row in runs[:RUNS_SHOWN]
    )
    what = f"{len(found)} runs begin with {given!r}" if found else f"no run {given!r} wrote anything"
    raise UnknownRun(
        what,
        where=f"stream {ACTIONS_SENT} of the log",
        remedy=f"name one of: {latest}" if latest else "no run has written yet",
    )


def actions_written(log: EventLog, run_id: str) -> list[WrittenAction]:
    """What a run sent and the org did not reject, in the order sent."""
    return [_written(row) for row in query_facts(log, _WRITTEN_SQL, run_id=run_id).to_pylist()]


def _written(row: Mapping[str, object]) -> WrittenAction:
    due = row["activity_date"]
    return WrittenAction(
        action_key=str(row["action_key"]),
        kind=str(row["write_kind"]),
        task_id=str(row["task_id"]) if row["task_id"] else None,
        values_sent=_values(row["values_sent"]),
        values_before=_values(row["values_before"]),
        activity_date=due if isinstance(due, date) else None,
        is_accepted=bool(row["is_accepted"]),
        later_run_id=str(row["later_run_id"]) if row["later_run_id"] else None,
        is_asked=bool(row["is_asked"]),
        is_undone=bool(row["is_undone"]),
    )


def _values(text: object) -> dict[str, str | None]:
    return json.loads(text) if isinstance(text, str) else {}


_RUNS_SQL = """
    select sent.run_id, max(sent.occurred_at) as written_at,
      count(distinct sent.action_key) filter (where sent.kind = 'created')::bigint as created,
      count(distinct sent.action_key) filter (where sent.kind = 'updated')::bigint as updated,
      count(distinct taken.action_key)::bigint as undone
    from sent
    left join undone as taken
      on taken.undone_run_id = sent.run_id and taken.action_key = sent.action_key
      and taken.kind in ('deleted', 'restored')
    where sent.kind <> 'rejected'
    group by sent.run_id
    order by max(sent.sequence) desc
"""

# An answer of 'unsent' says nothing: the request may have arrived, and the org tells.
_WRITTEN_SQL = """
    with of_run as (
      select action_key,
        max_by(kind, sequence) as last_kind,
        max(sequence) as last_sequence,
        bool_or(kind in ('update', 'updated')) as is_update,
        max(task_id) filter (where kind <> 'rejected') as sent_task_id,
        max(values_sent) as values_sent,
        max(values_before) as values_before,
        max(activity_date) as activity_date,
        max(fingerprint) as fingerprint
      from sent where run_id = $run_id
      group by action_key
    ),
    shown as (
      select action_key, fingerprint, max_by(task_id, sequence) as task_id from confirmed group by all
    ),
    later as (
      select sent.action_key, min_by(sent.run_id, sent.sequence) as later_run_id
      from sent
      inner join of_run on sent.action_key = of_run.action_key and sent.sequence > of_run.last_sequence
      left join undone as taken
        on taken.action_key = sent.action_key and taken.undone_run_id = sent.run_id
        and taken.kind in ('deleted', 'restored')
      where sent.run_id <> $run_id and sent.kind in ('created', 'updated') and taken.action_key is null
      group by sent.action_key
    ),
    taken as (
      select action_key, true as is_asked, bool_or(kind in ('deleted', 'restored')) as is_undone
      from undone where undone_run_id = $run_id
      group by action_key
    )
    select of_run.action_key,
      case when of_run.is_update then 'update' else 'create' end as write_kind,
      coalesce(of_run.sent_task_id, shown.task_id) as task_id,
      of_run.values_sent, of_run.values_before, of_run.activity_date,
      of_run.last_kind in ('created', 'updated') or shown.task_id is not null as is_accepted,
      later.later_run_id,
      coalesce(taken.is_asked, false) as is_asked,
      coalesce(taken.is_undone, false) as is_undone
    from of_run
    left join shown on of_run.action_key = shown.action_key and of_run.fingerprint = shown.fingerprint
    left join later on of_run.action_key = later.action_key
    left join taken on of_run.action_key = taken.action_key
    where of_run.last_kind <> 'rejected'
    order by of_run.last_sequence
"""
