"""Verdicts as facts of the log: what was checked, refused, readmitted, and which stops a person accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import literal
from connectors.event_log.contract import INSTANT
from connectors.event_log.query import query
from dagster_project.gate.batch import UNMET

GATE_VERDICTS = "gate_verdicts"
_VERDICT_TYPES: Mapping[str, pa.DataType] = {
    "stream": pa.string(),
    "checked_to_sequence": pa.int64(),
    "event_id_judged": pa.string(),
    "record_id_judged": pa.string(),
    "reason": pa.string(),
    "expectation": pa.string(),
    "value_text": pa.string(),
}
VERDICT_FIELDS = pa.schema(_VERDICT_TYPES)
_ROW = pa.schema({"record_id": pa.string(), "kind": pa.string(), **_VERDICT_TYPES})
# A fact refused, readmitted and refused again under a later declaration is three verdicts.
_KEY = ("record_id", "kind", "checked_to_sequence", "occurred_at")


@dataclass(frozen=True)
class Judged:
    """How far a stream is judged, and up to which sequence a person accepted what stopped it (0: never)."""

    checked_to_sequence: int = 0
    stop_accepted_to_sequence: int = 0


def judged(log: EventLog) -> Mapping[str, Judged]:
    """Stream -> how far it is judged, for all streams ever judged."""
    reached = query(
        f"""select stream,
            coalesce(max(checked_to_sequence) filter (where kind = 'checked'), 0) as checked,
            coalesce(max(checked_to_sequence) filter (where kind = 'stop_accepted'), 0) as accepted
        from {log.scan(GATE_VERDICTS)} where stream is not null group by stream""",
        log.root / GATE_VERDICTS,
    )
    return {row["stream"]: Judged(row["checked"], row["accepted"]) for row in reached.to_pylist()}


def refused(log: EventLog) -> pa.Table:
    """Facts set aside now: the last verdict of each event, where it is a refusal; one row per event."""
    last = f"""select * from {log.scan(GATE_VERDICTS)} where event_id_judged is not null
        qualify row_number() over (partition by event_id_judged order by sequence desc) = 1"""
    return query(
        f"""select stream, record_id_judged, event_id_judged, expectation, reason, value_text, observed_at
        from ({last}) where kind = 'refused' order by stream, sequence""",
        log.root / GATE_VERDICTS,
    )


def refusals(unmet: pa.Table) -> pa.Table:
    """One row per refused fact of UNMET rows, all its reasons together."""
    if unmet.num_rows == 0:
        return unmet
    return query(
        """select event_id, record_id, string_agg(expectation, '; ' order by expectation) as expectation,
            string_agg(distinct reason, '; ' order by reason) as reason, true as refuses,
            string_agg(nullif(value_text, ''), '; ' order by expectation) as value_text
        from landed where refuses group by event_id, record_id order by event_id""",
        Path(GATE_VERDICTS),
        unmet,
    ).cast(UNMET)


def checked_row(stream: str, to_sequence: int) -> pa.Table:
    """The verdict that a stream is judged up to this sequence."""
    return _row(stream, "checked", to_sequence)


def stop_accepted_row(stream: str, to_sequence: int) -> pa.Table:
    """The verdict that what stopped this stream, up to this sequence, is as it should be."""
    return _row(stream, "stop_accepted", to_sequence)


def refused_rows(stream: str, refused_facts: pa.Table) -> pa.Table:
    """Verdicts on refused facts (one row per fact, as `refusals` gives them)."""
    return query(
        f"""select event_id as record_id, 'refused' as kind, {literal(stream)} as stream,
            null::bigint as checked_to_sequence, event_id as event_id_judged, record_id as record_id_judged,
            reason, expectation, value_text from landed""",
        Path(GATE_VERDICTS),
        refused_facts,
    ).cast(_ROW)


def readmitted_rows(refused_now: pa.Table) -> pa.Table:
    """Verdicts that take these refusals (rows of `refused`) back."""
    return query(
        """select event_id_judged as record_id, 'readmitted' as kind, stream,
            null::bigint as checked_to_sequence, event_id_judged, record_id_judged,
            'accepted by a person' as reason, expectation, value_text from landed""",
        Path(GATE_VERDICTS),
        refused_now,
    ).cast(_ROW)


def record(log: EventLog, rows: Sequence[pa.Table], *, run_id: str, now: datetime) -> None:
    """Append verdicts in one batch: a crash leaves a judgement whole or not made."""
    verdicts = pa.concat_tables(rows)
    stamped = verdicts.append_column("occurred_at", pa.array([now] * verdicts.num_rows, INSTANT))
    log.append_facts(GATE_VERDICTS, stamped, run_id=run_id, observed_at=now, key=_KEY)


def _row(stream: str, kind: str, to_sequence: int) -> pa.Table:
    row = {"record_id": stream, "kind": kind, "stream": stream, "checked_to_sequence": to_sequence}
    return pa.Table.from_pylist([row], schema=_ROW)
