"""What one batch alone cannot tell, asked of the log in DuckDB: references, uniqueness, stages, drops."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import identifier, literal
from connectors.event_log.query import query
from dagster_project.gate.batch import GONE_KINDS, UNMET, Batch
from dagster_project.gate.declarations import Reference
from dagster_project.gate.report import Stop, Thresholds

STAGES = "opportunity_stage"
_STAGE_NAMES = ("MasterLabel", "ApiName")


def unknown_stages(batch: Batch) -> pa.Table:
    """Facts whose stage the org's list does not have (UNMET, refusing).

    None while the list is empty: without a list nothing is known to be wrong.
    """
    stages = _stage_names(batch.log)
    column = batch.declaration.stage_column
    if not column or column not in batch.columns() or not stages:
        return UNMET.empty_table()
    listed = ", ".join(literal(stage) for stage in stages)
    return query(
        f"""select event_id, record_id, {literal(f"{column} known")} as expectation,
            'the org has no such stage' as reason, true as refuses, {identifier(column)} as value_text
        from {batch.facts()} where kind not in {GONE_KINDS} and {identifier(column)} not in ({listed})""",
        batch.folder,
    ).cast(UNMET)


def missing_references(batch: Batch) -> pa.Table:
    """Facts that name a record the log does not hold (UNMET, warnings); undeclared targets are not asked."""
    streams = set(batch.log.streams())
    asked = [
        _missing_sql(batch, reference)
        for reference in batch.declaration.references
        if reference.target in streams and reference.column in batch.columns()
    ]
    return _unmet(batch, asked)


def duplicates(batch: Batch) -> pa.Table:
    """Facts read twice under one stamp with different values, and live records that share a value that must
    be unique (UNMET, warnings).
    """
    shared = [
        _shared_sql(batch, column) for column in batch.declaration.unique_columns if column in batch.columns()
    ]
    return _unmet(batch, [_read_twice_sql(batch), *shared])


def drop_stop(batch: Batch, thresholds: Thresholds) -> Stop | None:
    """A stop when more of the stream's live records vanished in one batch than people delete."""
    gone = _gone_records(batch)
    if gone.num_rows < thresholds.drop_minimum_records:
        return None
    live, vanished = _live_and_vanished(batch, gone)
    if vanished < thresholds.drop_minimum_records or vanished <= thresholds.drop_share * live:
        return None
    return Stop(
        batch.stream,
        f"{vanished} of {live} known records are gone in one batch",
        "check the integration user's permissions; if they were really deleted, "
        f"run: gyakusan gate --accept {batch.stream}",
    )


def null_key_stop(batch: Batch, facts: int, thresholds: Thresholds) -> Stop | None:
    """A stop when too many facts of a batch have no key."""
    counted = query(f"select count(*) as facts from {batch.facts()} where record_id = ''", batch.folder)
    missing = int(counted["facts"][0].as_py())
    if missing < thresholds.null_key_minimum_rows or missing <= thresholds.null_key_share * facts:
        return None
    return Stop(
        batch.stream,
        f"{missing} of {facts} rows that landed have no key",
        f"check that Id is read; to go on without these rows, run: gyakusan gate --accept {batch.stream}",
    )


def unreadable_streams(log: EventLog) -> Mapping[str, str]:
    """Streams the last pull could not read at all, with what the org said."""
    if "extraction_windows" not in log.streams():
        return {}
    told = query(
        f"""select stream, max_by(coalesce(message, ''), sequence) as message
        from {log.scan("extraction_windows")} group by stream
        having max_by(kind, sequence) in ('absent', 'failed')""",
        log.root,
    )
    return {row["stream"]: row["message"] for row in told.to_pylist()}


def has_live_records(log: EventLog, stream: str) -> bool:
    """Whether any record of a stream was live at its last fact."""
    live = query(
        f"""select 1 from {log.scan(stream)} group by record_id
        having max_by(kind, sequence) not in {GONE_KINDS} limit 1""",
        log.root / stream,
    )
    return live.num_rows > 0


def _gone_records(batch: Batch) -> pa.Table:
    return query(
        f"""select record_id from {batch.facts()}
        group by record_id having max_by(kind, sequence) in {GONE_KINDS}""",
        batch.folder,
    )


def _live_and_vanished(batch: Batch, gone: pa.Table) -> tuple[int, int]:
    counted = query(
        f"""select count(*) as live,
            count(*) filter (where record_id in (select record_id from landed)) as vanished
        from (
            select record_id from {batch.log.scan(batch.stream)} where sequence <= {batch.after_sequence}
            group by record_id having max_by(kind, sequence) not in {GONE_KINDS})""",
        batch.folder,
        gone,
    )
    return int(counted["live"][0].as_py()), int(counted["vanished"][0].as_py())


def _stage_names(log: EventLog) -> list[str]:
    if STAGES not in log.streams():
        return []
    names = [name for name in _STAGE_NAMES if name in log.contract(STAGES).names]
    known = [log.read(STAGES, [name])[name].to_pylist() for name in names]
    return sorted({stage for column in known for stage in column if stage})


def _missing_sql(batch: Batch, reference: Reference) -> str:
    column = identifier(reference.column)
    expectation, reason = (
        f"{reference.column} in {reference.target}",
        f"the {reference.target} it names is unknown",
    )
    return f"""select event_id, record_id, {literal(expectation)} as expectation,
            {literal(reason)} as reason, {column} as value_text
        from {batch.facts()}
        where kind not in {GONE_KINDS} and starts_with({column}, {literal(reference.prefix)})
            and {column} not in (select record_id from {batch.log.scan(reference.target)})"""


def _read_twice_sql(batch: Batch) -> str:
    return f"""select event_id, record_id, 'Id unique' as expectation,
            'read twice in one run under one modification stamp with different values' as reason,
            occurred_at::varchar as value_text
        from {batch.facts()} where record_id <> ''
        qualify count(*) over (partition by record_id, run_id, occurred_at, kind) > 1"""


def _shared_sql(batch: Batch, name: str) -> str:
    column = identifier(name)
    return f"""select event_id, record_id, {literal(f"{name} unique")} as expectation,
            'another record has the same value' as reason, {column} as value_text
        from {batch.facts()}
        where kind not in {GONE_KINDS} and {column} in (
            select {column} from (
                select record_id, max_by({column}, sequence) as {column} from {batch.log.scan(batch.stream)}
                where {column} is not null
                group by record_id having max_by(kind, sequence) not in {GONE_KINDS})
            group by {column} having count(*) > 1)"""


def _unmet(batch: Batch, asked: list[str]) -> pa.Table:
    if not asked:
        return UNMET.empty_table()
    union = " union all ".join(f"({sql})" for sql in asked)
    found = query(
        f"""select event_id, record_id, expectation, reason, false as refuses, value_text
        from ({union}) order by expectation, record_id""",
        batch.folder,
    )
    return found.cast(UNMET)
