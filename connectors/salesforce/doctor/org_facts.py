"""Asks an org what the doctor wants to know. Reads only, some thirty calls; a refused call is a finding too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.doctor import checks
from connectors.salesforce.doctor.checks import Finding
from connectors.salesforce.reading.rest import count_rows
from connectors.salesforce.schema.objects import OBJECTS

_ORGANIZATION = "SELECT Id, Name, IsSandbox, OrganizationType, TimeZoneSidKey FROM Organization LIMIT 1"


@dataclass(frozen=True)
class OrgExamination:
    """What is to be weighed against the org: the share of calls kept back, and what the settings want of it."""

    client: SalesforceClient
    clock: Callable[[], datetime]
    reserve_share: float
    wants_to_write: bool
    has_quota_file: bool
    _described: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)

    def organization(self) -> Mapping[str, Any] | None:
        """The org's own record. Raises SalesforceProblem when it is refused."""
        records = self.client.restful("query", params={"q": _ORGANIZATION})["records"]
        return records[0] if records else None

    def findings(self) -> Iterator[Finding]:
        """One finding after another, as the answers come."""
        yield from self._asked("Org", lambda: [checks.organization_finding(self.organization())])
        yield from self._asked("API version", self._version)
        yield checks.clock_finding(self.client.org_clock(), self.clock())
        yield from self._asked("API calls", self._limits)
        self._describe_all()
        yield from checks.object_findings(self._described, self._refused)
        yield from checks.field_findings(self._described)
        if "Task" in self._described:
            yield from checks.own_field_findings(self._described["Task"])
            yield checks.task_finding(self._described["Task"], wants_to_write=self.wants_to_write)
        yield from self._asked("Field history", self._history)
        yield from self._asked("Quotas", self._quotas)
        yield checks.feature_finding(self._described)

    def _asked(self, subject: str, ask: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return ask()
        except SalesforceProblem as problem:
            return [Finding("problem", subject, problem.what, problem.remedy or "run again")]

    def _version(self) -> list[Finding]:
        versions = self.client.call("GET", "/services/data").json()
        return [checks.version_finding(versions, self.client.api_version)]

    def _limits(self) -> list[Finding]:
        return [checks.limits_finding(self.client.limits(), self.reserve_share)]

    def _describe_all(self) -> None:
        for declared in OBJECTS:
            try:
                body = self.client.restful(f"sobjects/{declared.name}/describe")
                self._described[declared.name] = body
            except SalesforceProblem as problem:
                self._refused[declared.name] = problem.what

    def _history(self) -> list[Finding]:
        is_readable = "OpportunityFieldHistory" in self._described
        asked = checks.TRACKED_FIELDS if is_readable else ()
        return [checks.history_finding({name: self._has_history(name) for name in asked})]

    def _has_history(self, field_name: str) -> bool:
        soql = f"SELECT Id FROM OpportunityFieldHistory WHERE Field = '{field_name}' LIMIT 1"
        return bool(self.client.restful("query", params={"q": soql})["records"])

    def _quotas(self) -> list[Finding]:
        is_readable = "ForecastingQuota" in self._described
        rows = count_rows(self.client, "ForecastingQuota", "") if is_readable else None
        return [checks.quota_finding(rows, has_file=self.has_quota_file)]
