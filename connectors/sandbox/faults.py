"""Faults a test can switch on: a table of small functions, and the list of those in force."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.sandbox.access import RequestCount, Tokens
from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.schema import SObject


@dataclass
class Fault:
    """One fault in force.

    `times` is how often it still strikes (None: until removed), `after` how many matching requests pass unharmed first,
    `path` a part of the request path it is confined to and `soql` a part of the query (`q=`); `object`, `field` and
    `limit` are for those that need them.
    """

    name: str
    times: int | None = None
    after: int = 0
    path: str = ""
    soql: str = ""
    object: str = ""
    field: str = ""
    limit: int | None = None
    struck: int = 0

    def strikes(self, path: str, soql: str = "") -> bool:
        """Whether it strikes a request to this path with this query; counts down."""
        if self.path not in path or self.soql not in soql or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.struck += 1
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Struck:
    """What the faults of one request touch: tokens, the request count, and whether the reply is to be cut."""

    tokens: Tokens
    requests: RequestCount
    cut_reply: bool = False


def _expire_token(fault: Fault, struck: Struck) -> None:
    struck.tokens.expire_all()


def _error_503(fault: Fault, struck: Struck) -> None:
    raise SalesforceError(
        "SERVER_UNAVAILABLE", "The server is temporarily unavailable. Please try again later.", 503
    )


def _request_limit(fault: Fault, struck: Struck) -> None:
    if fault.limit is None or struck.requests.used >= fault.limit:
        raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)


def _truncated_page(fault: Fault, struck: Struck) -> None:
    struck.cut_reply = True


REQUEST_FAULTS: Mapping[str, Callable[[Fault, Struck], None]] = {
    "expire_token": _expire_token,
    "error_503": _error_503,
    "request_limit": _request_limit,
    "truncated_page": _truncated_page,
}
"""Faults that strike a request before it is served."""
STATE_FAULTS = frozenset({"deny_object", "deny_field", "lock_row"})
"""Faults asked about by what serves the request."""


_DEFAULTS: Mapping[str, Mapping[str, object]] = {"expire_token": {"times": 1}}


@dataclass
class Faults:
    """The faults in force, in the order given."""

    active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def replace(self, faults: list[Mapping[str, object]]) -> None:
        """Puts a new list in force; SalesforceError for an unknown fault or option."""
        known = sorted({*REQUEST_FAULTS, *STATE_FAULTS})
        for each in faults:
            if each.get("name") not in known:
                raise SalesforceError(
                    "INVALID_INPUT", f"unknown fault {each.get('name')}; there are {', '.join(known)}"
                )
        try:
            made = [Fault(**{**_DEFAULTS.get(str(each["name"]), {}), **each}) for each in faults]  # type: ignore[arg-type]
        except TypeError as error:
            raise SalesforceError("INVALID_INPUT", f"unknown option of a fault: {error}") from error
        with self._lock:
            self.active = made

    def strike(self, path: str, soql: str, struck: Struck) -> None:
        """Lets the request faults strike one request."""
        with self._lock:
            striking = [
                each for each in self.active if each.name in REQUEST_FAULTS and each.strikes(path, soql)
            ]
        for each in striking:
            REQUEST_FAULTS[each.name](each, struck)

    def visible(self, entity: SObject | None) -> SObject | None:
        """The object as permissions leave it: None when denied, without its denied fields."""
        if entity is None or any(
            each.name == "deny_object" and each.object == entity.name for each in self.active
        ):
            return None
        hidden = frozenset(
            each.field for each in self.active if each.name == "deny_field" and each.object == entity.name
        )
        return entity.without_fields(hidden) if hidden else entity

    def locks(self, object_name: str, record_id: str) -> bool:
        """Whether a write of this record meets a locked row; counts down."""
        with self._lock:
            return any(
                each.name == "lock_row" and each.object in ("", object_name) and each.strikes(record_id)
                for each in self.active
            )
