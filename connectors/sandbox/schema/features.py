"""What only some orgs have: several currencies, record types, person accounts, products, e-mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.sandbox.schema.sobjects import Field, SObject


@dataclass(frozen=True)
class Feature:
    """The objects a feature brings, and the fields: (object, field), where an empty object stands for every object."""

    objects: frozenset[str] = frozenset()
    fields: frozenset[tuple[str, str]] = frozenset()

    def brings(self, object_name: str, field_name: str) -> bool:
        """Whether this field is there only with the feature."""
        return ("", field_name) in self.fields or (object_name, field_name) in self.fields


def _fields(object_name: str, names: str) -> frozenset[tuple[str, str]]:
    return frozenset((object_name, name) for name in names.split())


FEATURES: Mapping[str, Feature] = {
    "multi_currency": Feature(
        frozenset({"CurrencyType", "DatedConversionRate"}),
        _fields("", "CurrencyIsoCode") | _fields("User", "DefaultCurrencyIsoCode"),
    ),
    "record_types": Feature(fields=_fields("", "RecordTypeId")),
    "person_accounts": Feature(
        fields=_fields(
            "Account",
            "IsPersonAccount PersonContactId LastName FirstName Salutation PersonEmail PersonMobilePhone PersonTitle "
            "PersonBirthdate PersonLeadSource PersonMailingStreet PersonMailingCity PersonMailingState "
            "PersonMailingPostalCode PersonMailingCountry PersonMailingAddress",
        )
        | _fields("Contact", "IsPersonAccount"),
    ),
    "products": Feature(frozenset({"Product2", "Pricebook2", "PricebookEntry", "OpportunityLineItem"})),
    "email_messages": Feature(frozenset({"EmailMessage"})),
    "history_retention": Feature(),
}
"""Features by name. `history_retention` brings nothing: it takes field history away after 18 (query) and 24 months."""


def shown(entity: SObject, features: frozenset[str]) -> SObject | None:
    """The object as an org with these features has it; None when it has none such."""
    missing = [each for name, each in FEATURES.items() if name not in features]
    if any(entity.name in each.objects for each in missing):
        return None
    hidden = frozenset(
        name for name in entity.fields if any(each.brings(entity.name, name) for each in missing)
    )
    return entity.without_fields(hidden) if hidden else entity


def needed_for(entity: SObject, fields: Iterable[Field]) -> frozenset[str]:
    """The features an org must have to hold values of these fields of an object."""
    names = [each.name for each in fields]
    return frozenset(
        feature
        for feature, each in FEATURES.items()
        if entity.name in each.objects or any(each.brings(entity.name, name) for name in names)
    )
