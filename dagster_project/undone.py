"""What people took back with ``gyakusan undo``, and what that means for the days after.

An undone day stays undone: its cards are not sent again for that day. From the next day on they count as never shown,
not as refused by the rep: the rules may choose them again on what is true by then.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.write_facts import ACTIONS_UNDONE, known_task_ids, write_facts
from dagster_project.decisions import ACTIONS_PLANNED, decided_rows
from dagster_project.review.keys import REVIEW_PREFIX

TAKEN_BACK = "taken_back"
DELETED = ("deleted",)
DELETED_OR_RESTORED = ("deleted", "restored")


def frame(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a polars frame."""
    return pl.DataFrame(pl.from_arrow(table))


def undone_actions(log: EventLog, kinds: Collection[str] = DELETED_OR_RESTORED) -> pl.DataFrame:
    """One row per action taken back: `action_key`, and `undone_date`, the last day it was taken back for."""
    facts = frame(write_facts(log, ACTIONS_UNDONE)).filter(pl.col("kind").is_in(list(kinds)))
    return facts.group_by("action_key").agg(undone_date=pl.col("activity_date").max())


def without_undone(
    log: EventLog, rows: pl.DataFrame, kinds: Collection[str] = DELETED_OR_RESTORED
) -> pl.DataFrame:
    """Decisions (`action_key`, `plan_date`) without those for a day that was taken back.

    With DELETED only those whose task is gone: a task that got its earlier values back is still on its owner's list.
    """
    if rows.is_empty():
        return rows
    return rows.filter(~_is_undone(log, rows, kinds))


def marked_as_taken_back(log: EventLog, candidates: pl.DataFrame, left_out: pl.Series) -> pl.DataFrame:
    """Candidates of which none is chosen whose task was deleted again that day; `left_out_reason` says so.

    `left_out`: action keys that are not sent because their day was taken back.
    """
    if candidates.is_empty():
        return candidates
    gone = _is_undone(log, candidates, DELETED) | candidates["action_key"].is_in(left_out.implode())
    return candidates.with_columns(
        is_chosen=pl.col("is_chosen") & ~gone,
        left_out_reason=pl.when(gone).then(pl.lit(TAKEN_BACK)).otherwise(pl.col("left_out_reason")),
        rank=pl.when(~gone).then(pl.col("rank")),
    )


def only_what_stood(log: EventLog, plan_date: date, chosen: pl.DataFrame) -> pl.Series:
    """Whether each chosen row may stand: all of them, but on a day that was taken back only what was planned before.

    A day from which cards were taken back gets no others.
    """
    undone = undone_actions(log, DELETED).filter(~pl.col("action_key").str.starts_with(REVIEW_PREFIX))
    if undone.filter(pl.col("undone_date") >= plan_date).is_empty():
        return pl.Series([True] * chosen.height, dtype=pl.Boolean)
    return chosen["action_key"].is_in(decided_rows(log, ACTIONS_PLANNED, plan_date)["action_key"].implode())


def _is_undone(log: EventLog, rows: pl.DataFrame, kinds: Collection[str]) -> pl.Series:
    joined = rows.select("action_key", "plan_date").join(
        undone_actions(log, kinds), on="action_key", how="left", maintain_order="left"
    )
    return joined.select((pl.col("plan_date") <= pl.col("undone_date")).fill_null(False)).to_series()


def tasks_with_keys(log: EventLog) -> pl.DataFrame:
    """The log's `task`, latest per record; our own carry their action key even where the org lacks the field.

    There the tasks are known by the Ids the org answered with, so that a subject its owner rewrote loses none.
    """
    tasks = frame(log.latest("task"))
    key_of = {task_id: key for key, task_id in known_task_ids(log).items()}
    known = pl.DataFrame(
        {"record_id": list(key_of), "known_key": list(key_of.values())},
        schema={"record_id": pl.String, "known_key": pl.String},
    )
    named = tasks.join(known, on="record_id", how="left", maintain_order="left")
    return named.with_columns(pl.coalesce(ACTION_KEY_FIELD, "known_key").alias(ACTION_KEY_FIELD)).drop(
        "known_key"
    )
