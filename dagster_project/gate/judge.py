"""The judgement of a batch: rows are set aside one by one; the batch stops only for what would falsify all.

Only facts that landed since the last judgement are looked at; when there are none this takes milliseconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connectors.event_log import EventLog
from connectors.event_log.query import query
from dagster_project.gate import references, verdicts
from dagster_project.gate.batch import Batch
from dagster_project.gate.declarations import DECLARATIONS
from dagster_project.gate.report import (
    BatchStopped,
    Finding,
    GateReport,
    Sample,
    Stop,
    StreamReport,
    Thresholds,
)
from dagster_project.gate.verdicts import Judged

_NEVER = Judged()


@dataclass(frozen=True)
class StreamJudgement:
    """What a stream's batch is worth: the report, and the refused facts, one row each."""

    report: StreamReport
    refused: pa.Table


def judge(log: EventLog, run_id: str, now: datetime, thresholds: Thresholds | None = None) -> GateReport:
    """Judge what landed and record the verdicts.

    Raises BatchStopped (a GateStopped, with the report) when a stream that had records is gone, too much of
    one vanished at once, or too many keys are null. The stopped streams stay unjudged, so that nothing of
    them is read until they are whole again or `accept` names them; the others are recorded.
    """
    started = time.perf_counter()
    limits = thresholds or Thresholds()
    log.evolve(verdicts.GATE_VERDICTS, verdicts.VERDICT_FIELDS)
    reached = verdicts.judged(log)
    batches = _pending(log, reached)
    stops = [*_gone(log, reached), *_stops(batches, reached, limits)]
    stopped = {stop.stream for stop in stops}
    judgements = _judgements([batch for batch in batches if batch.stream not in stopped], limits)
    _record(log, judgements, run_id, now)
    report = GateReport(
        tuple(judgement.report for judgement in judgements), tuple(stops), time.perf_counter() - started
    )
    if stops:
        raise BatchStopped(report)
    return report


def accept(log: EventLog, names: Sequence[str], *, run_id: str, now: datetime) -> int:
    """Take refusals and stops back; returns how many.

    A name is a record id or an event id of refused facts, or a stream whose batch was stopped. Names that
    mean nothing count nothing. Accepted facts are read from the next build on.
    """
    log.evolve(verdicts.GATE_VERDICTS, verdicts.VERDICT_FIELDS)
    refused = verdicts.refused(log)
    named = pa.array(names, pa.string())
    is_named = pc.or_(
        pc.is_in(refused["record_id_judged"], value_set=named),
        pc.is_in(refused["event_id_judged"], value_set=named),
    )
    readmitted = refused.filter(is_named)
    streams = [stream for stream in DECLARATIONS if stream in names and stream in log.streams()]
    rows = [verdicts.stop_accepted_row(stream, log.last_sequence(stream)) for stream in streams]
    if readmitted.num_rows:
        rows.append(verdicts.readmitted_rows(readmitted))
    if rows:
        verdicts.record(log, rows, run_id=run_id, now=now)
    return readmitted.num_rows + len(streams)


def _pending(log: EventLog, reached: Mapping[str, Judged]) -> list[Batch]:
    declared = set(log.streams())
    return [
        Batch(log, stream, declaration, checked, last)
        for stream, declaration in DECLARATIONS.items()
        if stream in declared
        and (last := log.last_sequence(stream)) > (checked := reached.get(stream, _NEVER).checked_to_sequence)
    ]


def _gone(log: EventLog, reached: Mapping[str, Judged]) -> list[Stop]:
    lost = [
        Stop(
            stream,
            f"only {log.last_sequence(stream)} of {known.checked_to_sequence} facts judged before are there",
            f"restore the files of {log.root / stream} from a backup",
        )
        for stream, known in reached.items()
        if log.last_sequence(stream) < known.checked_to_sequence
    ]
    unreadable = [
        Stop(
            stream,
            f"the stream had records and can no longer be read: {message or 'the org does not show it'}",
            f"grant read access again, or go on without: gyakusan gate --accept {stream}",
        )
        for stream, message in references.unreadable_streams(log).items()
        if stream in DECLARATIONS and stream in log.streams() and not _is_accepted(log, stream, reached)
        if references.has_live_records(log, stream)
    ]
    return lost + unreadable


def _stops(batches: Sequence[Batch], reached: Mapping[str, Judged], limits: Thresholds) -> list[Stop]:
    found = [
        stop
        for batch in batches
        if not _is_accepted(batch.log, batch.stream, reached)
        for stop in (
            references.drop_stop(batch, limits),
            references.null_key_stop(batch, batch.size(), limits),
        )
    ]
    return [stop for stop in found if stop is not None]


def _is_accepted(log: EventLog, stream: str, reached: Mapping[str, Judged]) -> bool:
    accepted = reached.get(stream, _NEVER).stop_accepted_to_sequence
    return accepted > 0 and accepted >= log.last_sequence(stream)


def _judgements(batches: Sequence[Batch], limits: Thresholds) -> list[StreamJudgement]:
    if not batches:
        return []
    # Seconds to import: only now that there is something to judge. The variable is read at import.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from dagster_project.gate.expectations import row_checker

    checker = row_checker(limits)
    return [_judgement(batch, checker.unmet(batch), limits) for batch in batches]


def _judgement(batch: Batch, unmet_rows: pa.Table, limits: Thresholds) -> StreamJudgement:
    unmet = pa.concat_tables(
        [
            unmet_rows,
            references.unknown_stages(batch),
            references.missing_references(batch),
            references.duplicates(batch),
        ]
    )
    refused = verdicts.refusals(unmet)
    findings = _findings(batch.stream, unmet, limits.sample_rows)
    report = StreamReport(
        stream=batch.stream,
        judged=batch.size(),
        refused=refused.num_rows,
        refusals=tuple(finding for finding, refuses in findings if refuses),
        warnings=tuple(finding for finding, refuses in findings if not refuses),
        checked_to_sequence=batch.to_sequence,
    )
    return StreamJudgement(report, refused)


def _findings(stream: str, unmet: pa.Table, sample_rows: int) -> list[tuple[Finding, bool]]:
    if unmet.num_rows == 0:
        return []
    grouped = query(
        f"""select expectation, reason, refuses, count(*) as facts,
            list(record_id order by record_id)[1:{sample_rows}] as record_ids,
            list(coalesce(value_text, '') order by record_id)[1:{sample_rows}] as value_texts
        from landed group by all order by facts desc, expectation""",
        Path(verdicts.GATE_VERDICTS),
        unmet,
    )
    return [(_finding(stream, row), bool(row["refuses"])) for row in grouped.to_pylist()]


def _finding(stream: str, row: Mapping[str, object]) -> Finding:
    samples = zip(_texts(row["record_ids"]), _texts(row["value_texts"]), strict=True)
    return Finding(
        stream=stream,
        expectation=str(row["expectation"]),
        reason=str(row["reason"]),
        facts=int(str(row["facts"])),
        samples=tuple(Sample(record_id, value_text) for record_id, value_text in samples),
    )


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []


def _record(log: EventLog, judgements: Sequence[StreamJudgement], run_id: str, now: datetime) -> None:
    rows = [
        table
        for judgement in judgements
        for table in (
            verdicts.checked_row(judgement.report.stream, judgement.report.checked_to_sequence),
            verdicts.refused_rows(judgement.report.stream, judgement.refused),
        )
    ]
    if rows:
        verdicts.record(log, rows, run_id=run_id, now=now)
