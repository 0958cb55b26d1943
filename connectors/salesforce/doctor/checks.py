"""Findings about an org: what the connector needs of it, what is there, and what to do about the rest. Pure; the
replies they judge are fetched in doctor_org.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from connectors.salesforce.schema.objects import ACTION_KEY_FIELD, OBJECTS, OFTEN_ABSENT, SalesforceObject

Level = Literal["ok", "warning", "problem", "not checked"]
Reply = Mapping[str, Any]

PACKAGE = "connectors/salesforce/metadata/README.md"
TOLERATED_CLOCK_DIFFERENCE = timedelta(minutes=1)
FEWEST_CALLS = 500
TRACKED_FIELDS = ("StageName", "Amount", "CloseDate", "Owner")
# Salesforce gives these editions no API unless it is bought.
EDITIONS_WITHOUT_API = frozenset(
    {"Team Edition", "Base Edition", "Professional Edition", "Personal Edition", "Contact Manager Edition"}
)
_OWN_PREFIX = "Gyakusan"
_NAMES_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, what it is like, and for a warning or problem what to do."""

    level: Level
    subject: str
    words: str
    remedy: str = ""


def version_finding(versions: Sequence[Reply], wanted: str) -> Finding:
    """Whether the org speaks the version of the API that is used; `versions` is the body of /services/data."""
    offered = [str(each["version"]) for each in versions]
    if wanted in offered:
        return Finding("ok", "API version", f"{wanted} (the org offers up to {_latest(offered)})")
    remedy = "upgrade Gyakusan, or ask Salesforce about this org's release"
    return Finding("problem", "API version", f"{wanted} is not offered (latest: {_latest(offered)})", remedy)


def _latest(versions: Sequence[str]) -> str:
    return max(versions, key=float, default="none")


def organization_finding(row: Reply | None) -> Finding:
    """Name, kind and edition of the org; `row` is its one Organization record."""
    if row is None:
        return Finding(
            "problem", "Org", "its own record is not readable", "give the user read access to Organization"
        )
    kind = "sandbox" if row.get("IsSandbox") else "production"
    edition = str(row.get("OrganizationType") or "unknown edition")
    words = f"{row.get('Name') or 'unnamed'} ({row.get('Id')}), {kind}, {edition}, zone {row.get('TimeZoneSidKey')}"
    if edition in EDITIONS_WITHOUT_API and kind == "production":
        return Finding("warning", "Org", words, "make sure that API access is part of the contract")
    return Finding("ok", "Org", words)


def clock_finding(org_clock: datetime | None, now: datetime) -> Finding:
    """How far the two clocks are apart; windows are cut by the org's, so a difference only delays."""
    if org_clock is None:
        return Finding("warning", "Clock", "the org did not tell its time", "nothing to do")
    apart = now - org_clock
    words = (
        f"{abs(apart.total_seconds()):,.0f} s {'ahead of' if apart > timedelta(0) else 'behind'} the org's"
    )
    if abs(apart) <= TOLERATED_CLOCK_DIFFERENCE:
        return Finding("ok", "Clock", words)
    return Finding(
        "warning", "Clock", words, "set this machine's clock (NTP); JWT logins fail when it is off"
    )


def limits_finding(limits: Reply, reserve_share: float) -> Finding:
    """API calls left in 24 hours, and how many of them are ours; `limits` is the body of /limits."""
    daily = limits.get("DailyApiRequests")
    if daily is None:
        return Finding("warning", "API calls", "the org does not tell its limit", "nothing to do")
    most, left = int(daily["Max"]), int(daily["Remaining"])
    ours = max(0, left - int(most * reserve_share))
    words = (
        f"{left:,} of {most:,} left in 24 hours, {ours:,} of them for us ({reserve_share:.0%} are kept back)"
    )
    if ours == 0:
        return Finding("problem", "API calls", words, "wait, or lower GYAKUSAN_API_RESERVE")
    if ours < FEWEST_CALLS:
        return Finding(
            "warning", "API calls", words, "a night may stop half-way; it goes on from there the next time"
        )
    return Finding("ok", "API calls", words)


def object_findings(described: Mapping[str, Reply], refused: Mapping[str, str]) -> list[Finding]:
    """Which objects can be read: one line for all, one for each required one that cannot.

    `described` are describe replies by object; `refused` are the org's words on those it showed nothing of.
    """
    required = [each for each in OBJECTS if each.is_required]
    optional = [each for each in OBJECTS if not each.is_required]
    readable = {name for name, body in described.items() if body.get("queryable", True)}
    absent = [each.name for each in optional if each.name not in readable]
    words = (
        f"{_count(required, readable)} of {len(required)} required and "
        f"{_count(optional, readable)} of {len(optional)} optional objects are readable"
    )
    problems = [
        Finding(
            "problem",
            f"Object {each.name}",
            refused.get(each.name, "it may not be queried"),
            f"give the integration user read access (permission set: {PACKAGE})",
        )
        for each in required
        if each.name not in readable
    ]
    note = f"; absent: {', '.join(absent)}" if absent else ""
    return [Finding("problem" if problems else "ok", "Objects", words + note), *problems]


def _count(objects: Sequence[SalesforceObject], readable: set[str]) -> int:
    return sum(each.name in readable for each in objects)


