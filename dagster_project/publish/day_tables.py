"""The day as people query it: its blocks with the chosen actions in them, and the two lists."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog
from dagster_project.decisions import ACTIONS_PLANNED, CANDIDATES, DAY_BLOCKS, decided_rows
from dagster_project.plan.day.events import local_events, rep_zones
from dagster_project.plan.day.lists import day_list
from dagster_project.plan.day.reading import read_day
from dagster_project.recommend.holdout import with_propensity
from dagster_project.settings import Settings
from dagster_project.transform.run import RunDates


def day_tables(log: EventLog, settings: Settings, dates: RunDates) -> dict[str, pa.Table]:
    """One table each: day_blocks (a row per rep and block) and day_list (a row per line), both of the plan date."""
    blocks = decided_rows(log, DAY_BLOCKS, dates.plan_date)
    actions = decided_rows(log, ACTIONS_PLANNED, dates.plan_date)
    weighed = decided_rows(log, CANDIDATES, dates.plan_date)
    # What would be withheld if it were chosen must not be read in a list of what can wait either.
    shown = with_propensity(weighed, salt=settings.experiment_salt, held_out_share=settings.held_out_share)
    day = read_day(settings.warehouse_file, plan_date=dates.plan_date, time_zone=dates.time_zone)
    lists = day_list(
        dates.plan_date,
        day.reps,
        blocks,
        actions,
        shown.filter(~pl.col("is_held_out")),
        local_events(day, rep_zones(day, day.reps["rep_id"])),
        day.tasks,
    )
    named = blocks.drop("record_id", strict=False)
    return {"day_blocks": with_actions(named, actions).to_arrow(), "day_list": lists.to_arrow()}


def with_actions(blocks: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Blocks with the day's chosen actions in them: `action_keys` in rank order, and the minutes they take."""
    by_block = (
        actions.sort("rep_id", "rank", "action_key")
        .group_by("rep_id", "block", maintain_order=True)
        .agg(action_keys=pl.col("action_key").str.join(", "), action_minutes=pl.col("minutes").sum())
    )
    return blocks.join(by_block, on=["rep_id", "block"], how="left", maintain_order="left").with_columns(
        pl.col("action_keys").fill_null(""), pl.col("action_minutes").fill_null(0)
    )
