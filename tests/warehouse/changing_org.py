"""A CRM that changes between nights, and the pulls that land what they see of it in the log."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.salesforce.schema.objects import OBJECTS
from dagster_project.gate import verdicts
from dagster_project.gate.batch import UNMET
from tests.warehouse import cases, helpers
from tests.warehouse.helpers import Warehouse

START = datetime(2026, 3, 2, tzinfo=UTC)
STREAMS = {each.name: each.stream for each in OBJECTS}
PREFIXES = {
    "User": "005", "UserRole": "00E", "Account": "001", "Contact": "003", "Lead": "00Q", "Opportunity": "006",
    "OpportunityHistory": "008", "OpportunityFieldHistory": "017", "OpportunityContactRole": "00K", "Task": "00T",
    "Event": "00U", "OpportunityStage": "01J", "ForecastingQuota": "0J9", "Period": "026", "CurrencyType": "01L",
    "RecordType": "012",
}  # fmt: skip
# What history objects note is never changed again, and carries no stamp but its creation.
WITHOUT_STAMP = frozenset({"OpportunityHistory", "OpportunityFieldHistory", "OpportunityStage", "Period"})

Row = dict[str, Any]


class Org:
    """Records as they stand, what the next pull will read of them, and what commits too late for it."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.now = START
        self.created = 0
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in PREFIXES}
        self.unread: set[tuple[str, str]] = set()
        self.late: set[tuple[str, str]] = set()
        self.gone: list[tuple[str, str, str, datetime]] = []

    def create(self, name: str, record_id: str | None = None, *, is_late: bool = False, **values: Any) -> str:
        """A new record, created now unless its values say otherwise; its id."""
        self.created += 1
        made = record_id or f"{PREFIXES[name]}{self.created:012}"
        self.tables[name][made] = {"Id": made, "CreatedDate": self.now, "IsDeleted": False}
        self.change(name, made, is_late=is_late, **values)
        return made

    def change(self, name: str, record_id: str, *, is_late: bool = False, **values: Any) -> None:
        """Values of a record change now; a late one is seen by the pull after the next."""
        stamp = {} if name in WITHOUT_STAMP else {"SystemModstamp": self.now, "LastModifiedDate": self.now}
        self.tables[name][record_id] |= {**stamp, **values}
        (self.late if is_late else self.unread).add((name, record_id))

    def vanish(self, name: str, record_id: str, kind: str) -> None:
        """A record of which only the id will be known to be gone ('deleted' or 'purged')."""
        self.gone.append((name, record_id, kind, self.now))
        if kind == "purged":
            self.forget(name, [record_id])

    def forget(self, name: str, record_ids: Iterable[str]) -> None:
        """Records of which no pull will read anything any more."""
        for record_id in record_ids:
            del self.tables[name][record_id]
            self.unread.discard((name, record_id))
            self.late.discard((name, record_id))

    def any_id(self, name: str, where: Callable[[Row], bool] = lambda row: True) -> str | None:
        """One living record of an object, None when there is none."""
        found = [key for key, row in self.tables[name].items() if not row["IsDeleted"] and where(row)]
        return self.draw.choice(found) if found else None

    def chance(self, probability: float) -> bool:
        return self.draw.random() < probability

    def day(self, days: int) -> str:
        """The date some days from now."""
        return (self.now + timedelta(days=days)).date().isoformat()


def pull(org: Org, warehouse: Warehouse, observed_at: datetime) -> None:
    """Land what changed since the last pull, whole objects at a time; what was late is on for the next."""
    seen = org.unread - org.late
    for name in PREFIXES:
        ids = sorted(record_id for each, record_id in seen if each == name)
        rows = [org.tables[name][record_id] for record_id in ids]
        if rows:
            helpers.append(warehouse, {name: rows}, observed_at)
    for name, record_id, kind, gone_at in org.gone:
        warehouse.log.append_gone(
            STREAMS[name],
            pa.table({"record_id": [record_id], "occurred_at": [gone_at]}),
            kind=kind,
            run_id="test",
            source="rest",
            observed_at=observed_at,
            window=observed_at.isoformat(),
        )
    org.unread, org.late, org.gone = set(org.late), set(), []


def judge(warehouse: Warehouse, observed_at: datetime, *, unchecked: str | None = None) -> None:
    """The gate's word on every stream but one it did not come to."""
    log = warehouse.log
    checked = [
        verdicts.checked_row(stream, log.last_sequence(stream))
        for stream in sorted(STREAMS.values())
        if stream != unchecked
    ]
    verdicts.record(log, checked, run_id="test", now=observed_at)


def refuse(warehouse: Warehouse, stream: str, facts: pa.Table, observed_at: datetime) -> None:
    """Set facts aside (columns event_id and record_id)."""
    if facts.num_rows:
        rows = [
            {"event_id": fact["event_id"], "record_id": fact["record_id"], "reason": "a test says so"}
            for fact in facts.to_pylist()
        ]
        unmet = pa.Table.from_pylist(rows, schema=UNMET)
        refused = verdicts.refused_rows(stream, unmet)
        verdicts.record(warehouse.log, [refused], run_id="test", now=observed_at)


def readmit(warehouse: Warehouse, facts: pa.Table, observed_at: datetime) -> None:
    """Take refusals back (rows of `verdicts.refused`)."""
    if facts.num_rows:
        verdicts.record(warehouse.log, [verdicts.readmitted_rows(facts)], run_id="test", now=observed_at)


def found(org: Org) -> None:
    """What every organisation has on its first day: teams, reps, stages, currencies, a quarter with quotas."""
    for number, name in enumerate(["East", "West"]):
        org.create("UserRole", f"00E{number}", Name=name)
    for number in range(5):
        org.create(
            "User", f"005{number:012}", Name=f"Rep {number}", UserRoleId=f"00E{number % 2}", IsActive=True,
            TimeZoneSidKey="Asia/Tokyo", LanguageLocaleKey="ja" if number % 2 else "en_US",
        )  # fmt: skip
    for stage in cases.stages():
        org.create("OpportunityStage", stage["Id"], **{key: stage[key] for key in stage if key != "Id"})
    for code, rate in [("JPY", "1"), ("USD", "0.01")]:
        org.create("CurrencyType", f"01L{code}", IsoCode=code, ConversionRate=rate, IsCorporate=code == "JPY")
    for name in ("new", "renewal"):
        org.create("RecordType", f"012{name}", Name=name, BusinessProcessId=f"019{name}")
    org.create("Period", "026q3", Type="Quarter", StartDate="2026-07-01", EndDate="2026-09-30")
    org.create("ForecastingQuota", QuotaOwnerId="005000000000001", PeriodId="026q3", QuotaAmount="9000")


def stage_names(org: Org, *, is_closed: bool) -> list[str]:
    stages: Mapping[str, Row] = org.tables["OpportunityStage"]
    return [row["ApiName"] for row in stages.values() if row["IsClosed"] == is_closed and row["IsActive"]]
