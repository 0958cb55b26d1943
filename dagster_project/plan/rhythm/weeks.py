"""The Monday page: last week promised against done, this week's promise, the coefficients and last month's beside.

Committed on a reset and never changed by later nights, so that what was promised on Monday stays readable.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from dagster_project.calendars import month_start, week_start
from dagster_project.log_odds import interval_80
from dagster_project.plan.columns import (
    COEFFICIENT_COLUMNS,
    SCOPE_KEY,
    WEEK_COLUMNS,
)
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.roles import PARTS
from dagster_project.plan.rhythm.reset import EarlierPlans, Promise, done_between
from dagster_project.plan.scopes import as_rep_rows, known_sum, members
from dagster_project.plan.steps import MEASURES, by_rep_and_measure

RATES = ("win_rate", "appointment_to_meeting", "touch_to_appointment")
COEFFICIENTS = ("average_price", *RATES, "average_cycle_days")


def last_weeks(earlier: EarlierPlans, reps: pl.DataFrame, inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep and measure that a rep promised for an earlier week: its last promise, and what was done of it.

    Columns: rep_id, measure, last_week_start, last_week_end, last_week_promised, last_week_done, last_a_day (mean of
    the promised days). A week is clipped to its month, as in the plan; it begins with the day of the reset.
    """
    since = max(week_start(inputs.plan_date), month_start(inputs.plan_date))
    told = (
        earlier.plans.filter(pl.col("plan_date") < since)
        .sort("plan_date")
        .unique("rep_id", keep="last", maintain_order=True)
        .select("rep_id", plan_date="reset_date")
    )
    rows = earlier.steps.join(told, on=["rep_id", "plan_date"])
    first = pl.col("period_start").dt.truncate("1w") == pl.col("plan_date").dt.truncate("1w")
    weeks = rows.filter(first, pl.col("level") == "week").select(
        "rep_id",
        "measure",
        last_week_start="period_start",
        last_week_end="period_end",
        last_week_promised="target",
    )
    days = rows.filter(first, pl.col("level") == "day").group_by("rep_id", "measure")
    a_day = days.agg(last_a_day=pl.col("target").mean())
    key = ["rep_id", "measure"]
    return weeks.join(_done_of(weeks, inputs), on=key).join(a_day, on=key, how="left").sort(key)


def _done_of(weeks: pl.DataFrame, inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep and measure: last_week_done from the first to the last day of the rep's last week."""
    spans = weeks.group_by("rep_id", maintain_order=True).agg(
        from_date=pl.col("last_week_start").first(), to_date=pl.col("last_week_end").first()
    )
    return by_rep_and_measure(spans["rep_id"].to_list(), last_week_done=done_between(inputs, spans))


def week_table(last: pl.DataFrame, reps: pl.DataFrame, promise: Promise, inputs: PlanInputs) -> pl.DataFrame:
    """One row per scope and measure of everybody who is reset tonight, as ``columns.WEEK_SCHEMA``.

    A team has a row when one of its reps is reset; it adds up what each of them has promised for this week.
    """
    rows = _weeks_of_reps(last, reps, promise, inputs)
    together = (
        members(reps)
        .join(rows, on="rep_id")
        .group_by(*SCOPE_KEY, "measure")
        .agg(
            pl.lit(None, pl.String).alias("rep_id"),
            pl.col("last_week_start", "week_start").min(),
            pl.col("last_week_end", "week_end").max(),
            *(known_sum(column) for column in ("last_week_promised", "last_week_done", "promised")),
        )
    )
    both = pl.concat([as_rep_rows(rows), together], how="diagonal")
    return (
        _of_reset_scopes(both, reps, inputs.plan_date)
        .select(pl.col(name).cast(kind) for name, kind in WEEK_COLUMNS.items())
        .sort(*_scope_order(), pl.col("measure").cast(pl.Enum(MEASURES)))
    )


def _weeks_of_reps(
    last: pl.DataFrame, reps: pl.DataFrame, promise: Promise, inputs: PlanInputs
) -> pl.DataFrame:
    """One row per rep and measure of its own part of the tree: the last week and the standing promise."""
    parts = pl.DataFrame(
        [(role, measure) for role, measures in PARTS.items() for measure in measures],
        schema={"role": pl.String, "measure": pl.String},
        orient="row",
    )
    sunday = week_start(inputs.plan_date) + timedelta(days=6)
    key = ["rep_id", "measure"]
    return (
        reps.select("rep_id", "role", week_start="reset_date")
        .join(parts, on="role")
        .join(by_rep_and_measure(reps["rep_id"].to_list(), promised=promise.promised), on=key)
        .join(last, on=key, how="left")
        .with_columns(week_end=pl.lit(min(sunday, inputs.month_end_date)))
    )


def coefficient_table(table: pl.DataFrame, reps: pl.DataFrame, inputs: PlanInputs) -> pl.DataFrame:
    """One row per scope and coefficient of everybody who is reset tonight, as ``columns.COEFFICIENT_SCHEMA``.

    Args:
        table: reps, teams and organisation with their coefficients, ``_origin`` and ``_spread``.
    """
    rows = pl.concat(_coefficient(table, measure) for measure in COEFFICIENTS)
    return (
        _of_reset_scopes(rows, reps, inputs.plan_date)
        .join(inputs.last_month, on=[*SCOPE_KEY, "measure"], how="left")
        .select(pl.col(name).cast(kind) for name, kind in COEFFICIENT_COLUMNS.items())
        .sort(*_scope_order(), pl.col("measure").cast(pl.Enum(COEFFICIENTS)))
    )


def _coefficient(table: pl.DataFrame, measure: str) -> pl.DataFrame:
    value = table[measure].cast(pl.Float64)
    lower, upper = interval_80(value, table[f"{measure}_spread"]) if measure in RATES else (None, None)
    return table.select(
        *SCOPE_KEY,
        "rep_id",
        measure=pl.lit(measure),
        value=value,
        lower_80=pl.lit(lower, pl.Float64) if lower is None else lower,
        upper_80=pl.lit(upper, pl.Float64) if upper is None else upper,
        origin=pl.col(f"{measure}_origin"),
    )


def _of_reset_scopes(rows: pl.DataFrame, reps: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    reset = reps.filter(pl.col("reset_date") == plan_date)
    around = members(reps).filter(pl.col("rep_id").is_in(reset["rep_id"].to_list())).select(SCOPE_KEY)
    scopes = pl.concat([as_rep_rows(reset).select(SCOPE_KEY), around.unique()])
    return rows.join(scopes, on=SCOPE_KEY, how="semi").with_columns(plan_date=pl.lit(plan_date))


def _scope_order() -> list[pl.Expr]:
    return [pl.col("scope_kind").cast(pl.Enum(["rep", "team", "organization"])), pl.col("scope_id")]
