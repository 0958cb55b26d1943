"""What the org says about itself: zone, currency, whether it is a sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.event_log import EventLog
from dagster_project.errors import SettingsError


@dataclass(frozen=True)
class Organization:
    """The one row of Organization."""

    organization_id: str
    name: str
    time_zone: str
    currency: str
    is_sandbox: bool


def read_organization(
    log: EventLog, time_zone: str | None = None, known_at: datetime | None = None
) -> Organization:
    """The organisation as last observed (by `known_at`); one that shows nothing of itself is no sandbox, in the zone given.

    Raises:
        SettingsError: it was never read and no zone is given.
    """
    rows = log.latest("organization", known_at=known_at).to_pylist()
    if not rows and time_zone:
        return Organization("", "", time_zone, "", is_sandbox=False)
    if not rows:
        raise SettingsError(
            "the org's own record was not read",
            where="Salesforce object Organization",
            remedy="give the integration user read access to it, or set GYAKUSAN_TIME_ZONE",
        )
    row = rows[0]
    return Organization(
        organization_id=row["Id"],
        name=row.get("Name") or "",
        time_zone=row.get("TimeZoneSidKey") or "UTC",
        currency=corporate_currency(log, known_at)
        or row.get("CurrencyIsoCode")
        or row.get("DefaultCurrencyIsoCode")
        or "",
        is_sandbox=bool(row.get("IsSandbox")),
    )


def corporate_currency(log: EventLog, known_at: datetime | None = None) -> str:
    """ISO code of the currency a multi-currency org reckons in (by `known_at`); empty in an org of one currency."""
    if "currency_type" not in log.streams():
        return ""
    rows = log.latest("currency_type", ["IsoCode"], '"IsCorporate"', known_at).to_pylist()
    return str(rows[0]["IsoCode"] or "") if rows else ""
