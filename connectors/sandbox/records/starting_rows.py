"""The rows an org has before anybody has written to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.sandbox.records import ids
from connectors.sandbox.schema.picklists import DEFAULT_STAGES

# An org is older than anything in it: its own rows are known whatever day its clock is set to.
FOUNDED_AT = datetime(1999, 3, 8)  # noqa: DTZ001 - stored instants are naive UTC
INTEGRATION_USERNAME = "integration@sandbox.gyakusan.example"
Row = dict[str, object]
"""Stored values by field name."""


def _audit(user_id: str) -> Row:
    return {
        "CreatedDate": FOUNDED_AT, "CreatedById": user_id, "LastModifiedDate": FOUNDED_AT, "LastModifiedById": user_id,
        "SystemModstamp": FOUNDED_AT,
    }  # fmt: skip


def organization(organization_id: str) -> Row:
    """The Organization of an org that was not given one."""
    user_id = ids.numbered("005", 1)
    return {
        "Id": organization_id, "Name": "Gyakusan sandbox", "TimeZoneSidKey": "UTC", "FiscalYearStartMonth": 1,
        "LanguageLocaleKey": "en_US", "DefaultLocaleSidKey": "en_US", "OrganizationType": "Developer Edition",
        "IsSandbox": True, "InstanceName": "GY0", "DefaultCurrencyIsoCode": "USD", **_audit(user_id),
    }  # fmt: skip


def integration_user(user_id: str, time_zone: str) -> Row:
    """The user API clients act as."""
    return {
        "Id": user_id, "Username": INTEGRATION_USERNAME, "LastName": "Gyakusan integration",
        "Name": "Gyakusan integration", "Email": INTEGRATION_USERNAME, "Alias": "gyakusan", "IsActive": True,
        "UserType": "Standard", "TimeZoneSidKey": time_zone, "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US",
        "EmailEncodingKey": "UTF-8", **_audit(user_id),
    }  # fmt: skip


def stages(stage_ids: Sequence[str]) -> Iterator[Row]:
    """Salesforce's own opportunity stages, in their order."""
    user_id = ids.numbered("005", 1)
    for order, (stage_id, stage) in enumerate(zip(stage_ids, DEFAULT_STAGES, strict=True), start=1):
        name, probability, category, category_name, closed, won = stage
        yield {
            "Id": stage_id, "MasterLabel": name, "ApiName": name, "IsActive": True, "SortOrder": order,
            "IsClosed": closed, "IsWon": won, "ForecastCategory": category, "ForecastCategoryName": category_name,
            "DefaultProbability": probability, **_audit(user_id),
        }  # fmt: skip
