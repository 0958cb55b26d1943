"""The few marts an evening needs, as of a day that is not over yet, in a warehouse of their own.

It starts as a copy of the last night's and is brought up to date like it; the night's own warehouse and what is
remembered of its build stay as they were, so that the next night is as if there had been no evening.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from connectors.event_log import EventLog
from dagster_project.settings import Settings
from dagster_project.transform.dbt_child import run_dbt
from dagster_project.transform.marts_build import begin_build
from dagster_project.transform.run import parameters_as_of

EVENING_MARTS = ("fct_activity", "fct_opportunity", "dim_rep", "run_parameters")


@contextmanager
def evening_marts(settings: Settings, log: EventLog, day: date, now: datetime) -> Iterator[Path]:
    """The warehouse with EVENING_MARTS as of ``day``, as known ``now``; gone afterwards, as erased people must be.

    Raises:
        TransformFailed: dbt could not build them.
    """
    workshop = settings.model_copy(update={"data_dir": settings.data_dir / "evening"})
    _clear(workshop)
    try:
        _start_from_last_night(settings, workshop)
        parameters = parameters_as_of(settings, log, as_of_date=day, known_at=now)
        build = begin_build(workshop, log, parameters)
        anew = ["--full-refresh"] if build.why_whole else []
        run_dbt(workshop, ["run", "--select", *(f"+{name}" for name in EVENING_MARTS), *anew])
        yield workshop.warehouse_file
    finally:
        _clear(workshop)


def _start_from_last_night(settings: Settings, workshop: Settings) -> None:
    workshop.data_dir.mkdir(parents=True, exist_ok=True)
    workshop.log_dir.symlink_to(settings.log_dir, target_is_directory=True)
    night, copy = settings.warehouse_file.parent, workshop.warehouse_file.parent
    copy.mkdir(parents=True, exist_ok=True)
    for name in (settings.warehouse_file.name, "last_build.json"):
        if (night / name).exists():
            # With its times: they are how a build knows the warehouse it left.
            shutil.copy2(night / name, copy / name)


def _clear(workshop: Settings) -> None:
    workshop.log_dir.unlink(missing_ok=True)
    shutil.rmtree(workshop.warehouse_file.parent, ignore_errors=True)
