"""From what was decided to where people see it: the published file, then the rep's own task list."""

import dagster as dg
import duckdb

from connectors.salesforce.apply_actions import WriteOutcome, write_actions
from dagster_project.decisions import ACTIONS_PLANNED, CANDIDATES, PLAN_STEPS, PLANS
from dagster_project.errors import WriteRefused
from dagster_project.ingest.org import actionable_errors, connect_to_org
from dagster_project.ingest.organization import read_organization
from dagster_project.permission import may_write
from dagster_project.progress import current
from dagster_project.publish.decided_tables import decided_tables, log_tables
from dagster_project.publish.published_file import publish
from dagster_project.resources import NightResource
from dagster_project.transform.assets import warehouse
from dagster_project.transform.names import MARTS
from dagster_project.transform.run import run_dates


@dg.asset(
    deps=[
        *sorted(key for key in warehouse.keys if key.path[0] == MARTS),
        PLANS,
        PLAN_STEPS,
        CANDIDATES,
        ACTIONS_PLANNED,
    ],
    group_name="publish",
    kinds={"duckdb"},
)
def published_marts(night: NightResource) -> dg.MaterializeResult[None]:
    """The file people query, swapped in whole: every mart, today's plans, candidates and ``sync_next_actions``."""
    with current().step("Publish"):
        tables = log_tables(night.log)
        if night.past_date is None:
            tables |= decided_tables(night.log, run_dates(night).plan_date)
        counts = publish(night.published_file, night.settings.warehouse_file, tables)
    rows = [dg.TableRecord({"table": name, "rows": count}) for name, count in counts.items()]
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(night.published_file), "tables": dg.MetadataValue.table(rows)}
    )


def write_tasks(night: NightResource, run_id: str) -> WriteOutcome:
    """Bring the org's tasks to ``sync_next_actions`` as published, or find out what that would change.

    Raises:
        WriteRefused: more rows were rejected than the set share.
    """
    with duckdb.connect(str(night.published_file), read_only=True) as connection:
        rows = connection.sql("select * from sync_next_actions").to_arrow_table()
    permission = may_write(
        night.settings, read_organization(night.log, night.settings.time_zone), looks_back=False
    )
    with actionable_errors():
        outcome = write_actions(
            connect_to_org(night.settings),
            night.log,
            rows,
            run_id=run_id,
            clock=lambda: night.now,
            dry_run=night.dry_run or not permission.is_allowed,
            allow_production=night.settings.write_back == "any",
        )
    counts = outcome.counts()
    failed = counts["rejected"] + counts["unsent"]
    if failed and failed > night.settings.rejected_share_limit * len(outcome.planned):
        words = "; ".join(sorted({row.message for row in outcome.result.rows if row.message})[:3])
        raise WriteRefused(
            f"{failed} of {len(outcome.planned)} tasks were rejected: {words}",
            where="stream actions_rejected of the log",
            remedy="mend what Salesforce names; they are sent again the next night",
        )
    return outcome


@dg.asset(deps=[published_marts], group_name="publish", kinds={"salesforce"})
def tasks(context: dg.AssetExecutionContext, night: NightResource) -> dg.MaterializeResult[None]:
    """Tasks in Salesforce as ``sync_next_actions`` wants them: upserted by external id, read back, confirmed."""
    if night.past_date is not None:
        return dg.MaterializeResult(metadata={"decision": "a run that looks back writes nothing"})
    with current().step("Writing back"):
        outcome = write_tasks(night, context.run_id)
    current().outcome = outcome
    return dg.MaterializeResult(
        metadata={**outcome.counts(), "mode": outcome.mode, "notes": "\n".join(outcome.notes)}
    )
