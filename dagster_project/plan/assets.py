"""Each rep's month, week and day, committed to the log as facts before anyone is told."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from dagster_project.decisions import (
    DAY_BLOCKS,
    PLAN_COEFFICIENTS,
    PLAN_LEVERS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
    commit_decisions,
)
from dagster_project.permission import decision_kind
from dagster_project.plan.columns import COEFFICIENT_KEY, LEVER_KEY, PLAN_KEY, STEP_KEY, WEEK_KEY
from dagster_project.plan.day.blocks import DAY_BLOCK_KEY
from dagster_project.plan.day.blocks_of_plans import blocks_of_plans
from dagster_project.plan.day.reading import read_day
from dagster_project.plan.night_inputs import inputs_of_night
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.rhythm.earlier import read_earlier
from dagster_project.progress import current
from dagster_project.resources import NightResource
from dagster_project.transform.names import mart_keys
from dagster_project.transform.run import RunDates, run_dates

PLAN_MARTS = (
    "dim_rep",
    "dim_calendar",
    "fct_quota",
    "fct_opportunity",
    "fct_activity",
    "fct_activity_conversion",
    "fct_win_by_horizon",
    "fct_calendar_factor",
    "fct_forecast",
    "fct_hazard_choice",
    "fct_win_ahead",
    "fct_revenue_velocity",
    "run_parameters",
)


DESCRIPTIONS = {
    PLANS: "One row per plan date and rep, team or organisation: the goal worked back to what the rest of the month needs.",
    PLAN_STEPS: "One row per plan date, rep, team or organisation, level, period and measure: whole numbers that add up.",
    PLAN_WEEKS: "On a reset, one row per rep, team or organisation and measure: last week promised and done, this week promised.",
    PLAN_LEVERS: "One row per plan date, rep whose plan does not fit, and lever: the value with which, alone, it would.",
    DAY_BLOCKS: "One row per plan date, rep and block of the day: its minutes, what the calendar takes, the day's numbers.",
    PLAN_COEFFICIENTS: "On a reset, one row per rep, team or organisation and coefficient: the one used, last month's beside.",
}


def plan_month(night: NightResource, dates: RunDates) -> tuple[PlanTables, pl.DataFrame]:
    """The plan of every active rep for the rest of the month of ``plan_date``, and the blocks of that day."""
    settings = night.settings
    inputs = inputs_of_night(settings.warehouse_file, settings, dates)
    tables = make_plans(inputs, read_earlier(night.log, dates.plan_date))
    day = read_day(settings.warehouse_file, plan_date=dates.plan_date, time_zone=dates.time_zone)
    return tables, blocks_of_plans(day, inputs, tables.plans, tables.steps)


@dg.multi_asset(
    name="plan",
    specs=[
        dg.AssetSpec(
            [stream],
            deps=mart_keys(PLAN_MARTS),
            group_name="plan",
            kinds={"polars", "parquet"},
            description=description,
        )
        for stream, description in DESCRIPTIONS.items()
    ],
)
def plans(context: dg.AssetExecutionContext, night: NightResource) -> Iterator[dg.MaterializeResult[None]]:
    """Work each rep's goal back to weeks and days, and commit it."""
    with current().step("Plan"):
        dates = run_dates(night)
        tables, blocks = plan_month(night, dates)
        committed = (
            (PLANS, tables.plans, PLAN_KEY),
            (PLAN_STEPS, tables.steps, STEP_KEY),
            (PLAN_WEEKS, tables.weeks, WEEK_KEY),
            (PLAN_COEFFICIENTS, tables.coefficients, COEFFICIENT_KEY),
            (PLAN_LEVERS, tables.levers, LEVER_KEY),
            (DAY_BLOCKS, blocks, DAY_BLOCK_KEY),
        )
        for stream, rows, key in committed:
            appended = commit_decisions(
                night.log,
                stream,
                rows,
                key=key,
                plan_date=dates.plan_date,
                run_id=context.run_id,
                now=night.now,
                kind=decision_kind(night),
            )
            yield dg.MaterializeResult(
                asset_key=[stream],
                metadata={
                    "dagster/row_count": rows.height,
                    "new_facts": appended,
                    "plan_date": str(dates.plan_date),
                },
            )
