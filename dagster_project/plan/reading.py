"""Reading what a plan needs: the marts from the warehouse, and from CSVs what the org does not hold."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from dagster_project.calendars import BusinessCalendar, month_end, month_start
from dagster_project.plan.goals.fiscal import FiscalCalendar
from dagster_project.plan.goals.quota_months import MonthWeights, QuotaSpread
from dagster_project.plan.goals.quotas import QuotaPeriods, with_quota_file
from dagster_project.plan.input_frames import SCHEMAS, conformed
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.people.absence_file import read_absence_file
from dagster_project.plan.people.rep_file import with_rep_file
from dagster_project.plan.warehouse import QUOTA_QUERIES, read_frames

# As far as the pace of the weeks before this month looks back, and more.
ABSENCE_DAYS_BACK = 62


def read_inputs(
    warehouse: Path,
    *,
    as_of_date: date,
    plan_date: date,
    calendar: BusinessCalendar,
    currency: str,
    parameters: PlanParameters | None = None,
    quota_file: Path | None = None,
    quota_spread: QuotaSpread = "seasonal",
    rep_file: Path | None = None,
    absence_file: Path | None = None,
) -> PlanInputs:
    """Read the marts a plan needs, read-only and only the rows and columns it uses.

    Args:
        quota_file: CSV of the quotas that the org itself does not hold (``quotas``).
        quota_spread: how its quotas of longer periods come down to months.
        rep_file: CSV of countries, working time, first and last days and roles (``rep_file``).
        absence_file: CSV of absences and company days (``absence_file``), beside those of the CRM's calendar.

    Raises:
        PlanInputError: the warehouse is missing, or one of its marts or columns is.
        CsvFileError: one of the files is malformed.
    """
    frames = read_frames(warehouse, as_of_date=as_of_date, plan_date=plan_date)
    if quota_file is not None:
        past = read_frames(warehouse, as_of_date=as_of_date, plan_date=plan_date, queries=QUOTA_QUERIES)
        days = frozenset(past["business_days"]["date_day"].to_list())
        periods = QuotaPeriods(
            FiscalCalendar.of(past["fiscal_quarters"]),
            MonthWeights(quota_spread, past["won_by_month"], as_of_date, days),
        )
        frames["quotas"] = with_quota_file(frames["quotas"], quota_file, frames["reps"], currency, periods)
    if rep_file is not None:
        frames["reps"] = with_rep_file(frames["reps"], rep_file, calendar.country)
    if absence_file is not None:
        first = month_start(plan_date) - timedelta(days=ABSENCE_DAYS_BACK)
        written = read_absence_file(absence_file, frames["reps"], first, month_end(plan_date))
        own = conformed("absences", frames["absences"], SCHEMAS["absences"])
        frames["absences"] = pl.concat([own, written])
    return PlanInputs(
        as_of_date=as_of_date,
        plan_date=plan_date,
        calendar=calendar,
        currency=currency,
        parameters=parameters or PlanParameters(),
        **frames,
    )
