"""Reading what recommend needs: the marts from the warehouse, and earlier decisions from the log's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from dagster_project.recommend.facts import NO_THRESHOLDS, local_date, prepare_facts
from dagster_project.recommend.past import PAST_SCHEMA, TASK_SCHEMA
from dagster_project.recommend.recommend import RecommendInputs, RecommendSettings
from dagster_project.recommend.room import BLOCK_SCHEMA

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "fct_opportunity": (
        "opportunity_id", "opportunity_name", "account_id", "account_name", "rep_id", "team_id", "stage_name",
        "stage_order", "status", "amount", "amount_is_missing", "currency", "created_date", "clock_started_date",
        "closed_date", "close_date", "cycle_days", "close_date_pushes", "next_meeting_at",
    ),
    "fct_stage_spells": (
        "spell_id", "opportunity_id", "spell_number", "stage_name", "stage_order", "entered_at", "left_at",
        "rep_id", "team_id",
    ),
    "fct_activity": (
        "activity_id", "rep_id", "opportunity_id", "who_id", "channel", "subject", "activity_date", "created_at",
        "is_done", "is_touch", "is_inbound", "is_appointment", "is_meeting_held", "is_scheduled", "is_own_write",
        "action_key",
    ),
    "fct_win_ahead": ("opportunity_id", "horizon_kind", "p_win", "upper_80"),
    "dim_rep": ("rep_id", "language", "is_active"),
}  # fmt: skip


def read_inputs(
    warehouse: Path,
    *,
    plan_date: date,
    past_candidates: pl.DataFrame | None = None,
    task_facts: pl.DataFrame | None = None,
    day_blocks: pl.DataFrame | None = None,
    holidays: Sequence[date] = (),
    thresholds: Mapping[str, int] = NO_THRESHOLDS,
    settings: RecommendSettings | None = None,
) -> RecommendInputs:
    """Everything for one night. `as_of_date` and the time zone are those the warehouse was built with.

    `past_candidates`: the log's `candidates` (any columns beyond `past_actions` needs are ignored). `task_facts`: the
    log's `task`, latest per record, Salesforce's names. `day_blocks`: the log's `day_blocks` of the plan date. Raises duckdb.Error when the warehouse or a mart is missing.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        marts = {name: _mart(connection, name, columns) for name, columns in COLUMNS.items()}
        as_of_date, time_zone = _parameters(connection)
    facts = prepare_facts(
        as_of_date=as_of_date,
        plan_date=plan_date,
        time_zone=time_zone,
        opportunities=marts["fct_opportunity"],
        spells=marts["fct_stage_spells"],
        activities=marts["fct_activity"],
        win_ahead=marts["fct_win_ahead"],
        holidays=holidays,
        thresholds=thresholds,
    )
    return RecommendInputs(
        facts=facts,
        reps=marts["dim_rep"],
        day_blocks=blocks_of_day(day_blocks),
        past_actions=past_actions(past_candidates),
        own_tasks=own_tasks(task_facts, time_zone),
        settings=settings or RecommendSettings(),
    )


def blocks_of_day(day_blocks: pl.DataFrame | None) -> pl.DataFrame:
    """The blocks of the day as the choice needs them (room.BLOCK_SCHEMA)."""
    if day_blocks is None or day_blocks.is_empty():
        return pl.DataFrame(schema=BLOCK_SCHEMA)
    return day_blocks.select(pl.col(name).cast(dtype) for name, dtype in BLOCK_SCHEMA.items())


def past_actions(candidates: pl.DataFrame | None) -> pl.DataFrame:
    """The cards of earlier nights that were chosen, shown or withheld, from the log's `candidates` (PAST_SCHEMA)."""
    if candidates is None or candidates.is_empty():
        return pl.DataFrame(schema=PAST_SCHEMA)
    held_out = (pl.col("left_out_reason") == "held_out").fill_null(False)
    return (
        candidates.filter(pl.col("is_chosen") | held_out)
        .with_columns(is_held_out=held_out)
        .select([pl.col(name).cast(dtype) for name, dtype in PAST_SCHEMA.items()])
    )


def own_tasks(task_facts: pl.DataFrame | None, time_zone: str) -> pl.DataFrame:
    """What became of the tasks we made (TASK_SCHEMA); a dismissal is dated by the change that carried it."""
    needed = {"GyakusanActionKey__c", "GyakusanDismissedBecause__c", "kind", "occurred_at", "IsClosed"}
    if task_facts is None or task_facts.is_empty() or not needed <= set(task_facts.columns):
        return pl.DataFrame(schema=TASK_SCHEMA)
    dismissed = pl.col("GyakusanDismissedBecause__c").fill_null("") != ""
    changed = local_date("occurred_at", task_facts.schema["occurred_at"], time_zone)
    return task_facts.filter(pl.col("GyakusanActionKey__c").is_not_null()).select(
        action_key=pl.col("GyakusanActionKey__c"),
        is_done=pl.col("IsClosed").cast(pl.Boolean).fill_null(False),
        is_deleted=pl.col("kind").is_in(["deleted", "purged"]),
        dismissed_date=pl.when(dismissed).then(changed),
    )


def _mart(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> pl.DataFrame:
    # A rebuilt warehouse holds the same rows in another order; ties must not follow it.
    rows: pl.DataFrame = connection.sql(f"select {', '.join(columns)} from {name} order by all").pl()
    return rows


def _parameters(connection: duckdb.DuckDBPyConnection) -> tuple[date, str]:
    found: pl.DataFrame = connection.sql("select as_of_date, time_zone from run_parameters").pl()
    if found.is_empty():
        raise ValueError("run_parameters is empty: the warehouse was not built for any day")
    as_of_date, time_zone = found.row(0)
    return as_of_date, str(time_zone)
