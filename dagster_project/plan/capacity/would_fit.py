"""The plans of tonight that do not fit, and the one change of each lever with which they would (method §5)."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.plan.capacity.levers import (
    LEVER_SCHEMA,
    PLAN,
    SMALLEST_CYCLE_SHARE,
    Question,
    plan_levers,
)
from dagster_project.plan.capacity.working_minutes import (
    Capacity,
    for_own_part,
    minutes_per_rep,
    plan_minutes,
    rep_capacity,
)
from dagster_project.plan.coefficients import share_won_by_day
from dagster_project.plan.counts import Counts, catch_up_limit
from dagster_project.plan.goals.rep_goals import DEALS
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.roles import INSIDE_SALES
from dagster_project.plan.rep_month import RepMonths, coefficients_of, situation

LONGEST_MONTH_DAYS = 31


def month_capacity(inputs: PlanInputs, months: RepMonths) -> Capacity:
    """Minutes of each rep's activities and of the days left."""
    minutes = minutes_per_rep(inputs, months.table["rep_id"].to_list())
    return rep_capacity(minutes, months.remaining.units_left, inputs.parameters)


def minutes_of_plans(counts: Counts, capacity: Capacity) -> pl.DataFrame:
    """One row per rep: `planned_minutes` the plan takes, `working_minutes` the days left hold, in whole minutes.

    `rounding_minutes`: one of each activity; a plan that fits to the minute may take so much more in whole activities.
    """
    taken = plan_minutes(
        counts.planned_meetings.astype(np.float64),
        counts.planned_appointments.astype(np.float64),
        counts.planned_touches.astype(np.float64),
        capacity,
    )
    ones = np.ones(len(taken))
    whole = {
        "planned_minutes": taken,
        "working_minutes": capacity.working_minutes,
        "rounding_minutes": plan_minutes(ones, ones, ones, capacity),
    }
    return pl.DataFrame({name: np.round(minutes).astype(np.int64) for name, minutes in whole.items()})


def levers_of_plans(
    inputs: PlanInputs, months: RepMonths, capacity: Capacity, chances: pl.DataFrame
) -> pl.DataFrame:
    """One row per plan_date, rep whose plan does not fit, and lever (`levers.plan_levers`).

    Args:
        chances: one row per scope with probability_of_quota and insurance_meetings.
    """
    ids, roles = months.table["rep_id"].to_list(), months.table["role"].to_list()
    asked = np.array([role != INSIDE_SALES for role in roles], dtype=np.bool_)
    question = _question(inputs, months, for_own_part(capacity, roles), chances)
    rows = plan_levers(ids, question, inputs.parameters, asked)
    # Of a goal in deals every deal counts 1, whatever its price.
    in_deals = months.table.filter(pl.col("goal_unit") == DEALS)["rep_id"].to_list()
    rows = rows.filter((pl.col("lever") != "average_price") | ~pl.col("rep_id").is_in(in_deals))
    return rows.select(pl.lit(inputs.plan_date).alias("plan_date"), *LEVER_SCHEMA)


def with_levers(table: pl.DataFrame, levers: pl.DataFrame) -> pl.DataFrame:
    """The plans' working table with `levers`, the rows of each rep whose plan does not fit; null where it does."""
    of_plans = levers.filter(pl.col("target") == PLAN)
    listed = of_plans.group_by("rep_id", maintain_order=True).agg(
        levers=pl.struct("lever", "now", "needed", "is_reachable")
    )
    return table.join(listed, on="rep_id", how="left", maintain_order="left")


def _question(inputs: PlanInputs, months: RepMonths, capacity: Capacity, chances: pl.DataFrame) -> Question:
    table, days = months.table, months.remaining.days
    longest = int(np.ceil(LONGEST_MONTH_DAYS / SMALLEST_CYCLE_SHARE))
    own = _insurance(table["rep_id"], chances, inputs.parameters.insurance_probability)
    in_hand = table["won_amount_to_date"] + table["in_flight_expected_amount"]
    return Question(
        situation=situation(months),
        coefficients=coefficients_of(table),
        capacity=capacity,
        won_or_expected=in_hand.to_numpy(),
        cycle_days=table["average_cycle_days"].to_numpy(),
        share_won_by_day=share_won_by_day(inputs, longest),
        days_to_month_end=np.array([(inputs.month_end_date - day).days for day in days], dtype=np.int64),
        units=months.remaining.weights,
        catch_up=catch_up_limit(table["won_in_time_share"].to_numpy(), inputs.parameters),
        is_unlikely=own["is_unlikely"].fill_null(False).to_numpy(),
        insured_meetings=own["insured"].fill_null(0.0).to_numpy(),
    )


def _insurance(rep_ids: pl.Series, chances: pl.DataFrame, wanted_chance: float) -> pl.DataFrame:
    """One row per rep, in the order given: `is_unlikely`, the chance of quota being too small, and `insured` meetings."""
    is_unlikely = pl.col("probability_of_quota") < wanted_chance
    own = chances.filter(pl.col("scope_kind") == "rep").select(
        rep_id="scope_id",
        is_unlikely=is_unlikely,
        insured=pl.when(is_unlikely).then(pl.col("insurance_meetings")).cast(pl.Float64),
    )
    return pl.DataFrame({"rep_id": rep_ids}).join(own, on="rep_id", how="left", maintain_order="left")
