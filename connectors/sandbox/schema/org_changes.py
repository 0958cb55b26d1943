"""What an administrator does to an org: features, custom fields; and what time does to it: archived activities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pyarrow as pa

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.records.store import Org, arrow_schema
from connectors.sandbox.records.validation import typed_value
from connectors.sandbox.schema.features import FEATURES
from connectors.sandbox.schema.own_schema import quoted
from connectors.sandbox.schema.sobjects import COLUMN_TYPES, COMPOUND_TYPES, TEXT_LENGTHS, Field, SObject

_TYPES = (frozenset(COLUMN_TYPES) | frozenset(TEXT_LENGTHS)) - COMPOUND_TYPES - {"id"}


def put_features(org: Org, names: Iterable[str]) -> None:
    """Gives an org these features and no others; what it loses is hidden, not deleted. INVALID_INPUT for unknown ones."""
    wanted = frozenset(names)
    unknown = sorted(wanted - set(FEATURES))
    if unknown:
        raise _invalid(f"unknown feature {unknown[0]}; there are {', '.join(sorted(FEATURES))}")
    with org.transaction():
        is_new = "multi_currency" in wanted - org.schema.features
        org.schema.put_features(wanted)
        if is_new:
            _start_currencies(org)


def _start_currencies(org: Org) -> None:
    """Every record is worth money of the org's own currency until somebody says otherwise."""
    for name, entity in org.objects.items():
        for field in ("CurrencyIsoCode", "DefaultCurrencyIsoCode"):
            if field in entity.fields and name != "Organization":
                sql = f'update "{name}" set "{field}" = $1 where "{field}" is null'
                org.run(sql, [org.currency])
    if not org.fetch_rows('select 1 from "CurrencyType" limit 1'):
        stamp, user_id = org.stamp(), org.integration_user_id
        row = {
            "Id": org.new_ids("CurrencyType", 1)[0], "IsoCode": org.currency, "ConversionRate": 1.0,
            "DecimalPlaces": 0 if org.currency == "JPY" else 2, "IsActive": True, "IsCorporate": True,
            "CreatedDate": stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp, "CreatedById": user_id,
            "LastModifiedById": user_id,
        }  # fmt: skip
        org.insert_rows("CurrencyType", [row])


# fields


def change_field(org: Org, given: Mapping[str, object]) -> Field | None:
    """Carries out one change of a field and returns the field as it is then; INVALID_INPUT for what cannot be done.

    `action` is add, rename, retype, remove or set (values, without moving SystemModstamp, as a formula's values move).
    """
    action = _ACTIONS.get(str(given.get("action")))
    entity = org.objects.get(str(given.get("object")))
    if action is None or entity is None:
        raise _invalid(f"give an object of the org and an action ({', '.join(_ACTIONS)})")
    with org.transaction():
        return action(org, entity, given)


def _add(org: Org, entity: SObject, given: Mapping[str, object]) -> Field:
    field = _made(entity, given)
    if field.name in entity.fields:
        raise _invalid(f"{entity.name} has a field {field.name} already")
    org.schema.add(entity.name, [field])
    return field


def _made(entity: SObject, given: Mapping[str, object]) -> Field:
    name, kind = str(given.get("name", "")), str(given.get("type", ""))
    if not name.endswith("__c") or not name[:-3].replace("_", "").isalnum():
        raise _invalid("a new field needs a name that ends in __c")
    is_formula = given.get("formula") is True
    parents = given.get("reference_to")
    return Field(
        name,
        _type(kind),
        length=int(str(given.get("length") or TEXT_LENGTHS.get(kind, 0))),
        reference_to=tuple(map(str, parents)) if isinstance(parents, list) else (),
        createable=not is_formula,
        updateable=not is_formula,
        nillable=kind != "boolean",
        filterable=kind != "textarea",
        external_id=given.get("external_id") is True,
        unique=given.get("unique") is True,
        calculated=is_formula,
        kept=is_formula,
    )


def _type(kind: str) -> str:
    if kind not in _TYPES:
        raise _invalid(f"unknown type {kind!r}; there are {', '.join(sorted(_TYPES))}")
    return kind


def _rename(org: Org, entity: SObject, given: Mapping[str, object]) -> Field:
    old, new_name = _existing(entity, given), str(given.get("new_name", ""))
    if not old.custom or not new_name.endswith("__c") or new_name in entity.fields:
        raise _invalid("only a custom field can be renamed, to a new name that ends in __c")
    org.schema.rename(entity.name, old.name, new_name)
    return org.objects[entity.name].fields[new_name]


def _retype(org: Org, entity: SObject, given: Mapping[str, object]) -> Field:
    kind = _type(str(given.get("type", "")))
    length = int(str(given.get("length") or TEXT_LENGTHS.get(kind, 0)))
    field = replace(_existing(entity, given), type=kind, length=length, filterable=kind != "textarea")
    org.schema.retype(entity.name, field)
    return field


def _remove(org: Org, entity: SObject, given: Mapping[str, object]) -> None:
    org.schema.remove(entity.name, _existing(entity, given).name)


def _set(org: Org, entity: SObject, given: Mapping[str, object]) -> Field:
    field, values = _existing(entity, given), given.get("values")
    if not field.stored:
        raise _invalid(f"the values of {field.name} follow from others: there is nothing to set")
    if not isinstance(values, dict):
        org.run(
            f'update "{entity.name}" set "{quoted(field.name)}" = $1',
            [typed_value(field, given.get("value"))],
        )
        return field
    rows = [
        {"Id": normalized(key) or key, field.name: typed_value(field, value)} for key, value in values.items()
    ]
    table = pa.Table.from_pylist(rows, arrow_schema([entity.fields["Id"], field]))
    org.update_from(entity.name, f'"{quoted(field.name)}" = _changed."{quoted(field.name)}"', table)
    return field


def _existing(entity: SObject, given: Mapping[str, object]) -> Field:
    field = entity.fields.get(str(given.get("name")))
    if field is None:
        raise _invalid(f"{entity.name} has no field {given.get('name')}")
    return field


def _invalid(message: str) -> SalesforceError:
    return SalesforceError("INVALID_INPUT", message)


_ACTIONS: Mapping[str, Callable[[Org, SObject, Mapping[str, object]], Field | None]] = {
    "add": _add, "rename": _rename, "retype": _retype, "remove": _remove, "set": _set,
}  # fmt: skip


# archived activities


def archive_activities(org: Org) -> Mapping[str, int]:
    """Archives what Salesforce archives by now, and says how many: events that ended, and closed tasks due (or made,
    without a due date), more than 365 days ago. SystemModstamp stays."""
    conditions = {
        "Event": 'coalesce("EndDate", "EndDateTime"::date, "ActivityDate") < $1',
        "Task": '"IsClosed" and coalesce("ActivityDate", "CreatedDate"::date) < $1',
    }
    counts = {}
    with org.transaction():
        for name, condition in conditions.items():
            sql = (
                f'update "{name}" set "IsArchived" = true where not "IsArchived" and {condition} returning 1'
            )
            counts[name] = len(org.run(sql.replace("$1", "$1::date - 365"), [org.query_context().today]))
    return counts
