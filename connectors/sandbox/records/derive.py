"""Values Salesforce derives when a record is saved. Each function changes the new values in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from connectors.sandbox.records.validation import Values

CLOSED_TASK_STATUSES = frozenset({"Completed"})
CATEGORY_BY_NAME = {"Commit": "Forecast", "Best Case": "BestCase", "Most Likely": "MostLikely"}


@dataclass(frozen=True)
class Saving:
    """What derivation needs of the org: stages by name, the accounts behind What and Who ids, the clock, the
    org's own currency."""

    stages: Mapping[str, Mapping[str, object]]
    account_ids: Mapping[str, str | None]
    fiscal_start_month: int
    stamp: datetime
    currency: str


@dataclass(frozen=True)
class Draft:
    """A record being saved: its new values, what it was before (None at creation), and which fields were given."""

    new: Values
    old: Mapping[str, object] | None
    given: frozenset[str]

    def changed(self, name: str) -> bool:
        """Whether a field differs from before; at creation, whether it has a value."""
        before = self.old.get(name) if self.old is not None else None
        return self.new.get(name) != before


def derive(object_name: str, draft: Draft, saving: Saving) -> None:
    """Fills the derived fields of one record."""
    rule = _RULES.get(object_name)
    if rule:
        rule(draft, saving)


def _opportunity(draft: Draft, saving: Saving) -> None:
    new, stage = draft.new, saving.stages.get(str(draft.new.get("StageName")), {})
    if draft.changed("StageName"):
        _apply_stage(draft, stage, saving)
    if draft.changed("ForecastCategoryName"):
        name = str(new.get("ForecastCategoryName"))
        new["ForecastCategory"] = CATEGORY_BY_NAME.get(name, name)
    new["ExpectedRevenue"] = _expected_revenue(new.get("Amount"), new.get("Probability"))
    close_date = new.get("CloseDate")
    if isinstance(close_date, date):
        _apply_fiscal(new, close_date, saving.fiscal_start_month)
        _count_push(draft, close_date)


def _apply_stage(draft: Draft, stage: Mapping[str, object], saving: Saving) -> None:
    new = draft.new
    new["IsClosed"] = bool(stage.get("IsClosed", False))
    new["IsWon"] = bool(stage.get("IsWon", False))
    if "Probability" not in draft.given:
        new["Probability"] = stage.get("DefaultProbability", new.get("Probability"))
    if "ForecastCategoryName" not in draft.given and stage:
        new["ForecastCategory"] = stage.get("ForecastCategory")
        new["ForecastCategoryName"] = stage.get("ForecastCategoryName")
    if draft.old is not None:
        new["LastStageChangeDate"] = saving.stamp


def _expected_revenue(amount: object, probability: object) -> float | None:
    if not isinstance(amount, int | float):
        return None
    return float(amount) * float(str(probability or 0)) / 100


def _apply_fiscal(new: Values, close_date: date, start_month: int) -> None:
    months_in = (close_date.month - start_month) % 12
    # The fiscal year is named after the calendar year it ends in.
    year = close_date.year + (1 if start_month > 1 and close_date.month >= start_month else 0)
    quarter = months_in // 3 + 1
    new.update(FiscalYear=year, FiscalQuarter=quarter, Fiscal=f"{year} {quarter}")


def _count_push(draft: Draft, close_date: date) -> None:
    before = draft.old.get("CloseDate") if draft.old is not None else None
    pushes = int(str(draft.new.get("PushCount") or 0))
    later_month = isinstance(before, date) and (close_date.year, close_date.month) > (
        before.year,
        before.month,
    )
    draft.new["PushCount"] = pushes + 1 if later_month else pushes


def _person(draft: Draft, saving: Saving) -> None:
    parts = (draft.new.get("FirstName"), draft.new.get("LastName"))
    draft.new["Name"] = " ".join(str(each) for each in parts if each) or None


def _activity(draft: Draft, saving: Saving) -> None:
    new = draft.new
    what, who = new.get("WhatId"), new.get("WhoId")
    new["WhatCount"], new["WhoCount"] = int(what is not None), int(who is not None)
    new["AccountId"] = saving.account_ids.get(str(what)) or saving.account_ids.get(str(who))


def _task(draft: Draft, saving: Saving) -> None:
    new = draft.new
    _activity(draft, saving)
    was_closed = bool(draft.old and draft.old.get("IsClosed"))
    new["IsClosed"] = new.get("Status") in CLOSED_TASK_STATUSES
    new["IsHighPriority"] = new.get("Priority") == "High"
    if new["IsClosed"] and not was_closed and "CompletedDateTime" not in draft.given:
        new["CompletedDateTime"] = saving.stamp
    if not new["IsClosed"]:
        new["CompletedDateTime"] = None


def _event(draft: Draft, saving: Saving) -> None:
    new = draft.new
    _activity(draft, saving)
    start = _event_start(draft)
    minutes = new.get("DurationInMinutes")
    end = new.get("EndDateTime")
    if start is not None:
        if isinstance(end, datetime) and "EndDateTime" in draft.given:
            minutes = round((end - start).total_seconds() / 60)
        minutes = minutes if isinstance(minutes, int) else 0
        end = start + timedelta(minutes=minutes)
        new.update(StartDateTime=start, DurationInMinutes=minutes, EndDateTime=end, EndDate=end.date())
        new["ActivityDate"] = start.date()
        new["ActivityDateTime"] = None if new.get("IsAllDayEvent") else start


def _event_start(draft: Draft) -> datetime | None:
    new = draft.new
    given = [new.get(name) for name in ("StartDateTime", "ActivityDateTime") if name in draft.given]
    start = given[0] if given else new.get("StartDateTime")
    if isinstance(start, datetime):
        return start
    day = new.get("ActivityDate")
    return datetime.combine(day, time()) if isinstance(day, date) else None


def _line_item(draft: Draft, saving: Saving) -> None:
    new = draft.new
    quantity, price = new.get("Quantity"), new.get("UnitPrice")
    if isinstance(quantity, int | float) and isinstance(price, int | float):
        new["TotalPrice"] = float(quantity) * float(price) * (1 - float(str(new.get("Discount") or 0)) / 100)


_RULES: Mapping[str, Callable[[Draft, Saving], None]] = {
    "Opportunity": _opportunity, "Task": _task, "Event": _event, "Contact": _person, "Lead": _person, "User": _person,
    "OpportunityLineItem": _line_item,
}  # fmt: skip
