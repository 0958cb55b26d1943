"""Errors a person can act on: one line that says what happened, where, and what to do. Never a token or a
secret.
"""

from __future__ import annotations

from dataclasses import dataclass

PASSING_CODES = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "REQUEST_RUNNING_TOO_LONG",
        "QUERY_TIMEOUT",
        "CANNOT_PERSIST_LOCK",
        "TXN_SECURITY_METERING_ERROR",
    }
)
LIMIT_CODES = frozenset(
    {"REQUEST_LIMIT_EXCEEDED", "API_CURRENTLY_DISABLED", "CONCURRENT_REQUEST_LIMIT_EXCEEDED"}
)
PERMISSION_CODES = frozenset(
    {"INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INVALIDENTITY"}
)


@dataclass(frozen=True)
class ApiFault:
    """One entry of a Salesforce error body."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f" [{', '.join(self.fields)}]" if self.fields else ""
        return f"{self.code}: {' '.join(self.message.split())}{named}"


class SalesforceProblem(Exception):
    """Base of every error of this package: `what`, `where` and `remedy` make up its one line."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = " ".join(what.split())
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        todo = f": {self.remedy}" if self.remedy else ""
        return f"{self.what}{place}{todo}"


class WrongCredentials(SalesforceProblem):
    """The login was refused, or the credentials are incomplete."""


class SessionRefused(SalesforceProblem):
    """The org answers 401 even to a token renewed a moment ago."""


class UnreachableHost(SalesforceProblem):
    """No connection could be made, or it kept breaking before an answer came."""


class UnsafeTarget(SalesforceProblem):
    """Plain http was asked for a host that is not this machine, or writing to an org that is no sandbox."""


class MissingObject(SalesforceProblem):
    """The object does not exist in the org or its permission is missing."""


class MissingField(SalesforceProblem):
    """A field the connector cannot do without is not visible."""


class BudgetExhausted(SalesforceProblem):
    """The calls that may be spent are spent: what landed is kept, and the pull ends as incomplete."""


class LimitReached(BudgetExhausted):
    """The org itself refused the call because its limit is reached."""


class HalfPage(SalesforceProblem):
    """A page held fewer rows than it said, or broke off."""


class CountMismatch(SalesforceProblem):
    """Rows received, rows reported and COUNT() of a window disagree."""


class ServerFault(SalesforceProblem):
    """The server kept failing through all retries."""


class BulkJobFailed(SalesforceProblem):
    """A Bulk 2.0 job ended as Failed or Aborted, or the org no longer has it."""


class BulkJobUnfinished(SalesforceProblem):
    """A Bulk 2.0 job is still at work after the longest wait; the next run waits on."""


class RequestRefused(SalesforceProblem):
    """Any other refusal; `status` is the HTTP status and `faults` are Salesforce's own words."""

    def __init__(
        self, what: str, *, status: int, faults: tuple[ApiFault, ...], where: str = "", remedy: str = ""
    ) -> None:
        self.status = status
        self.faults = faults
        super().__init__(what, where=where, remedy=remedy)

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(fault.code for fault in self.faults)
