"""Decisions are facts (design decision 7): committed to the log before anything is published or sent.

A day can be decided again, after late data say: what changed is appended, what no longer holds is withdrawn, and what
was promised first stays readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog

PLANS = "plans"
PLAN_STEPS = "plan_steps"
CANDIDATES = "candidates"
ACTIONS_PLANNED = "actions_planned"

DECIDED = "planned"
WITHDRAWN = "withdrawn"
_LOG_COLUMNS = (
    "event_id", "record_id", "kind", "occurred_at", "observed_at", "sequence", "run_id", "source", "values_hash",
    "uncast",
)  # fmt: skip


def with_record_id(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows with ``record_id``, their key columns joined by a slash."""
    return rows.with_columns(
        record_id=pl.concat_str([pl.col(name).cast(pl.String) for name in key], separator="/")
    )


def decided_rows(log: EventLog, stream: str, plan_date: date) -> pl.DataFrame:
    """What holds for one day: the last fact of each record that was not withdrawn; columns as decided."""
    if stream not in log.streams():
        return pl.DataFrame()
    facts = log.latest(stream, where=f"plan_date = date '{plan_date.isoformat()}' and kind <> '{WITHDRAWN}'")
    frame = pl.DataFrame(pl.from_arrow(facts))
    return frame.drop(_LOG_COLUMNS)


def _changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    if before.is_empty():
        return after.with_columns(kind=pl.lit(DECIDED))
    values = [name for name in after.columns if name != "record_id"]
    known = before.select(after.columns).cast(dict(after.schema))  # type: ignore[arg-type]
    changed = after.join(known, on=["record_id", *values], how="anti", nulls_equal=True)
    gone = known.join(after, on="record_id", how="anti")
    return pl.concat(
        [changed.with_columns(kind=pl.lit(DECIDED)), gone.with_columns(kind=pl.lit(WITHDRAWN))],
        how="vertical",
    )


def commit_decisions(
    log: EventLog,
    stream: str,
    rows: pl.DataFrame,
    *,
    key: Sequence[str],
    plan_date: date,
    run_id: str,
    now: datetime,
) -> int:
    """Append what differs from what the log holds for ``plan_date``; returns the number of facts.

    ``key`` names the columns that make one record; they include ``plan_date``.
    """
    after = with_record_id(rows, key)
    log.evolve(stream, _fields(after))
    before = _with_record_ids(log, stream, plan_date)
    changes = _changes(before, after).with_columns(occurred_at=pl.lit(now).cast(pl.Datetime("us", "UTC")))
    table = changes.to_arrow()
    return log.append_facts(
        stream, table, run_id=run_id, observed_at=now, key=["record_id", "kind", "occurred_at", *rows.columns]
    ).appended


def _with_record_ids(log: EventLog, stream: str, plan_date: date) -> pl.DataFrame:
    facts = log.latest(stream, where=f"plan_date = date '{plan_date.isoformat()}' and kind <> '{WITHDRAWN}'")
    return pl.DataFrame(pl.from_arrow(facts))


def _fields(rows: pl.DataFrame) -> pa.Schema:
    return rows.drop("record_id").clear().to_arrow().schema
