"""Which night runs when under Dagster: every day one of the two, never both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from dagster_project import schedules
from dagster_project.calendars import BusinessCalendar
from dagster_project.definitions import defs
from dagster_project.schedules import MONDAY_RESET_SCHEDULE, monday_reset_schedule, nightly_schedule

MONDAY = date(2026, 10, 19)
# Monday 12 October 2026 is Sports Day in Japan: the week begins on Tuesday.
HOLIDAY_MONDAY, TUESDAY_AFTER = date(2026, 10, 12), date(2026, 10, 13)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as persisted:
        yield persisted


@pytest.fixture
def with_reset(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same with the Monday reset turned on, as its switch in Dagster's pages does."""
    target = LoadableTargetOrigin(module_name="dagster_project.definitions")
    repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(target), "__repository__")
    origin = RemoteInstigatorOrigin(repository, MONDAY_RESET_SCHEDULE)
    data = ScheduleInstigatorData(nightly_schedule.cron_schedule)
    state = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    return instance


def ticked(
    schedule: dg.ScheduleDefinition, day: date, instance: dg.DagsterInstance
) -> dg.RunRequest | dg.SkipReason:
    at = datetime(day.year, day.month, day.day, 5, tzinfo=ZoneInfo("Asia/Tokyo"))
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
        found = schedule(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def runs(schedule: dg.ScheduleDefinition, day: date, instance: dg.DagsterInstance) -> bool:
    return isinstance(ticked(schedule, day, instance), dg.RunRequest)


def test_the_reset_runs_on_mondays_only(instance: dg.DagsterInstance) -> None:
    week = [MONDAY + timedelta(days=n) for n in range(7)]
    assert [runs(monday_reset_schedule, day, instance) for day in week] == [True] + 6 * [False]


def test_after_a_holiday_monday_the_reset_runs_on_tuesday(instance: dg.DagsterInstance) -> None:
    skipped = ticked(monday_reset_schedule, HOLIDAY_MONDAY, instance)
    assert isinstance(skipped, dg.SkipReason)
    assert "2026-10-12 is not the first business day" in str(skipped.skip_message)
    assert runs(monday_reset_schedule, TUESDAY_AFTER, instance)


def test_company_holidays_count(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = BusinessCalendar("JP", company_days_off=frozenset({MONDAY}))
    monkeypatch.setattr(schedules, "_calendar", lambda: closed)
    assert not runs(monday_reset_schedule, MONDAY, instance)
    assert runs(monday_reset_schedule, MONDAY + timedelta(days=1), instance)


def test_the_night_runs_every_day_while_the_reset_is_off(instance: dg.DagsterInstance) -> None:
    assert all(runs(nightly_schedule, MONDAY + timedelta(days=n), instance) for n in range(14))


def test_every_day_has_exactly_one_run_when_both_are_on(with_reset: dg.DagsterInstance) -> None:
    days = [HOLIDAY_MONDAY + timedelta(days=n) for n in range(28)]
    both = (nightly_schedule, monday_reset_schedule)
    assert {sum(runs(schedule, day, with_reset) for schedule in both) for day in days} == {1}


def test_night_and_reset_make_the_same_assets() -> None:
    selected = [
        set(defs.resolve_job_def(name).asset_layer.selected_asset_keys)
        for name in ("nightly", "monday_reset")
    ]
    assert selected[0] == selected[1]
