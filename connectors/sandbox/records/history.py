"""History rows a saved opportunity leaves: OpportunityHistory and OpportunityFieldHistory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from connectors.sandbox.records.derive import Draft, Saving
from connectors.sandbox.records.starting_rows import Row
from connectors.sandbox.records.store import Org

WATCHED = ("StageName", "Amount", "Probability", "CloseDate", "ExpectedRevenue", "ForecastCategory")
TRACKED = {
    "StageName": "DynamicEnum", "Amount": "Currency", "CloseDate": "DateOnly", "Probability": "Percent",
    "NextStep": "Text", "ForecastCategoryName": "DynamicEnum", "Type": "DynamicEnum", "LeadSource": "DynamicEnum",
    "Name": "Text", "OwnerId": "EntityId", "AccountId": "EntityId",
}  # fmt: skip
_NAMES = {"OwnerId": "Owner", "AccountId": "Account"}


def write_history(org: Org, drafts: Sequence[Draft], saving: Saving, user_id: str) -> None:
    """Adds the history rows of saved opportunities and notes the last ones on the opportunities' new values."""
    changed = [each for each in drafts if each.old is None or any(each.changed(name) for name in WATCHED)]
    history_ids = org.new_ids("OpportunityHistory", len(changed)) if changed else []
    rows = []
    for history_id, draft in zip(history_ids, changed, strict=True):
        rows.append(_history_row(history_id, draft, saving.stamp, user_id))
        if draft.changed("Amount"):
            draft.new["LastAmountChangedHistoryId"] = history_id
        if draft.changed("CloseDate"):
            draft.new["LastCloseDateChangedHistoryId"] = history_id
    org.insert_rows("OpportunityHistory", rows)
    _write_field_history(org, drafts, saving.stamp, user_id)


def _history_row(history_id: str, draft: Draft, stamp: datetime, user_id: str) -> Row:
    new, old = draft.new, draft.old or {}
    return {
        "Id": history_id, "OpportunityId": new["Id"], "CreatedById": user_id, "CreatedDate": stamp,
        **{name: new.get(name) for name in WATCHED},
        "FromForecastCategory": old.get("ForecastCategory"), "FromOpportunityStageName": old.get("StageName"),
        "PrevAmount": old.get("Amount"), "PrevCloseDate": old.get("CloseDate"), "SystemModstamp": stamp,
        "IsDeleted": False,
    }  # fmt: skip


def _write_field_history(org: Org, drafts: Sequence[Draft], stamp: datetime, user_id: str) -> None:
    changes: list[tuple[object, str, str, object, object]] = []
    names = _names_of(org, drafts)
    for draft in drafts:
        opportunity_id = draft.new["Id"]
        if draft.old is None:
            changes.append((opportunity_id, "created", "Text", None, None))
            continue
        for name, data_type in TRACKED.items():
            if draft.changed(name):
                before, after = draft.old.get(name), draft.new.get(name)
                label = _NAMES.get(name, name)
                if data_type == "EntityId":
                    # A lookup leaves two rows: the names for people, the ids for programs.
                    shown = (names.get(str(before)), names.get(str(after)))
                    changes.append((opportunity_id, label, "Text", *shown))
                changes.append((opportunity_id, label, data_type, before, after))
    row_ids = org.new_ids("OpportunityFieldHistory", len(changes)) if changes else []
    rows: list[Row] = [
        {"Id": row_id, "IsDeleted": False, "OpportunityId": change[0], "CreatedById": user_id, "CreatedDate": stamp,
         "Field": change[1], "DataType": change[2], "OldValue": _text(change[3]), "NewValue": _text(change[4])}
        for row_id, change in zip(row_ids, changes, strict=True)
    ]  # fmt: skip
    org.insert_rows("OpportunityFieldHistory", rows)


def _names_of(org: Org, drafts: Sequence[Draft]) -> Mapping[str, str]:
    wanted = {
        str(values.get(name))
        for draft in drafts
        if draft.old is not None
        for name in _NAMES
        if draft.changed(name)
        for values in (draft.old, draft.new)
    }
    if not wanted:
        return {}
    rows = org.fetch_rows('select "Id", "Name" from _name where "Id" = any($1)', [sorted(wanted)])
    return {str(row["Id"]): str(row["Name"]) for row in rows}


def _text(value: object) -> str | None:
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)
