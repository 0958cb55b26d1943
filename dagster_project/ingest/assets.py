"""Everything the org tells, as facts in the log: one asset per stream."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from connectors.salesforce.reading.pull import PullOptions, may_pass, problems, pull
from connectors.salesforce.reading.windows import PulledWindow
from connectors.salesforce.schema.objects import OBJECTS
from dagster_project.errors import Incomplete
from dagster_project.ingest.org import actionable_errors
from dagster_project.progress import current
from dagster_project.resources import NightResource
from dagster_project.settings import Settings

LOG_SPECS = [
    dg.AssetSpec(
        ["log", declared.stream],
        group_name="log",
        kinds={"salesforce", "parquet"},
        description=f"Facts about Salesforce's {declared.name}: one row per fact, append-only.",
    )
    for declared in OBJECTS
]


def window_metadata(windows: Sequence[PulledWindow]) -> dict[str, dg.MetadataValue]:
    """What the windows of one stream prove: rows received, reported and counted at the source, and how many
    were news.
    """
    return {
        "status": dg.MetadataValue.text(windows[-1].status),
        "reason": dg.MetadataValue.text(", ".join(each.reason for each in windows if each.reason)),
        "method": dg.MetadataValue.text(windows[-1].method),
        "rows_received": dg.MetadataValue.int(sum(each.rows_received for each in windows)),
        "rows_reported": dg.MetadataValue.int(sum(each.rows_processed for each in windows)),
        "rows_counted_at_source": dg.MetadataValue.int(sum(each.rows_counted for each in windows)),
        "dagster/row_count": dg.MetadataValue.int(sum(each.rows_appended for each in windows)),
        "api_calls": dg.MetadataValue.int(sum(each.api_calls for each in windows)),
        "note": dg.MetadataValue.text("; ".join(_words(windows))),
    }


def _words(windows: Sequence[PulledWindow]) -> list[str]:
    return [text for each in windows for text in (each.message, each.sweep_message) if text]


def pull_options(settings: Settings, *, is_local: bool) -> PullOptions:
    """How windows are cut and ids swept, by the team's settings."""
    # The sandbox commits at once, and its clock may stand still: nothing comes late there.
    lag = timedelta(0) if is_local else PullOptions.lag
    every = timedelta(days=settings.sweep_every_days)
    formulas_every = timedelta(days=settings.formulas_every_days)
    return PullOptions(
        lag=lag, sweep_every=every, formulas_every=formulas_every, accept_gone=settings.accept_gone
    )


def pull_everything(night: NightResource, run_id: str) -> list[PulledWindow]:
    """Pull all objects; every window that could be read is closed before anything is raised.

    Raises:
        Incomplete: naming each object that was not read completely.
    """
    with actionable_errors():
        # What lasted through the first attempt of this step may have passed by the second.
        night.org.session.trust_again()
        pulled = pull(
            night.org,
            night.log,
            run_id=run_id,
            clock=lambda: night.now,
            progress=current().rows,
            options=pull_options(night.settings, is_local=night.org.is_local),
        )
    unread = problems(pulled)
    if unread:
        raise Incomplete(
            "; ".join(unread),
            where="Salesforce",
            remedy="mend what is named and run again",
            may_pass=may_pass(pulled),
        )
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
            if context.retry_number == 0 and night.has_calls_left and problem.may_pass:
                raise dg.RetryRequested(max_retries=1, seconds_to_wait=5) from problem
            raise
    windows: dict[str, list[PulledWindow]] = defaultdict(list)
    for window in pulled:
        windows[window.stream].append(window)
    for spec in LOG_SPECS:
        of_stream = windows[spec.key.path[-1]]
        yield dg.MaterializeResult(asset_key=spec.key, metadata=window_metadata(of_stream))
