"""Each rep's month, week and day, committed to the log as facts before anyone is told."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.decisions import PLAN_STEPS, PLANS, commit_decisions
from dagster_project.permission import decision_kind
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.reading import read_inputs
from dagster_project.progress import current
from dagster_project.resources import NightResource
from dagster_project.transform.names import mart_keys
from dagster_project.transform.run import RunDates, run_dates

PLAN_MARTS = (
    "dim_rep",
    "fct_quota",
    "fct_opportunity",
    "fct_activity",
    "fct_activity_conversion",
    "fct_win_by_horizon",
    "fct_win_ahead",
    "fct_revenue_velocity",
    "run_parameters",
)


def plan_month(night: NightResource, dates: RunDates) -> PlanTables:
    """The plan of every active rep for the rest of the month of ``plan_date``."""
    settings = night.settings
    inputs = read_inputs(
        settings.warehouse_file,
        as_of_date=dates.as_of_date,
        plan_date=dates.plan_date,
        calendar=dates.calendar,
        currency=dates.currency,
        quota_file=settings.quota_file,
    )
    return make_plans(inputs)


@dg.multi_asset(
    name="plan",
    specs=[
        dg.AssetSpec(
            [PLANS],
            deps=mart_keys(PLAN_MARTS),
            group_name="plan",
            kinds={"polars", "parquet"},
            description="One row per plan date and rep: the goal worked back to what the rest of the month needs.",
        ),
        dg.AssetSpec(
            [PLAN_STEPS],
            deps=mart_keys(PLAN_MARTS),
            group_name="plan",
            kinds={"polars", "parquet"},
            description="One row per plan date, rep, level, period and measure: whole numbers that add up.",
        ),
    ],
)
def plans(context: dg.AssetExecutionContext, night: NightResource) -> Iterator[dg.MaterializeResult[None]]:
    """Work each rep's goal back to weeks and days, and commit it."""
    with current().step("Plan"):
        dates = run_dates(night)
        tables = plan_month(night, dates)
        keys = {
            PLANS: ["plan_date", "rep_id"],
            PLAN_STEPS: ["plan_date", "rep_id", "level", "period_start", "measure"],
        }
        for stream, rows in ((PLANS, tables.plans), (PLAN_STEPS, tables.steps)):
            appended = commit_decisions(
                night.log,
                stream,
                rows,
                key=keys[stream],
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
