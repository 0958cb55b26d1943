"""Whether this run may write to the org."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_project.ingest.organization import Organization
from dagster_project.settings import Settings


@dataclass(frozen=True)
class Permission:
    """``is_allowed``: tasks are sent. ``is_refused``: someone wants to write where it was not allowed explicitly."""

    is_allowed: bool
    is_refused: bool
    reason: str


def may_write(settings: Settings, organization: Organization, *, looks_back: bool) -> Permission:
    """What the setting ``write_back`` says for this org; a run that looks back never writes."""
    if looks_back or settings.write_back == "off":
        return Permission(False, False, "writing is off")
    if settings.write_back == "any" or organization.is_sandbox:
        return Permission(True, False, "writing is allowed")
    return Permission(
        False,
        True,
        f"org {organization.organization_id} is no sandbox and GYAKUSAN_WRITE_BACK is 'sandbox'; "
        "set it to 'any' to write there, or to 'off' to only read",
    )
