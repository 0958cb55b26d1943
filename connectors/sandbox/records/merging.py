"""Merging accounts, contacts or leads: one record stays, the others go to the recycle bin and name it as their master."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.records.recycle import refresh_activity_fields
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject

MERGEABLE = ("Account", "Contact", "Lead")
MAXIMUM_LOSERS = 2
_ACTIVITY_FIELDS: Mapping[str, str] = {"Account": "AccountId", "Contact": "WhoId", "Lead": "WhoId"}


def merge(org: Org, winner_id: str, loser_ids: Sequence[str]) -> list[str]:
    """Merges losers into the winner; returns the ids of the records that hang on the winner instead of a loser now.

    The children's and the winner's stamps move. Raises SalesforceError for what cannot be merged.
    """
    entity = org.object_of_id(winner_id)
    if entity is None or entity.name not in MERGEABLE:
        raise SalesforceError("INVALID_TYPE", f"{winner_id} is no {', '.join(MERGEABLE)}")
    _check_losers(org, entity, winner_id, loser_ids)
    with org.transaction():
        moved = [
            record_id
            for child in org.objects.values()
            for field in child.stored_fields
            if entity.name in field.reference_to and field.name != "MasterRecordId"
            for record_id in _reparent(org, child, field.name, winner_id, loser_ids)
        ]
        _touch(org, entity, [winner_id])
        _touch(org, entity, loser_ids, **{"IsDeleted": True, "MasterRecordId": winner_id})
        refresh_activity_fields(org, [{_ACTIVITY_FIELDS[entity.name]: winner_id}])
    return sorted(set(moved))


def _check_losers(org: Org, entity: SObject, winner_id: str, loser_ids: Sequence[str]) -> None:
    if not 1 <= len(set(loser_ids)) == len(loser_ids) <= MAXIMUM_LOSERS or winner_id in loser_ids:
        raise SalesforceError("INVALID_INPUT", f"a merge takes one to {MAXIMUM_LOSERS} other records")
    sql = f'select "Id" from "{entity.name}" where "Id" = any($1) and not "IsDeleted"'
    found = {str(row["Id"]) for row in org.fetch_rows(sql, [[winner_id, *loser_ids]])}
    missing = [each for each in (winner_id, *loser_ids) if each not in found]
    if missing:
        raise not_found(f"no {entity.name} {missing[0]} to merge")


def _reparent(org: Org, child: SObject, field: str, winner_id: str, loser_ids: Sequence[str]) -> list[str]:
    live = 'and not "IsDeleted"' if "IsDeleted" in child.fields else ""
    sql = f'select "Id" from "{child.name}" where "{field}" = any($1) {live}'
    found = [str(row["Id"]) for row in org.fetch_rows(sql, [list(loser_ids)])]
    if found:
        _touch(org, child, found, **{field: winner_id})
    return found


def _touch(org: Org, entity: SObject, record_ids: Sequence[str], **values: object) -> None:
    stamp = org.stamp()
    stamps = {"SystemModstamp": stamp, "LastModifiedDate": stamp, "LastModifiedById": org.integration_user_id}
    values |= {name: value for name, value in stamps.items() if name in entity.fields}
    sets = ", ".join(f'"{name}" = ${number}' for number, name in enumerate(values, start=2))
    if sets:
        org.run(
            f'update "{entity.name}" set {sets} where "Id" = any($1)', [list(record_ids), *values.values()]
        )
