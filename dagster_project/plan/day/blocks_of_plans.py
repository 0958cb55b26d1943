"""The planned day of every rep: working units, the day's numbers and what an activity takes, laid into blocks."""

from __future__ import annotations

import polars as pl

from dagster_project.plan.capacity.working_minutes import minutes_per_rep
from dagster_project.plan.day.blocks import day_blocks
from dagster_project.plan.day.reading import DayInputs
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.working_days import working_days


def blocks_of_plans(
    day: DayInputs, inputs: PlanInputs, plans: pl.DataFrame, steps: pl.DataFrame
) -> pl.DataFrame:
    """Blocks of the plan date for every planned rep, as ``day_blocks.DAY_BLOCK_SCHEMA``.

    Args:
        plans, steps: tonight's, of every scope.
    """
    rep_ids = plans.filter(pl.col("scope_kind") == "rep")["rep_id"].sort().to_list()
    today = (pl.col("level") == "day") & (pl.col("period_start") == inputs.plan_date)
    numbers = steps.filter(today & (pl.col("scope_kind") == "rep")).select("rep_id", "measure", "target")
    minutes = minutes_per_rep(inputs, rep_ids)
    return day_blocks(day, units_of_day(inputs, rep_ids), numbers, minutes, inputs.parameters.day)


def units_of_day(inputs: PlanInputs, rep_ids: list[str]) -> pl.DataFrame:
    """One row per rep, in the order given: `units` of the plan date, and `absent_part` where half of it is off."""
    working = working_days(inputs, rep_ids, inputs.plan_date, inputs.plan_date)
    units = working.units[:, 0] if working.days else [0] * len(rep_ids)
    reps = pl.DataFrame({"rep_id": rep_ids, "units": units}, schema={"rep_id": pl.String, "units": pl.Int64})
    return reps.join(_half_days_off(inputs, rep_ids), on="rep_id", how="left", maintain_order="left")


def _half_days_off(inputs: PlanInputs, rep_ids: list[str]) -> pl.DataFrame:
    """One row per rep with one half of the plan date off: `absent_part`."""
    halves = inputs.absences.filter(
        pl.col("absence_date") == inputs.plan_date, pl.col("part").is_in(["morning", "afternoon"])
    )
    everybody = pl.DataFrame({"rep_id": rep_ids}, schema={"rep_id": pl.String}).join(
        halves.filter(pl.col("rep_id").is_null()).select("part"), how="cross"
    )
    return (
        pl.concat([everybody, halves.drop_nulls("rep_id").select("rep_id", "part")])
        .unique()
        .group_by("rep_id")
        .agg(absent_part=pl.when(pl.len() == 1).then(pl.col("part").first()))
        .drop_nulls("absent_part")
    )
