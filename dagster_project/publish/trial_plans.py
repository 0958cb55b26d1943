"""Plans computed again from the published marts, as measured and with coefficients set by hand; nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb
import polars as pl

from dagster_project.calendars import BusinessCalendar
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.night_inputs import inputs_of_night
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.words.page import PlanPage
from dagster_project.publish.scope import Scope
from dagster_project.settings import Settings
from dagster_project.transform.run import RunDates

DATES_SQL = """
    select as_of_date, time_zone, currency, country_code, (select max(plan_date) from plan_today) from run_parameters
"""


def pages_with_and_without(
    settings: Settings, scope: Scope, tried: Mapping[str, float]
) -> tuple[PlanPage, PlanPage]:
    """One scope's plan as of the last night, laid anew over the days left: as measured, then with ``tried``.

    Both are planned as on a reset, so that they differ by the trial and by nothing else.
    """
    inputs = published_inputs(settings)
    parameters = replace(inputs.parameters, what_if=dict(tried))
    return (
        _page(make_plans(inputs), scope),
        _page(make_plans(replace(inputs, parameters=parameters)), scope),
    )


def published_inputs(settings: Settings) -> PlanInputs:
    """What the last night planned from, read from its published file and the team's own files."""
    published = settings.published_file
    with duckdb.connect(str(published), read_only=True) as connection:
        [(as_of_date, time_zone, currency, country, plan_date)] = connection.execute(DATES_SQL).fetchall()
    calendar = BusinessCalendar(country, settings.region, frozenset(settings.company_holidays))
    return inputs_of_night(
        published, settings, RunDates(as_of_date, plan_date, time_zone, currency, calendar)
    )


def _page(tables: PlanTables, scope: Scope) -> PlanPage:
    is_own = (pl.col("scope_kind") == scope.kind) & (pl.col("scope_id") == scope.scope_id)
    return PlanPage(
        tables.plans.row(by_predicate=is_own, named=True),
        tables.steps.filter(is_own),
        tables.weeks.filter(is_own),
        tables.coefficients.filter(is_own),
    )
