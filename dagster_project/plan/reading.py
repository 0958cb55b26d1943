"""Reading what a plan needs: the marts from the warehouse, quotas the org does not hold from a CSV."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from dagster_project.plan.calendars import BusinessCalendar
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.quotas import with_quota_file
from dagster_project.plan.warehouse import read_frames


def read_inputs(
    warehouse: Path,
    *,
    as_of_date: date,
    plan_date: date,
    calendar: BusinessCalendar,
    currency: str,
    parameters: PlanParameters | None = None,
    quota_file: Path | None = None,
) -> PlanInputs:
    """Read the marts a plan needs, read-only and only the rows and columns it uses.

    Args:
        quota_file: CSV of the quotas that the org itself does not hold (``quotas``).

    Raises:
        PlanInputError: the warehouse is missing, or one of its marts or columns is.
        QuotaFileError: the quota file is malformed.
    """
    frames = read_frames(warehouse, as_of_date=as_of_date, plan_date=plan_date)
    if quota_file is not None:
        frames["quotas"] = with_quota_file(frames["quotas"], quota_file, frames["reps"], currency)
    return PlanInputs(
        as_of_date=as_of_date,
        plan_date=plan_date,
        calendar=calendar,
        currency=currency,
        parameters=parameters or PlanParameters(),
        **frames,
    )