def field_findings(described: Mapping[str, Reply]) -> list[Finding]:
    """Which of the fields we rely on are hidden: a line per object that hides some, else one for all."""
    hidden = {each.name: _hidden(each, described[each.name]) for each in OBJECTS if each.name in described}
    findings = [
        Finding(
            "warning",
            f"Fields of {name}",
            f"not visible: {_names(fields)}",
            f"grant read access to them (permission set: {PACKAGE}); until then they are empty",
        )
        for name, fields in hidden.items()
        if fields
    ]
    relied = sum(len(_relied_on(each)) for each in OBJECTS if each.name in described)
    return findings or [Finding("ok", "Fields", f"all {relied} fields we rely on are visible")]


def _relied_on(declared: SalesforceObject) -> list[str]:
    return [name for name in declared.fields if name not in OFTEN_ABSENT and not name.startswith(_OWN_PREFIX)]


def _hidden(declared: SalesforceObject, body: Reply) -> list[str]:
    shown = {each["name"] for each in body["fields"]}
    return [name for name in _relied_on(declared) if name not in shown]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def own_field_findings(task: Reply) -> Iterator[Finding]:
    """Our fields on Activity, as describe shows them on Task: there, usable as a key, writable."""
    shown = {each["name"]: each for each in task["fields"]}
    declared = next(each for each in OBJECTS if each.name == "Task")
    own = [name for name in declared.fields if name.startswith(_OWN_PREFIX)]
    missing = [name for name in own if name not in shown]
    read_only = [name for name in own if name in shown and not _is_writable(shown[name])]
    if ACTION_KEY_FIELD in missing:
        yield _own_warning(
            f"{ACTION_KEY_FIELD} is missing: tasks carry a mark in their subject instead of a key"
        )
    elif not (shown[ACTION_KEY_FIELD].get("externalId") and shown[ACTION_KEY_FIELD].get("unique")):
        yield _own_warning(f"{ACTION_KEY_FIELD} is not both External ID and Unique")
    others = [name for name in missing if name != ACTION_KEY_FIELD]
    if others:
        yield _own_warning(f"not visible: {_names(others)}: tasks come without them")
    if read_only:
        yield _own_warning(f"may not be written: {_names(read_only)}")
    if not missing and not read_only and shown[ACTION_KEY_FIELD].get("externalId"):
        yield Finding("ok", "Our fields", f"all {len(own)} are on Activity and writable")


def _is_writable(field: Reply) -> bool:
    return bool(field.get("createable") and field.get("updateable"))


def _own_warning(words: str) -> Finding:
    return Finding(
        "warning", "Our fields", words, f"install the package, give the user its permission set: {PACKAGE}"
    )


def task_finding(task: Reply, *, wants_to_write: bool) -> Finding:
    """Whether the user may create, change and delete tasks; deleting is what undo needs."""
    rights = {"create": "createable", "change": "updateable", "delete": "deletable"}
    lacking = [verb for verb, flag in rights.items() if not task.get(flag)]
    if not lacking:
        return Finding("ok", "Tasks", "may be created, changed and deleted")
    needed = wants_to_write and lacking != ["delete"]
    words = f"the user may not {' or '.join(lacking)} tasks"
    remedy = f"give it the permission set ({PACKAGE}), or set GYAKUSAN_WRITE_BACK=off"
    if lacking == ["delete"]:
        remedy = "without it gyakusan undo cannot take tasks back"
    return Finding("problem" if needed else "warning", "Tasks", words, remedy)


def history_finding(seen: Mapping[str, bool]) -> Finding:
    """Which of the fields that matter have left a trace in the field history; `seen` is by field."""
    unseen = [name for name in TRACKED_FIELDS if not seen.get(name)]
    if not unseen:
        return Finding("ok", "Field history", f"seen of {', '.join(TRACKED_FIELDS)}")
    return Finding(
        "warning",
        "Field history",
        f"none seen of {', '.join(unseen)}",
        "turn on field history tracking on Opportunity; it begins on that day and reaches back no further",
    )


def quota_finding(rows: int | None, *, has_file: bool) -> Finding:
    """Whether there are quotas to plan against; `rows` is None where ForecastingQuota is not readable."""
    if rows:
        return Finding("ok", "Quotas", f"{rows:,} in the org")
    if has_file:
        return Finding("ok", "Quotas", "none in the org; they come from GYAKUSAN_QUOTA_FILE")
    why = "not readable (View All Forecasts)" if rows is None else "none in the org"
    return Finding("warning", "Quotas", why, "enter them, or name a CSV in GYAKUSAN_QUOTA_FILE")


def feature_finding(described: Mapping[str, Reply]) -> Finding:
    """Features of the org that change what records look like; each is coped with."""
    opportunity, account = described.get("Opportunity", {}), described.get("Account", {})
    found = {
        "several currencies": _has_field(opportunity, "CurrencyIsoCode"),
        "person accounts": _has_field(account, "IsPersonAccount"),
        "record types on Opportunity": len(opportunity.get("recordTypeInfos", ())) > 1,
    }
    named = [name for name, is_there in found.items() if is_there]
    return Finding("ok", "Features", ", ".join(named) or "one currency, no person accounts, no record types")


def _has_field(body: Reply, name: str) -> bool:
    return any(each["name"] == name for each in body.get("fields", ()))
