"""Cards of earlier nights that never reached the org: as long as they stand, they are sent again.

What was decided counts as shown only where the org shows it. A card that was locked out, refused, or cut off by a limit
or a crash stays with its rep's list and is sent every night until the org accepts it, its fact no longer holds, or its
life ends.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from connectors.event_log import EventLog
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.write_facts import (
    ACTIONS_CONFIRMED,
    ACTIONS_SENT,
    deleted_by_undo,
    write_facts,
)
from dagster_project.decisions import ACTIONS_PLANNED, DECIDED, WITHDRAWN
from dagster_project.undone import frame, tasks_with_keys, without_undone

STANDING = "still_on_list"
TASK_STREAM = "task"


def carried_over(log: EventLog, candidates: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    """Actions decided before ``plan_date`` that still stand and that the org never showed, as they were decided.

    One that is not in the org at all gets ``plan_date`` as its due date: nobody finds a new task overdue. One that
    arrived without our knowing keeps the date it was sent with.
    """
    decided = _decided_before(log, plan_date)
    if decided.is_empty() or candidates.is_empty():
        return decided.clear()
    standing = candidates.filter(pl.col("left_out_reason") == STANDING)["action_key"]
    waiting = decided.filter(
        pl.col("action_key").is_in(standing.to_list()) & ~pl.col("action_key").is_in(_shown_keys(log))
    )
    in_org = pl.col("action_key").is_in(_arrived_keys(log))
    dated = pl.when(in_org).then(pl.coalesce("sent_date", "due_date")).otherwise(pl.lit(plan_date))
    waiting = without_undone(log, waiting).join(_last_sent(log), on="action_key", how="left")
    return waiting.with_columns(due_date=dated).drop("sent_date").sort("plan_date", "action_key")


def _decided_before(log: EventLog, plan_date: date) -> pl.DataFrame:
    """The last decision on each action before a day, columns as committed."""
    if ACTIONS_PLANNED not in log.streams():
        return pl.DataFrame()
    counted = f"kind in ('{DECIDED}', '{WITHDRAWN}') and plan_date < date '{plan_date.isoformat()}'"
    facts = frame(log.read(ACTIONS_PLANNED, where=counted)).sort("sequence")
    last = facts.unique("record_id", keep="last", maintain_order=True).filter(pl.col("kind") == DECIDED)
    return last.sort("plan_date", "sequence").unique("action_key", keep="last", maintain_order=True)


def _shown_keys(log: EventLog) -> list[str]:
    """Actions a read-back showed, on a task we did not take back since."""
    facts = frame(write_facts(log, ACTIONS_CONFIRMED)).filter(
        ~pl.col("task_id").is_in(list(deleted_by_undo(log))).fill_null(False)
    )
    return facts["action_key"].unique().to_list()


def _last_sent(log: EventLog) -> pl.DataFrame:
    """`action_key` and `sent_date`: the due date it was last sent with."""
    sent = frame(write_facts(log, ACTIONS_SENT)).filter(pl.col("activity_date").is_not_null())
    return sent.group_by("action_key").agg(sent_date=pl.col("activity_date").sort_by("sequence").last())


def _arrived_keys(log: EventLog) -> list[str]:
    """Actions the org holds, as far as its answers and the last pull tell."""
    sent = frame(write_facts(log, ACTIONS_SENT)).filter(pl.col("task_id").is_not_null())["action_key"]
    pulled = tasks_with_keys(log)[ACTION_KEY_FIELD] if TASK_STREAM in log.streams() else sent.clear()
    return pl.concat([sent, pulled]).drop_nulls().unique().to_list()
