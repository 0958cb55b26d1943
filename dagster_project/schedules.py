"""When the night runs under Dagster: off until a data team turns it on."""

from __future__ import annotations

import dagster as dg

from dagster_project.settings import load_settings

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="From Salesforce to Salesforce: read, check, build, plan, choose, publish, write back.",
)

_settings = load_settings()

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=_settings.schedule,
    execution_timezone=_settings.time_zone or "Asia/Tokyo",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
