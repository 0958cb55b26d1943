"""One build of the marts: what dbt is handed and told before it, and what is remembered after it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.event_log import EventLog
from dagster_project.settings import Settings
from dagster_project.transform.build_state import (
    BuildState,
    last_build_table,
    must_rebuild,
    read_state,
    state_of,
    write_state,
)
from dagster_project.transform.changed_records import CHANGED_SCHEMA, changed_records
from dagster_project.transform.parameters import RunParameters, write_run_files, write_whole

COMMAND = ("build", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class MartsBuild:
    """A build under way. `why_whole`: why everything is built; None when only what changed is."""

    state: BuildState
    why_whole: str | None

    @property
    def command(self) -> list[str]:
        """What dbt is started with."""
        return [*COMMAND, *(["--full-refresh"] if self.why_whole else [])]


def begin_build(settings: Settings, log: EventLog, parameters: RunParameters) -> MartsBuild:
    """Write what dbt reads, and forget the last build: until this one is whole there is none to start from.

    Raises:
        CalendarError: no public holidays are known for the country.
        SettingsError: a window is not two dates in order.
    """
    settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
    remembered = settings.warehouse_file.with_name("last_build.json")
    before = read_state(remembered, settings.warehouse_file)
    now = state_of(log, settings.dbt_dir, parameters, settings.windows, settings.company_holidays)
    reason = must_rebuild(before, now)
    changed = None
    if before is not None and reason is None:
        changed = changed_records(log, settings.warehouse_file, before, parameters.time_zone)
        reason = "stages, currencies or exchange rates changed" if changed is None else None
    remembered.unlink(missing_ok=True)
    write_run_files(settings.run_dir, parameters, settings.windows, settings.company_holidays)
    write_whole(settings.run_dir, "last_build", last_build_table(None if reason else before))
    write_whole(
        settings.run_dir, "changed_records", CHANGED_SCHEMA.empty_table() if changed is None else changed
    )
    return MartsBuild(now, reason)


def finish_build(settings: Settings, build: MartsBuild) -> None:
    """Remember a build that dbt has ended without an error or a failed test."""
    write_state(settings.warehouse_file.with_name("last_build.json"), build.state, settings.warehouse_file)
