"""When night, Monday reset and evening run under Dagster: off until a data team turns them on.

The plan itself sees by its dates when a week begins, so that whoever runs the night from cron has the reset with it. Under
Dagster the night of a week's first business day is a job of its own, to be seen, alerted on and run again apart.
"""

from __future__ import annotations

import dagster as dg
from dagster import DagsterInstance

from dagster_project.calendars import BusinessCalendar
from dagster_project.settings import load_settings

MONDAY_RESET_SCHEDULE = "monday_reset_schedule"
EVERYTHING_BUT_THE_REVIEW = dg.AssetSelection.all() - dg.AssetSelection.groups("review")

nightly = dg.define_asset_job(
    "nightly",
    selection=EVERYTHING_BUT_THE_REVIEW,
    executor_def=dg.in_process_executor,
    description="From Salesforce to Salesforce: read, check, build, plan, choose, publish, write back.",
)

monday_reset = dg.define_asset_job(
    "monday_reset",
    selection=EVERYTHING_BUT_THE_REVIEW,
    executor_def=dg.in_process_executor,
    description="The night of a week's first business day: last week against its promise, the rest of the month anew.",
)

evening = dg.define_asset_job(
    "evening",
    selection=dg.AssetSelection.groups("review"),
    executor_def=dg.in_process_executor,
    description="Each rep's review of the day: read what is needed, work it out, write one task a rep.",
)

_settings = load_settings()
_zone = _settings.time_zone or "Asia/Tokyo"


def _calendar() -> BusinessCalendar:
    return BusinessCalendar(_settings.country_code, _settings.region, frozenset(_settings.company_holidays))


def is_business_day(context: dg.ScheduleEvaluationContext) -> bool:
    """Whether anybody works on the day the schedule ticks on."""
    return _calendar().is_business_day(context.scheduled_execution_time.date())


def is_turned_on(instance: DagsterInstance, schedule_name: str) -> bool:
    """Whether a schedule of that name runs on the instance."""
    states = instance.all_instigator_state()
    return any(state.instigator_name == schedule_name and state.is_running for state in states)


@dg.schedule(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=_settings.schedule,
    execution_timezone=_zone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every night, but that of the Monday reset where its schedule is on: no day goes without a run, none has two."""
    day = context.scheduled_execution_time.date()
    if _calendar().is_first_of_week(day) and is_turned_on(context.instance, MONDAY_RESET_SCHEDULE):
        return dg.SkipReason(
            f"{day} is the week's first business day: {MONDAY_RESET_SCHEDULE} runs this night"
        )
    return dg.RunRequest()


@dg.schedule(
    name=MONDAY_RESET_SCHEDULE,
    job=monday_reset,
    cron_schedule=_settings.schedule,
    execution_timezone=_zone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def monday_reset_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The first business day of each week, by the calendar of the settings."""
    day = context.scheduled_execution_time.date()
    if _calendar().is_first_of_week(day):
        return dg.RunRequest()
    return dg.SkipReason(f"{day} is not the first business day of its week")


evening_schedule = dg.ScheduleDefinition(
    name="evening_schedule",
    job=evening,
    cron_schedule=_settings.evening_schedule,
    execution_timezone=_zone,
    should_execute=is_business_day,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
