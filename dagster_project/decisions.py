"""Decisions are facts (design decision 7): committed to the log before anything is published or sent.

A day can be decided again, after late data say: what changed is appended, what no longer holds is withdrawn, and what
was promised first stays readable. What was decided in a run that may not write is a rehearsal: nobody was told, so later
nights do not count it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog

PLANS = "plans"
PLAN_STEPS = "plan_steps"
PLAN_WEEKS = "plan_weeks"
PLAN_COEFFICIENTS = "plan_coefficients"
PLAN_LEVERS = "plan_levers"
DAY_BLOCKS = "day_blocks"
CANDIDATES = "candidates"
ACTIONS_PLANNED = "actions_planned"

DECIDED = "planned"
REHEARSED = "rehearsed"
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
    return _as_decided(_standing(log, stream, plan_date)) if stream in log.streams() else pl.DataFrame()


def decided_between(log: EventLog, stream: str, first: date, before: date) -> pl.DataFrame:
    """What was decided, and neither rehearsed nor withdrawn since, for plan dates in [first, before); columns as decided.

    A rehearsal after the fact leaves the fact standing: nobody was told otherwise.
    """
    if stream not in log.streams():
        return pl.DataFrame()
    dates = f"plan_date >= date '{first.isoformat()}' and plan_date < date '{before.isoformat()}'"
    facts = pl.DataFrame(pl.from_arrow(log.read(stream, where=f"kind <> '{REHEARSED}' and {dates}")))
    last = facts.sort("sequence").unique("record_id", keep="last", maintain_order=True)
    return _as_decided(last.filter(pl.col("kind") == DECIDED))


def _as_decided(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts without the log's own columns. The log keeps no empty text, and the organisation's scope_id is one."""
    rows = facts.drop(_LOG_COLUMNS)
    return rows.with_columns(pl.col("scope_id").fill_null("")) if "scope_id" in rows.columns else rows


def _changes(standing: pl.DataFrame, after: pl.DataFrame, kind: str) -> pl.DataFrame:
    """What to append: rows that are not yet on record as ``kind`` says, and those that no longer hold."""
    values = [name for name in after.columns if name != "record_id"]
    typed = standing.select("kind", *after.columns).cast(dict(after.schema))  # type: ignore[arg-type]
    known = typed if kind == REHEARSED else typed.filter(pl.col("kind") == DECIDED)
    changed = after.join(known, on=["record_id", *values], how="anti", nulls_equal=True)
    gone = typed.drop("kind").join(after, on="record_id", how="anti")
    return pl.concat([changed.with_columns(kind=pl.lit(kind)), gone.with_columns(kind=pl.lit(WITHDRAWN))])


def commit_decisions(
    log: EventLog,
    stream: str,
    rows: pl.DataFrame,
    *,
    key: Sequence[str],
    plan_date: date,
    run_id: str,
    now: datetime,
    kind: str = DECIDED,
) -> int:
    """Append what differs from what the log holds for ``plan_date``; returns the number of facts.

    ``key`` names the columns that make one record; they include ``plan_date``. ``kind`` is DECIDED or REHEARSED.
    """
    # The log keeps no empty text: compared with it, an empty one would be news every time.
    after = with_record_id(rows, key).with_columns(pl.col(pl.String).replace("", None))
    log.evolve(stream, _fields(after))
    changes = _changes(_standing(log, stream, plan_date), after, kind).with_columns(
        occurred_at=pl.lit(now).cast(pl.Datetime("us", "UTC"))
    )
    return log.append_facts(
        stream,
        changes.to_arrow(),
        run_id=run_id,
        observed_at=now,
        key=["record_id", "kind", "occurred_at", *rows.columns],
    ).appended


def _standing(log: EventLog, stream: str, plan_date: date) -> pl.DataFrame:
    facts = log.latest(stream, where=f"plan_date = date '{plan_date.isoformat()}' and kind <> '{WITHDRAWN}'")
    return pl.DataFrame(pl.from_arrow(facts))


def _fields(rows: pl.DataFrame) -> pa.Schema:
    return rows.drop("record_id").clear().to_arrow().schema
