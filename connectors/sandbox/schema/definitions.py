"""EntityDefinition and FieldDefinition: the org's schema as rows that can be queried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from connectors.sandbox.schema.own_schema import durable_id
from connectors.sandbox.schema.sobjects import Field

if TYPE_CHECKING:
    from connectors.sandbox.records.store import Org

DEFINITION_OBJECTS = frozenset({"EntityDefinition", "FieldDefinition"})
_DATA_TYPES: Mapping[str, str] = {
    "id": "Lookup()", "boolean": "Checkbox", "int": "Number(9, 0)", "double": "Number(16, 2)", "percent": "Percent(16, 2)",
    "currency": "Currency(16, 2)", "date": "Date", "datetime": "Date/Time", "time": "Time", "picklist": "Picklist",
    "multipicklist": "Picklist (Multi-Select)", "combobox": "Picklist", "email": "Email", "phone": "Phone", "url": "URL(255)",
    "address": "Address", "location": "Geolocation",
}  # fmt: skip
_FORMULA_TYPES: Mapping[str, str] = {
    "boolean": "Formula (Checkbox)", "double": "Formula (Number)", "int": "Formula (Number)",
    "currency": "Formula (Currency)", "percent": "Formula (Percent)", "date": "Formula (Date)",
    "datetime": "Formula (Date/Time)",
}  # fmt: skip


def refresh_definitions(org: Org) -> None:
    """Writes the definition objects' rows anew: what the org has, whatever the API user may see."""
    entities, definitions = [], []
    for name in org.objects:
        entity = org.schema.find(name)
        if entity is None or name in DEFINITION_OBJECTS:
            continue
        entities.append(
            {"Id": name, "DurableId": name, "QualifiedApiName": name, "DeveloperName": name, "Label": name,
             "KeyPrefix": entity.key_prefix, "IsQueryable": True}
        )  # fmt: skip
        definitions += [_definition(name, each) for each in entity.fields.values()]
    with org.transaction():
        for name, rows in (("EntityDefinition", entities), ("FieldDefinition", definitions)):
            org.run(f'delete from "{name}"')
            org.insert_table(name, pa.Table.from_pylist(rows))
    org.schema.is_stale = False


def _definition(object_name: str, field: Field) -> dict[str, object]:
    number = field.type in ("double", "percent", "currency")
    identity = durable_id(object_name, field)
    return {
        "Id": identity, "DurableId": identity, "EntityDefinitionId": object_name, "QualifiedApiName": field.name,
        "DeveloperName": field.name.removesuffix("__c"), "Label": field.name.removesuffix("__c"),
        "DataType": data_type(field), "ValueTypeId": field.type, "Length": field.length, "Precision": 18 if number else 0,
        "Scale": 2 if number else 0, "IsCalculated": field.calculated, "IsNillable": field.nillable,
        "IsIndexed": field.external_id or field.unique or field.type in ("id", "reference"),
    }  # fmt: skip


def data_type(field: Field) -> str:
    """FieldDefinition's DataType: `Text(80) (External ID) (Unique Case Insensitive)`, `Lookup(User)`, `Formula (Number)`."""
    if field.calculated:
        return _FORMULA_TYPES.get(field.type, "Formula (Text)")
    if field.type == "reference":
        return f"Lookup({','.join(field.reference_to)})"
    if field.type == "textarea":
        return "Long Text Area" + f"({field.length})" if field.length > 255 else f"Text Area({field.length})"
    marks = [
        " (External ID)" if field.external_id else "",
        " (Unique Case Insensitive)" if field.unique else "",
    ]
    return _DATA_TYPES.get(field.type, f"Text({field.length})") + "".join(marks)
