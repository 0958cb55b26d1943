"""From what was decided to where people see it: the published file, then the rep's own task list."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from connectors.salesforce.writing.apply_actions import WriteOutcome, write_actions
from dagster_project.decisions import (
    ACTIONS_PLANNED,
    CANDIDATES,
    DAY_BLOCKS,
    PLAN_COEFFICIENTS,
    PLAN_LEVERS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
)
from dagster_project.ingest.org import actionable_errors
from dagster_project.ingest.organization import read_organization
from dagster_project.permission import may_write
from dagster_project.progress import current
from dagster_project.publish.day_tables import day_tables
from dagster_project.publish.decided_tables import decided_tables, log_tables
from dagster_project.publish.published_file import publish
from dagster_project.publish.written import need_acceptance
from dagster_project.resources import NightResource
from dagster_project.transform.assets import warehouse
from dagster_project.transform.names import MARTS
from dagster_project.transform.run import run_dates


@dg.asset(
    deps=[
        *sorted(key for key in warehouse.keys if key.path[0] == MARTS),
        PLANS,
        PLAN_STEPS,
        PLAN_WEEKS,
        PLAN_COEFFICIENTS,
        PLAN_LEVERS,
        DAY_BLOCKS,
        CANDIDATES,
        ACTIONS_PLANNED,
    ],
    group_name="publish",
    kinds={"duckdb"},
)
def published_marts(night: NightResource) -> dg.MaterializeResult[None]:
    """The file people query, swapped in whole: every mart, today's plans, candidates and ``sync_next_actions``."""
    with current().step("Publish"):
        dates = run_dates(night)
        tables = log_tables(night.log) | decided_tables(night.log, dates.plan_date)
        tables |= day_tables(night.log, night.settings, dates)
        published = night.settings.published_file
        counts = publish(published, night.settings.warehouse_file, tables)
    rows = [dg.TableRecord({"table": name, "rows": count}) for name, count in counts.items()]
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(published), "tables": dg.MetadataValue.table(rows)}
    )


def write_tasks(night: NightResource, run_id: str) -> WriteOutcome:
    """Bring the org's tasks to ``sync_next_actions`` as published, or find out what that would change."""
    with duckdb.connect(str(night.settings.published_file), read_only=True) as connection:
        rows = connection.sql("select * from sync_next_actions").to_arrow_table()
    permission = may_write(night.settings, read_organization(night.log, night.settings.time_zone))
    with actionable_errors():
        return write_actions(
            night.org,
            night.log,
            rows,
            run_id=run_id,
            clock=lambda: night.now,
            dry_run=night.dry_run or not permission.is_allowed,
            allow_production=night.settings.write_back == "any",
        )


@dg.asset(deps=[published_marts], group_name="publish", kinds={"salesforce"})
def tasks(context: dg.AssetExecutionContext, night: NightResource) -> Iterator[dg.MaterializeResult[None]]:
    """Tasks in Salesforce as ``sync_next_actions`` wants them: upserted by external id, read back, confirmed.

    Raises:
        WriteRefused: more of what was sent was rejected than the set share; what was accepted stands.
    """
    with current().step("Writing back"):
        outcome = write_tasks(night, context.run_id)
    current().outcome = outcome
    yield dg.MaterializeResult(metadata=outcome_metadata(outcome))
    need_acceptance(outcome, night.settings.rejected_share_limit)


def outcome_metadata(outcome: WriteOutcome) -> dict[str, Any]:
    """Counts, why tasks were left alone, and the writes that wait, with their age and Salesforce's words."""
    left_alone = Counter(each.reason for each in outcome.planned if each.decision == "left_alone")
    waiting = [
        dg.TableRecord({name: str(value) for name, value in row.items()})
        for row in outcome.waiting.to_pylist()
    ]
    shown = {"waiting_writes": dg.MetadataValue.table(waiting)} if waiting else {}
    return {
        **outcome.counts(),
        "waiting": len(waiting),
        "mode": outcome.mode,
        "left_alone_because": dict(left_alone),
        "notes": "\n".join(outcome.notes),
        **shown,
    }
