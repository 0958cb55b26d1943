"""Whether this run may write to the org, and so whether its decisions count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_project.decisions import DECIDED, REHEARSED
from dagster_project.ingest.organization import Organization, read_organization
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.resources import NightResource


@dataclass(frozen=True)
class Permission:
    """``is_allowed``: tasks are sent. ``is_refused``: someone wants to write where it was not allowed explicitly."""

    is_allowed: bool
    is_refused: bool
    reason: str


def may_write(settings: Settings, organization: Organization) -> Permission:
    """What the setting ``write_back`` says for this org."""
    if settings.write_back == "off":
        return Permission(False, False, "writing is off")
    if settings.write_back == "any" or organization.is_sandbox:
        return Permission(True, False, "writing is allowed")
    return Permission(
        False,
        True,
        f"org {organization.organization_id} is no sandbox and GYAKUSAN_WRITE_BACK is 'sandbox'; "
        "set it to 'any' to write there, or to 'off' to only read",
    )


def decision_kind(night: NightResource) -> str:
    """DECIDED where the run may write, else REHEARSED: cards nobody gets are not cards of earlier nights."""
    organization = read_organization(night.log, night.settings.time_zone)
    allowed = may_write(night.settings, organization).is_allowed
    return DECIDED if allowed and not night.dry_run else REHEARSED
