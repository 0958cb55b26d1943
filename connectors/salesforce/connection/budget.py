"""One budget of API calls for reading and writing, with a reserve left to the people of the org."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.salesforce.connection.errors import BudgetExhausted

_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")


def parse_usage(header: str) -> tuple[int, int] | None:
    """(used, allowed) calls of the last 24 hours from a `Sforce-Limit-Info` header; None when it says
    neither.
    """
    match = _USAGE.search(header)
    return (int(match[1]), int(match[2])) if match else None


@dataclass
class ApiBudget:
    """Calls that may still be spent today.

    `reserve_share` of the org's daily allowance is never touched; `max_calls` caps this run on its own
    account. The org's figure, from the header of every reply, outranks our count. Once the org has refused a
    call for its limit (`is_closed`) no other is tried.
    """

    reserve_share: float = 0.2
    max_calls: int | None = None
    used: int = 0
    allowed: int | None = None
    calls: int = 0
    bulk_jobs_left: int | None = None
    is_closed: bool = False

    def remaining(self) -> int | None:
        """Calls left to us; None while neither the org nor the caller has named a limit."""
        if self.is_closed:
            return 0
        of_org = None if self.allowed is None else int(self.allowed * (1 - self.reserve_share)) - self.used
        of_run = None if self.max_calls is None else self.max_calls - self.calls
        known = [left for left in (of_org, of_run) if left is not None]
        return max(0, min(known)) if known else None

    def spend(self) -> None:
        """Account for one call. Raises BudgetExhausted, before the call is made, when none is left."""
        if self.remaining() == 0:
            raise BudgetExhausted(
                f"no API calls left within the limit: {self.used} of {self.allowed or 'unknown'} used in 24 hours, "
                f"{self.calls} by this run, {self.reserve_share:.0%} kept back for the org's people",
                remedy="run again later, or lower the reserve",
            )
        self.calls += 1
        self.used += 1

    def spend_bulk_job(self) -> None:
        """Account for one Bulk query job."""
        if self.bulk_jobs_left:
            self.bulk_jobs_left -= 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over what the org says it has counted."""
        usage = parse_usage(headers.get("Sforce-Limit-Info", ""))
        if usage is not None:
            self.used, self.allowed = usage

    def observe_limits(self, limits: Mapping[str, Mapping[str, int]]) -> None:
        """Take over the body of `/limits`."""
        daily = limits.get("DailyApiRequests")
        if daily is not None:
            self.allowed = daily["Max"]
            self.used = daily["Max"] - daily["Remaining"]
        jobs = limits.get("DailyBulkV2QueryJobs")
        if jobs is not None:
            self.bulk_jobs_left = jobs["Remaining"]
