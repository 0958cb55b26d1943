"""Everything the org tells, as facts in the log: one asset per stream."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from connectors.salesforce.objects import OBJECTS
from connectors.salesforce.pull import PullOptions, problems, pull
from connectors.salesforce.windows import PulledWindow
from dagster_project.errors import Incomplete
from dagster_project.ingest.org import actionable_errors, connect_to_org, is_passing
from dagster_project.progress import current
from dagster_project.resources import NightResource

LOG_SPECS = [
    dg.AssetSpec(
        ["log", declared.stream],
        group_name="log",
        kinds={"salesforce", "parquet"},
        description=f"Facts about Salesforce's {declared.name}: one row per fact, append-only.",
    )
    for declared in OBJECTS
]


def window_metadata(window: PulledWindow) -> dict[str, dg.MetadataValue]:
    """What one window proves: rows received, reported and counted at the source, and how many were news."""
    return {
        "status": dg.MetadataValue.text(window.status),
        "method": dg.MetadataValue.text(window.method or ""),
        "rows_received": dg.MetadataValue.int(window.rows_received or 0),
        "rows_counted_at_source": dg.MetadataValue.int(window.rows_counted or 0),
        "dagster/row_count": dg.MetadataValue.int(window.rows_appended or 0),
        "api_calls": dg.MetadataValue.int(window.api_calls or 0),
        "note": dg.MetadataValue.text(window.message or ""),
    }


def pull_everything(night: NightResource, run_id: str) -> list[PulledWindow]:
    """Pull all objects; every window that could be read is closed before anything is raised.

    Raises:
        Incomplete: naming each object that was not read completely.
    """
    with actionable_errors():
        client = connect_to_org(night.settings)
        pulled = pull(
            client,
            night.log,
            run_id=run_id,
            clock=lambda: night.now,
            progress=current().rows,
            # The sandbox commits at once, and its clock may stand still: nothing comes late there.
            options=PullOptions(lag=timedelta(0)) if client.is_local else None,
        )
    unread = problems(pulled)
    if unread:
        raise Incomplete("; ".join(unread), where="Salesforce", remedy="mend what is named and run again")
    return pulled


@dg.multi_asset(specs=LOG_SPECS, name="pull")
def salesforce_log(
    context: dg.AssetExecutionContext, night: NightResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Read what changed since the last closed windows and append it to the log."""
    with current().step("Reading Salesforce"):
        try:
            pulled = pull_everything(night, context.run_id)
        except Incomplete as problem:
            if is_passing(problem) and context.retry_number == 0:
                raise dg.RetryRequested(max_retries=1, seconds_to_wait=5) from problem
            raise
    windows = {window.stream: window for window in pulled}
    for spec in LOG_SPECS:
        window = windows[spec.key.path[-1]]
        yield dg.MaterializeResult(asset_key=spec.key, metadata=window_metadata(window))
