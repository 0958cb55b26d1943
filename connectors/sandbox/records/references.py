"""Parents named by an external id instead of their Id: `{"Account": {"Key__c": "A-1"}}` in place of AccountId."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.checks import Problems, external_field, matches
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import Field, SObject

RawRow = Mapping[str, object]


@dataclass(frozen=True)
class _Parent:
    """A parent as a row names it: the record of `entity` whose `external` is `value`; none at all when null."""

    field: Field
    entity: SObject
    external: Field
    value: str | None


def resolve(org: Org, entity: SObject, rows: Sequence[RawRow]) -> tuple[list[RawRow], Problems]:
    """Rows with the ids of the parents they name, and the rows that name none or several."""
    resolved = [dict(row) for row in rows]
    named, problems = _named(org, entity, rows)
    ids = _ids(org, [each for each in named.values() if each.value is not None])
    for (number, name), parent in named.items():
        del resolved[number][name]
        known = ids.get((parent.entity.name, parent.external.name), {})
        found = known.get(parent.external.key(parent.value), [])
        if parent.value is not None and len(found) != 1:
            problems[number] = _unresolved(parent, len(found))
        resolved[number][parent.field.name] = found[0] if found and parent.value is not None else None
    return [*resolved], problems


def _named(
    org: Org, entity: SObject, rows: Sequence[RawRow]
) -> tuple[dict[tuple[int, str], _Parent], Problems]:
    """The parents that rows name, by row and name, and the rows that do not say which record they mean."""
    named: dict[tuple[int, str], _Parent] = {}
    problems: Problems = {}
    for number, row in enumerate(rows):
        for name, value in row.items():
            field = entity.by_relationship.get(name.lower())
            if field is None or name.lower() in entity.by_lower_name or not _names_parent(value):
                continue
            try:
                named[number, name] = _parent(
                    org, field, value if isinstance(value, Mapping) else {"Id": None}
                )
            except SalesforceError as error:
                problems[number] = error
    return named, problems


def _names_parent(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


def _parent(org: Org, field: Field, value: Mapping[str, object]) -> _Parent:
    attributes = value.get("attributes")
    told = attributes.get("type") if isinstance(attributes, Mapping) else None
    entity = org.find_object(str(told or field.reference_to[0]))
    keys = [(name, each) for name, each in value.items() if name not in ("attributes", "type")]
    if entity is None or entity.name not in field.reference_to or len(keys) != 1:
        message = f"{field.relationship_name} has to name one external id of {', '.join(field.reference_to)}"
        raise SalesforceError("INVALID_FIELD", message, fields=(field.name,))
    name, key = keys[0]
    return _Parent(field, entity, external_field(entity, name), None if key is None else str(key))


def _ids(org: Org, parents: Sequence[_Parent]) -> dict[tuple[str, str], dict[str, list[str]]]:
    wanted: dict[tuple[str, str], list[_Parent]] = {}
    for each in parents:
        wanted.setdefault((each.entity.name, each.external.name), []).append(each)
    return {
        key: matches(org, group[0].entity, group[0].external, [each.value for each in group])
        for key, group in wanted.items()
    }


def _unresolved(parent: _Parent, count: int) -> SalesforceError:
    words = "More than one record found for" if count else "Foreign key"
    message = (
        f"{words} external ID: {parent.value} not {'unique' if count else 'found'} for field "
        f"{parent.external.name} in entity {parent.entity.name}"
    )
    return SalesforceError("INVALID_FIELD", message, fields=(parent.field.name,))
