"""A night's plan inputs, as the team's settings have them; the same for what is tried afterwards without a night."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.plan.inputs import PlanInputs, PlanParameters
from dagster_project.plan.reading import read_inputs

if TYPE_CHECKING:
    from dagster_project.settings import Settings
    from dagster_project.transform.run import RunDates


def inputs_of_night(marts: Path, settings: Settings, dates: RunDates) -> PlanInputs:
    """What the plan of ``dates`` is made from.

    Args:
        marts: the warehouse, or the file published from it.

    Raises:
        PlanInputError, CsvFileError: see ``reading.read_inputs``.
    """
    return read_inputs(
        marts,
        as_of_date=dates.as_of_date,
        plan_date=dates.plan_date,
        calendar=dates.calendar,
        currency=dates.currency,
        quota_file=settings.quota_file,
        quota_spread=settings.quota_spread,
        rep_file=settings.rep_file,
        absence_file=settings.absence_file,
        parameters=PlanParameters(day=settings.day_pattern, lowest_probability=settings.lowest_probability),
    )
