"""Loads the one asset graph; nothing else."""

from __future__ import annotations

import dagster as dg

from dagster_project.gate import checks as gate_checks
from dagster_project.ingest import assets as ingest_assets
from dagster_project.plan import assets as plan_assets
from dagster_project.publish import assets as publish_assets
from dagster_project.publish import checks as publish_checks
from dagster_project.recommend import assets as recommend_assets
from dagster_project.resources import NightResource
from dagster_project.review import assets as review_assets
from dagster_project.schedules import (
    evening,
    evening_schedule,
    monday_reset,
    monday_reset_schedule,
    nightly,
    nightly_schedule,
)
from dagster_project.transform import assets as transform_assets

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [ingest_assets, transform_assets, plan_assets, recommend_assets, publish_assets, review_assets]
    ),
    asset_checks=dg.load_asset_checks_from_modules([gate_checks, publish_checks]),
    jobs=[nightly, monday_reset, evening],
    schedules=[nightly_schedule, monday_reset_schedule, evening_schedule],
    resources={"night": NightResource()},
)
