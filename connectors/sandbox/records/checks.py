"""Checks of a batch against what the org holds: external ids, references, unique fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.records.derive import Draft
from connectors.sandbox.records.store import Org
from connectors.sandbox.records.validation import typed_value
from connectors.sandbox.schema.sobjects import Field, SObject

Problems = dict[int, SalesforceError]
"""Why a row of a batch fails, by its place in the batch."""


def external_field(entity: SObject, name: str) -> Field:
    """The external id (or Id) field of a name; 404 when the object has none of that name."""
    field = entity.by_lower_name.get(name.lower())
    if field is None or not (field.external_id or field.type == "id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def matches(org: Org, entity: SObject, field: Field, values: Sequence[object]) -> dict[str, list[str]]:
    """Ids of live records by their external id as it counts (Field.key)."""
    wanted = sorted({field.key(each) for each in values})
    if not wanted:
        return {}
    live = 'and not "IsDeleted"' if "IsDeleted" in entity.fields else ""
    column = f'"{field.name}"::varchar' if field.case_sensitive else f'lower("{field.name}"::varchar)'
    sql = f'select {column} as value, "Id" from "{entity.name}" where {column} = any($1) {live} order by "Id"'
    found: dict[str, list[str]] = {}
    for row in org.fetch_rows(sql, [wanted]):
        found.setdefault(str(row["value"]), []).append(str(row["Id"]))
    return found


def check_external_ids(
    org: Org, entity: SObject, external: str, rows: Sequence[Mapping[str, object]]
) -> tuple[list[str | None], Problems]:
    """The record each row of an upsert means (None: a new one), and the rows that mean none or several."""
    field = external_field(entity, external)
    given = [_external_value(field, row) for row in rows]
    counts = Counter(field.key(each) for each in given if each is not None)
    found = matches(org, entity, field, [each for each in given if each is not None])
    record_ids: list[str | None] = []
    problems: Problems = {}
    for number, (value, row) in enumerate(zip(given, rows, strict=True)):
        ids = found.get(field.key(value), []) if value is not None else []
        record_ids.append(ids[0] if ids else None)
        problem = _external_problem(field, row, value, ids, counts)
        if problem:
            problems[number] = problem
    return record_ids, problems


def _external_value(field: Field, row: Mapping[str, object]) -> object:
    given = next((value for name, value in row.items() if name.lower() == field.name.lower()), None)
    return typed_value(field, given)


def _external_problem(
    field: Field, row: Mapping[str, object], value: object, ids: Sequence[str], counts: Mapping[str, int]
) -> SalesforceError | None:
    if value is None:
        return SalesforceError("MISSING_ARGUMENT", f"{field.name} not specified", fields=(field.name,))
    if field.type != "id" and any(name.lower() == "id" for name in row):
        return SalesforceError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    if field.type == "id" and not ids:
        return not_found("The requested resource does not exist")
    if counts[field.key(value)] > 1:
        return SalesforceError(
            "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=(field.name,)
        )
    if len(ids) > 1:
        return SalesforceError(
            "DUPLICATE_EXTERNAL_ID", f"{field.name}: more than one record found for external id"
        )
    return None


def check_references(org: Org, entity: SObject, drafts: Mapping[int, Draft], problems: Problems) -> None:
    """Marks rows that refer to records of the wrong object, to none, or to an inactive owner."""
    given = [
        (number, entity.fields[name], str(draft.new[name]))
        for number, draft in drafts.items()
        for name in draft.given
        if entity.fields[name].type == "reference" and draft.new.get(name) is not None
    ]
    known = {name: _known_ids(org, name, (each[2] for each in given)) for name in {*_parents(org, given)}}
    inactive = _inactive_owners(org, given)
    for number, field, record_id in given:
        problem = _reference_problem(org, field, record_id, known, inactive)
        if problem:
            problems.setdefault(number, problem)


def _parents(org: Org, given: Iterable[tuple[int, Field, str]]) -> Iterable[str]:
    return (name for _, field, _ in given for name in field.reference_to if name in org.objects)


def _known_ids(org: Org, object_name: str, record_ids: Iterable[str]) -> set[str]:
    prefix = org.objects[object_name].key_prefix
    wanted = sorted({each for each in record_ids if each.startswith(prefix)})
    if not wanted:
        return set()
    live = 'and not "IsDeleted"' if "IsDeleted" in org.objects[object_name].fields else ""
    rows = org.fetch_rows(f'select "Id" from "{object_name}" where "Id" = any($1) {live}', [wanted])
    return {str(row["Id"]) for row in rows}


def _inactive_owners(org: Org, given: Iterable[tuple[int, Field, str]]) -> set[str]:
    owners = sorted({record_id for _, field, record_id in given if field.name == "OwnerId"})
    if not owners:
        return set()
    rows = org.fetch_rows('select "Id" from "User" where "Id" = any($1) and not "IsActive"', [owners])
    return {str(row["Id"]) for row in rows}


def _reference_problem(
    org: Org, field: Field, record_id: str, known: Mapping[str, set[str]], inactive: set[str]
) -> SalesforceError | None:
    parents = [name for name in field.reference_to if name in org.objects]
    if len(parents) < len(field.reference_to) and not any(
        record_id.startswith(org.objects[name].key_prefix) for name in parents
    ):
        return None
    if not any(record_id.startswith(org.objects[name].key_prefix) for name in parents):
        message = f"{field.relationship_name} ID: id value of incorrect type: {record_id}"
        return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=(field.name,))
    if not any(record_id in known[name] for name in parents):
        return SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=(field.name,)
        )
    if field.name == "OwnerId" and record_id in inactive:
        message = f"operation performed with inactive user [{record_id[:15]}] as owner of record"
        return SalesforceError("INACTIVE_OWNER_OR_USER", message, fields=("OwnerId",))
    return None


def check_unique(org: Org, entity: SObject, drafts: Mapping[int, Draft], problems: Problems) -> None:
    """Marks rows whose unique fields have a value that another record, or an earlier row, has."""
    for field in entity.fields.values():
        if field.unique:
            _check_unique_field(org, entity, field, drafts, problems)


def _check_unique_field(
    org: Org, entity: SObject, field: Field, drafts: Mapping[int, Draft], problems: Problems
) -> None:
    given = {
        number: draft
        for number, draft in drafts.items()
        if field.name in draft.given and draft.new.get(field.name)
    }
    found = matches(org, entity, field, [each.new[field.name] for each in given.values()])
    taken: dict[str, object] = {value: ids[0] for value, ids in found.items()}
    for number, draft in given.items():
        value = field.key(draft.new[field.name])
        holder = taken.setdefault(value, draft.new.get("Id", f"row {number + 1} of this request"))
        own = draft.new.get("Id", f"row {number + 1} of this request")
        if holder != own:
            message = f"duplicate value found: {field.name} duplicates value on record with id: {holder}"
            problems.setdefault(number, SalesforceError("DUPLICATE_VALUE", message, fields=(field.name,)))
