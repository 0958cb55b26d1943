"""Today's decisions and the log's own records as tables people can query beside the marts."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog
from dagster_project.decisions import (
    ACTIONS_PLANNED,
    CANDIDATES,
    PLAN_COEFFICIENTS,
    PLAN_LEVERS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
    decided_between,
    decided_rows,
)
from dagster_project.publish.carried_over import carried_over
from dagster_project.recommend.sync import sync_next_actions
from dagster_project.undone import without_undone

REFUSED_ROWS_COLUMNS = [
    "run_id",
    "observed_at",
    "stream",
    "record_id_judged",
    "event_id_judged",
    "reason",
    "expectation",
    "value_text",
]
WINDOW_COLUMNS = [
    "stream", "object_name", "kind", "run_id", "observed_at", "window_from_at", "window_to_at", "reason",
    "method", "rows_received", "rows_processed", "rows_counted", "rows_moved_on", "rows_appended", "api_calls", "seconds", "message",
]  # fmt: skip


def _system_columns_dropped(rows: pl.DataFrame) -> pa.Table:
    return rows.drop("record_id", strict=False).to_arrow()


def decided_so_far(log: EventLog, stream: str, plan_date: date) -> pl.DataFrame:
    """What was decided on every day before, and what holds for ``plan_date``, decided or rehearsed."""
    before = decided_between(log, stream, date.min, plan_date)
    return pl.concat([before, decided_rows(log, stream, plan_date)], how="diagonal_relaxed")


def decided_tables(log: EventLog, plan_date: date) -> dict[str, pa.Table]:
    """One table each: plan_today, plan_steps, plan_levers, candidates, actions_planned, sync_next_actions (all of ``plan_date``).

    plan_weeks and plan_coefficients keep what was decided on every reset so far, so that what was promised on a Monday
    stays readable.
    ``sync_next_actions`` holds, beside the day's actions, those of earlier nights that never reached the org; it lacks
    what an undo has taken back.
    """
    actions = decided_rows(log, ACTIONS_PLANNED, plan_date)
    weighed = decided_rows(log, CANDIDATES, plan_date)
    earlier = carried_over(log, weighed, plan_date)
    due = pl.concat([without_undone(log, actions), earlier.select(actions.columns)])
    return {
        "plan_today": _system_columns_dropped(decided_rows(log, PLANS, plan_date)),
        "plan_steps": _system_columns_dropped(decided_rows(log, PLAN_STEPS, plan_date)),
        "plan_weeks": _system_columns_dropped(decided_so_far(log, PLAN_WEEKS, plan_date)),
        "plan_coefficients": _system_columns_dropped(decided_so_far(log, PLAN_COEFFICIENTS, plan_date)),
        "plan_levers": _system_columns_dropped(decided_rows(log, PLAN_LEVERS, plan_date)),
        "candidates": _system_columns_dropped(weighed),
        "actions_planned": _system_columns_dropped(actions),
        "sync_next_actions": sync_next_actions(due).to_arrow(),
    }


def log_tables(log: EventLog) -> dict[str, pa.Table]:
    """One table each: extraction_windows (one row per window and pull) and refused_rows (one per row set aside)."""
    verdicts = log.read("gate_verdicts", where="event_id_judged is not null")
    latest = (
        pl.DataFrame(pl.from_arrow(verdicts))
        .sort("sequence")
        .group_by("event_id_judged", maintain_order=True)
        .last()
    )
    refused = latest.filter(pl.col("kind") == "refused").select(REFUSED_ROWS_COLUMNS)
    return {
        "extraction_windows": log.read("extraction_windows", WINDOW_COLUMNS),
        "refused_rows": refused.to_arrow(),
    }
