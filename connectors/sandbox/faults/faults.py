"""Faults a test can switch on: what each does and which options it takes, and the list of those in force."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.struck import REQUEST_FAULTS, Struck
from connectors.sandbox.schema.sobjects import SObject

COMMON_OPTIONS = frozenset({"name", "times", "after", "path", "soql", "object"})
KINDS: Mapping[str, tuple[str, str]] = {
    "expire_token": ("", "every token given out so far is refused with 401 INVALID_SESSION_ID (once, unless told)"),
    "error_503": ("", "503 SERVER_UNAVAILABLE"),
    "too_many_requests": ("seconds", "429 with Retry-After: `seconds` (1)"),
    "request_limit": ("limit", "403 REQUEST_LIMIT_EXCEEDED once `limit` requests are used up (at once without it)"),
    "concurrent_limit": ("", "403 REQUEST_LIMIT_EXCEEDED for too many requests at one time"),
    "slow": ("seconds", "the request is served `seconds` (1) later"),
    "truncated_page": ("", "the connection breaks off in the middle of the reply"),
    "lost_reply": ("", "the request is served and committed, then the connection closes without an answer"),
    "clock_skew": ("seconds", "the Date header is `seconds` off (negative: behind)"),
    "shifting_pages": ("", "a later page of a REST query repeats the row before it and skips its own first one"),
    "short_page": ("rows", "a page of a REST query lacks its last `rows` (1); totalSize says nothing of it"),
    "truncated_csv": (
        "rows count_header mid_row",
        "a page of Bulk results lacks its last `rows` (1); Sforce-NumberOfRecords tells the `count_header` whole, cut "
        "or absent (whole); with `mid_row` the last row is torn as well",
    ),
    "bulk_job_failed": ("message state", "a new Bulk job ends in `state` (Failed, or Aborted) with `message`"),
    "bulk_job_slow": ("polls", "a new Bulk job stays InProgress for `polls` polls (for good without it)"),
    "lock_row": ("", "updating or deleting a record whose id contains `path` meets UNABLE_TO_LOCK_ROW"),
    "row_error": (
        "code message match every",
        "a written row (one in `every`, one whose values contain `match`) fails with `code` (LIMIT_EXCEEDED)",
    ),
    "late_commit": (
        "seconds",
        "what is written is stamped now but seen only when the org's clock is `seconds` further, on POST /sandbox/commit, "
        "or when the fault is taken away; until then the rows are locked and latestDateCovered stays behind",
    ),
    "hide_rows": ("where", "rows of `object` that meet the SOQL condition `where` are not shared with the API user"),
    "deny_object": ("", "the API user has no access to `object`"),
    "deny_field": ("field", "the API user may not see `field` of `object`"),
}  # fmt: skip
"""Faults by name: the options each takes besides the common ones, and what it does."""


@dataclass
class Fault:
    """One fault in force.

    `times` is how often it still strikes (None: until removed), `after` how many matching requests pass unharmed first,
    `path` a part of the request path it is confined to, `soql` a part of the query (`q=`, or a Bulk job's), `object`
    the object concerned where one is known; the other options are those of single faults (see KINDS).
    """

    name: str
    times: int | None = None
    after: int = 0
    path: str = ""
    soql: str = ""
    object: str = ""
    field: str = ""
    limit: int | None = None
    seconds: float | None = None
    rows: int = 1
    polls: int | None = None
    code: str = "LIMIT_EXCEEDED"
    message: str = ""
    state: str = "Failed"
    match: str = ""
    every: int = 1
    where: str = ""
    count_header: str = "whole"
    mid_row: bool = False
    seen: int = 0
    struck: int = 0

    def strikes(self, path: str, soql: str = "", object_name: str = "") -> bool:
        """Whether it strikes a request to this path with this query; counts down."""
        other_object = bool(object_name and self.object) and self.object != object_name
        if other_object or self.path not in path or self.soql not in soql or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.struck += 1
        if self.times is not None:
            self.times -= 1
        return True

    def strikes_row(self, record_id: str | None, object_name: str) -> bool:
        """Whether it strikes this row, one in `every` of its object; counts down."""
        if self.object in ("", object_name):
            self.seen += 1
        return self.seen % self.every == 0 and self.strikes(record_id or "", "", object_name)


_DEFAULTS: Mapping[str, Mapping[str, object]] = {"expire_token": {"times": 1}}
_CONVERTERS: Mapping[str, Callable[[str], object]] = {
    "int": int, "int | None": int, "float | None": float, "str": str, "bool": lambda text: text.lower() in ("true", "yes", "1"),
}  # fmt: skip
_TYPES = {each.name: str(each.type) for each in fields(Fault)}


def parse_fault(text: str) -> dict[str, object]:
    """A fault from `NAME[,option=value…]` as the command line gives it; SalesforceError for what is no fault.

    A value may hold commas unless a word and an equals sign follow one.
    """
    name, *options = re.split(r",(?=[a-z_]+=)", text.strip())
    fault: dict[str, object] = {"name": name}
    for option in options:
        key, _, value = option.partition("=")
        try:
            fault[key] = _CONVERTERS[_TYPES.get(key, "str")](value)
        except ValueError as error:
            raise _refused(f"{key}={value} of the fault {name} is no number") from error
    _made(fault)
    return fault


def _made(given: Mapping[str, object]) -> Fault:
    name = str(given.get("name"))
    if name not in KINDS:
        raise _refused(f"unknown fault {name}; there are {', '.join(sorted(KINDS))}")
    allowed = COMMON_OPTIONS | set(KINDS[name][0].split())
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise _refused(
            f"unknown option {unknown[0]} of the fault {name}; there are {', '.join(sorted(allowed))}"
        )
    return Fault(**{**_DEFAULTS.get(name, {}), **given})  # type: ignore[arg-type]


def _refused(message: str) -> SalesforceError:
    return SalesforceError("INVALID_INPUT", message)


@dataclass
class Faults:
    """The faults in force, in the order given."""

    active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def replace(self, faults: Sequence[Mapping[str, object]]) -> None:
        """Puts a new list in force; SalesforceError for an unknown fault or option."""
        made = [_made(each) for each in faults]
        with self._lock:
            self.active = made

    def strike(self, path: str, soql: str, struck: Struck) -> None:
        """Lets the faults that need nothing but the request strike it."""
        with self._lock:
            striking = [
                replace(each)
                for each in self.active
                if each.name in REQUEST_FAULTS and each.strikes(path, soql)
            ]
        for each in striking:
            REQUEST_FAULTS[each.name](struck, 1.0 if each.seconds is None else each.seconds, each.limit)

    def take(self, name: str, *, path: str = "", soql: str = "", object_name: str = "") -> Fault | None:
        """The first fault of this name that strikes here, as it is; counts down."""
        with self._lock:
            return next(
                (
                    replace(each)
                    for each in self.active
                    if each.name == name and each.strikes(path, soql, object_name)
                ),
                None,
            )

    def in_force(self, name: str) -> bool:
        """Whether a fault of this name is in force."""
        return any(each.name == name for each in self.active)

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

    def hidden_rows(self) -> Mapping[str, str]:
        """SOQL conditions of the rows that are not shared with the API user, by object."""
        conditions: dict[str, list[str]] = {}
        for each in self.active:
            if each.name == "hide_rows":
                conditions.setdefault(each.object, []).append(f"({each.where})")
        return {name: " or ".join(texts) for name, texts in conditions.items()}

    def row_problem(
        self, object_name: str, record_id: str | None, row: Mapping[str, object]
    ) -> SalesforceError | None:
        """Why one row of a write fails, if a fault makes it; counts down. `record_id` is None for a new record."""
        text = " ".join([record_id or "", *(str(value) for value in row.values())])
        with self._lock:
            for each in self.active:
                if each.name == "lock_row" and record_id and each.strikes(record_id, "", object_name):
                    return locked_row()
                if (
                    each.name == "row_error"
                    and each.match in text
                    and each.strikes_row(record_id, object_name)
                ):
                    return SalesforceError(
                        each.code, each.message or each.code.replace("_", " ").capitalize()
                    )
        return None


def locked_row() -> SalesforceError:
    """UNABLE_TO_LOCK_ROW of one row."""
    return SalesforceError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
