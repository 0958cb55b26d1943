"""Deleting into the recycle bin, taking back out of it, purging; and the activity fields that follow tasks and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject

CASCADES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Account": (
        ("Contact", "AccountId"),
        ("Opportunity", "AccountId"),
        ("Task", "WhatId"),
        ("Event", "WhatId"),
    ),
    "Contact": (("OpportunityContactRole", "ContactId"),),
    "Opportunity": (
        ("OpportunityHistory", "OpportunityId"),
        ("OpportunityFieldHistory", "OpportunityId"),
        ("OpportunityContactRole", "OpportunityId"),
        ("OpportunityLineItem", "OpportunityId"),
        ("Task", "WhatId"),
        ("Event", "WhatId"),
    ),
}
"""What goes to the recycle bin with a record: child objects and the field that refers to it."""
_TARGETS = (("Opportunity", "WhatId"), ("Account", "AccountId"), ("Contact", "WhoId"), ("Lead", "WhoId"))


def recycle(org: Org, entity: SObject, record_ids: Sequence[str], user_id: str) -> None:
    """Moves live records and what hangs on them to the recycle bin, as a user; they must exist."""
    if "IsDeleted" not in entity.fields or entity.name.endswith("History"):
        raise SalesforceError(
            "INSUFFICIENT_ACCESS_OR_READONLY", f"entity type {entity.name} cannot be deleted"
        )
    with org.transaction():
        _set_deleted(org, entity.name, record_ids, True, None, user_id)


def restore(org: Org, entity: SObject, record_ids: Sequence[str]) -> None:
    """Takes records, and what went with them, out of the recycle bin."""
    with org.transaction():
        sql = f'select "Id", "SystemModstamp" from "{entity.name}" where "Id" = any($1) and "IsDeleted"'
        for row in org.fetch_rows(sql, [list(record_ids)]):
            user_id = org.integration_user_id
            _set_deleted(org, entity.name, [str(row["Id"])], False, row["SystemModstamp"], user_id)


def purge(org: Org, entity: SObject, record_ids: Sequence[str]) -> None:
    """Removes records and what hangs on them for good, as emptying the recycle bin does: only their absence shows it."""
    from connectors.sandbox.records.replication import log_purged

    if not record_ids:
        return
    with org.transaction():
        for child, field in CASCADES.get(entity.name, ()):
            sql = f'select "Id" from "{child}" where "{field}" = any($1)'
            children = [str(row["Id"]) for row in org.fetch_rows(sql, [list(record_ids)])]
            purge(org, org.objects[child], children)
        log_purged(org, entity, record_ids)
        org.run(f'delete from "{entity.name}" where "Id" = any($1)', [list(record_ids)])


def _set_deleted(
    org: Org, name: str, record_ids: Sequence[str], deleted: bool, deleted_at: object, user_id: str
) -> None:
    """Marks records and, downwards, their children; on restoring only those deleted at the same instant."""
    if not record_ids:
        return
    entity, stamp = org.objects[name], org.stamp()
    for child, field in CASCADES.get(name, ()):
        same_time = "SystemModstamp" in org.objects[child].fields and deleted_at is not None
        when = 'and "SystemModstamp" = $3' if same_time else ""
        sql = f'select "Id" from "{child}" where "{field}" = any($1) and "IsDeleted" = $2 {when}'
        parameters = [list(record_ids), not deleted, *([deleted_at] if same_time else [])]
        children = [str(row["Id"]) for row in org.fetch_rows(sql, parameters)]
        _set_deleted(org, child, children, deleted, deleted_at, user_id)
    stamps = {"SystemModstamp": stamp, "LastModifiedDate": stamp, "LastModifiedById": user_id}
    stamped = {column: value for column, value in stamps.items() if column in entity.fields}
    assignments = ", ".join(f'"{column}" = ${number}' for number, column in enumerate(stamped, start=3))
    sets = ", ".join(filter(None, ['"IsDeleted" = $2', assignments]))
    sql = f'update "{name}" set {sets} where "Id" = any($1)'
    org.run(sql, [list(record_ids), deleted, *stamped.values()])
    if name in ("Task", "Event"):
        sql = f'select "WhatId", "WhoId", "AccountId" from "{name}" where "Id" = any($1)'
        refresh_activity_fields(org, org.fetch_rows(sql, [list(record_ids)]))


def refresh_activity_fields(org: Org, activities: Iterable[Mapping[str, object]]) -> None:
    """Sets LastActivityDate, HasOpenActivity and HasOverdueTask of the records activities hang on.

    SystemModstamp stays, as in Salesforce: these fields move without it.
    """
    touched = [dict(each) for each in activities]
    for name, field in _TARGETS:
        wanted = sorted({str(each[field]) for each in touched if each.get(field)})
        if wanted:
            _refresh(org, name, field, wanted)


def _refresh(org: Org, name: str, field: str, record_ids: Sequence[str]) -> None:
    assignments = ['"LastActivityDate" = _activity.last_date']
    if name == "Opportunity":
        assignments += ['"HasOpenActivity" = _activity.is_open', '"HasOverdueTask" = _activity.is_overdue']
    sql = f"""
        with _rows as (
            select "{field}" as target, "ActivityDate" as day, not "IsClosed" as is_open, "IsClosed" as is_past,
                not "IsClosed" and "ActivityDate" < $2 as is_overdue
            from "Task" where "{field}" = any($1) and not "IsDeleted"
            union all
            select "{field}", "ActivityDate", "ActivityDate" >= $2, "ActivityDate" < $2, false
            from "Event" where "{field}" = any($1) and not "IsDeleted"
        ), _activity as (
            select wanted.target, max(day) filter (is_past) as last_date,
                coalesce(bool_or(is_open), false) as is_open, coalesce(bool_or(is_overdue), false) as is_overdue
            from (select unnest($1) as target) as wanted left join _rows on _rows.target = wanted.target
            group by wanted.target
        )
        update "{name}" set {", ".join(assignments)} from _activity where "{name}"."Id" = _activity.target
    """
    org.run(sql, [list(record_ids), org.query_context().today])
