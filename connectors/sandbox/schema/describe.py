"""Describe replies: what an org says of its objects and fields."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.picklists import PICKLISTS
from connectors.sandbox.schema.relationships import find_children, relationship_to_children
from connectors.sandbox.schema.sobjects import Field, SObject

_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "percent": "xsd:double", "currency": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "address": "urn:address",
}  # fmt: skip
_HISTORY = frozenset({"OpportunityHistory", "OpportunityFieldHistory", "Period", "Organization"})


def global_describe(entity: SObject, base: str) -> dict[str, object]:
    """One element of `/sobjects`; `base` is the path of the API version."""
    writable = entity.name not in _HISTORY
    url = f"{base}/sobjects/{entity.name}"
    return {
        "name": entity.name, "label": entity.name, "labelPlural": entity.name, "keyPrefix": entity.key_prefix,
        "custom": False, "customSetting": False, "createable": writable, "updateable": writable,
        "deletable": writable, "undeletable": "IsDeleted" in entity.fields, "queryable": True, "retrieveable": True,
        "replicateable": "SystemModstamp" in entity.fields, "searchable": writable, "layoutable": writable,
        "triggerable": writable, "mergeable": entity.name in ("Account", "Contact", "Lead"),
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": url + "/{ID}"},
    }  # fmt: skip


def describe(org: Org, entity: SObject, base: str) -> dict[str, object]:
    """`/sobjects/X/describe`, fields in their order."""
    fields = [_field(org, each) for each in entity.fields.values()]
    return global_describe(entity, base) | {
        "fields": fields, "recordTypeInfos": _record_types(org, entity), "childRelationships": _children(org, entity),
    }  # fmt: skip


def _record_types(org: Org, entity: SObject) -> list[dict[str, object]]:
    found = [("Master", "Master", "012000000000000AAA", True)]
    if "RecordTypeId" in entity.fields:
        sql = 'select * from "RecordType" where "SobjectType" = $1 order by "Id"'
        found += [
            (str(row["Name"]), str(row["DeveloperName"]), str(row["Id"]), bool(row["IsActive"]))
            for row in org.fetch_rows(sql, [entity.name])
        ]
    return [
        {"name": name, "developerName": developer_name, "recordTypeId": record_id, "active": active, "available": active,
         "master": name == "Master", "defaultRecordTypeMapping": name == "Master"}
        for name, developer_name, record_id, active in found
    ]  # fmt: skip


def _field(org: Org, field: Field) -> dict[str, object]:
    number = field.type in ("double", "percent", "currency")
    return {
        "name": field.name, "label": field.name.removesuffix("__c"), "type": field.type, "length": field.length,
        "byteLength": field.length * 3, "precision": 18 if number else 0, "scale": 2 if number else 0,
        "digits": 9 if field.type == "int" else 0, "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "nillable": field.nillable, "createable": field.createable and not field.compound,
        "updateable": field.updateable and not field.compound, "custom": field.custom,
        "filterable": field.filterable and not field.compound, "sortable": field.filterable and not field.compound,
        "groupable": field.filterable and not field.compound and not number and field.type != "datetime",
        "aggregatable": not field.compound, "calculated": field.calculated, "externalId": field.external_id,
        "unique": field.unique, "caseSensitive": field.case_sensitive, "idLookup": field.type == "id" or field.external_id,
        "nameField": field.name == "Name", "autoNumber": False, "permissionable": field.nillable,
        "referenceTo": list(field.reference_to), "relationshipName": field.relationship_name,
        "polymorphicForeignKey": field.polymorphic, "restrictedPicklist": field.restricted,
        "defaultValue": _default(field), "defaultedOnCreate": not field.nillable and not field.required,
        "picklistValues": [_picklist_value(each, field) for each in picklist_values(org, field)],
        "compoundFieldName": None, "deprecatedAndHidden": False, "inlineHelpText": None, "htmlFormatted": False,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
    }  # fmt: skip


def _default(field: Field) -> object:
    return field.default == "true" if field.type == "boolean" else field.default


def _picklist_value(value: str, field: Field) -> dict[str, object]:
    return {
        "value": value,
        "label": value,
        "active": True,
        "defaultValue": value == field.default,
        "validFor": None,
    }


def picklist_values(org: Org, field: Field) -> Sequence[str]:
    """The active values of a picklist; stages come from the org's OpportunityStage rows."""
    if field.picklist != "StageName":
        return PICKLISTS.get(field.picklist, ())
    sql = (
        'select "ApiName", "MasterLabel" from "OpportunityStage" where "IsActive" order by "SortOrder", "Id"'
    )
    return [str(row["ApiName"] or row["MasterLabel"]) for row in org.fetch_rows(sql)]


def child_relationship(org: Org, parent: SObject, name: str) -> tuple[SObject, str]:
    """The child object and its referring field behind a relationship's name; INVALID_FIELD when there is none."""
    found = find_children(_shown(org), parent, name)
    if found is None:
        raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on sobject of type {parent.name}")
    return found[0], found[1].name


def _shown(org: Org) -> list[SObject]:
    return [each for each in map(org.find_object, org.objects) if each is not None]


def _children(org: Org, entity: SObject) -> list[dict[str, object]]:
    return [
        {"childSObject": child.name, "field": each.name, "cascadeDelete": False,
         "relationshipName": relationship_to_children(entity, child, each), "deprecatedAndHidden": False,
         "restrictedDelete": False}
        for child in _shown(org)
        for each in child.fields.values()
        if entity.name in each.reference_to
    ]  # fmt: skip
