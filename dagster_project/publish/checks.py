"""Permission to write to the CRM: the last thing asked before anything is sent."""

import dagster as dg

from dagster_project.ingest.organization import read_organization
from dagster_project.permission import may_write
from dagster_project.resources import NightResource


@dg.asset_check(
    asset=["published_marts"], blocking=True, description="Writing to this org is allowed, or off."
)
def permission_to_write(night: NightResource) -> dg.AssetCheckResult:
    """Passes when writing is off or allowed; a refusal stops the run before anything is sent."""
    permission = may_write(night.settings, read_organization(night.log, night.settings.time_zone))
    return dg.AssetCheckResult(
        passed=not permission.is_refused,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"decision": permission.reason},
    )
