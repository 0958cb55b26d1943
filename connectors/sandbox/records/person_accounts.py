"""Person accounts: an account with a last name is a person, and has a contact of its own that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.sandbox.records.derive import Draft
from connectors.sandbox.records.starting_rows import Row
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject

_MAILING = ("Street", "City", "State", "PostalCode", "Country")
_CONTACT_FIELDS: Mapping[str, str] = {
    "LastName": "LastName", "FirstName": "FirstName", "Salutation": "Salutation", "Name": "Name", "OwnerId": "OwnerId",
    "PersonEmail": "Email", "PersonMobilePhone": "MobilePhone", "PersonTitle": "Title", "PersonBirthdate": "Birthdate",
    "PersonLeadSource": "LeadSource", **{f"PersonMailing{each}": f"Mailing{each}" for each in _MAILING},
}  # fmt: skip
"""The account's fields and the contact's they stand for."""


def completed(entity: SObject, row: Mapping[str, object]) -> Mapping[str, object]:
    """The row of a person's account with its Name, which follows from first and last name."""
    if entity.name != "Account" or "IsPersonAccount" not in entity.fields:
        return row
    given = {name.lower(): value for name, value in row.items()}
    if not given.get("lastname") or given.get("name"):
        return row
    return {
        **row,
        "Name": " ".join(str(each) for each in (given.get("firstname"), given["lastname"]) if each),
    }


def save_persons(org: Org, drafts: Sequence[Draft], stamp: datetime, user_id: str) -> None:
    """Marks the accounts that are persons and writes their contacts; both bear the same stamp."""
    persons = [each for each in drafts if each.new.get("LastName")]
    new = [each for each in persons if not each.new.get("PersonContactId")]
    contact_ids = org.new_ids("Contact", len(new)) if new else []
    for draft, contact_id in zip(new, contact_ids, strict=True):
        draft.new["PersonContactId"] = contact_id
    for draft in persons:
        parts = (draft.new.get("FirstName"), draft.new["LastName"])
        draft.new.update(IsPersonAccount=True, Name=" ".join(str(each) for each in parts if each))
    org.insert_rows("Contact", [_contact(each, stamp, user_id) for each in new])
    for draft in persons:
        if draft.old is not None and draft not in new:
            _follow(org, draft, stamp, user_id)


def _contact(draft: Draft, stamp: datetime, user_id: str) -> Row:
    return {
        "Id": draft.new["PersonContactId"], "AccountId": draft.new["Id"], "IsPersonAccount": True, "IsDeleted": False,
        "CreatedDate": stamp, "CreatedById": user_id, "LastModifiedDate": stamp, "LastModifiedById": user_id,
        "SystemModstamp": stamp, **{theirs: draft.new.get(ours) for ours, theirs in _CONTACT_FIELDS.items()},
    }  # fmt: skip


def _follow(org: Org, draft: Draft, stamp: datetime, user_id: str) -> None:
    values = {theirs: draft.new.get(ours) for ours, theirs in _CONTACT_FIELDS.items()}
    values |= {"LastModifiedDate": stamp, "LastModifiedById": user_id, "SystemModstamp": stamp}
    sets = ", ".join(f'"{name}" = ${number}' for number, name in enumerate(values, start=2))
    org.run(f'update "Contact" set {sets} where "Id" = $1', [draft.new["PersonContactId"], *values.values()])
