"""How a record reaches its children: Account → Contacts, Opportunity → Tasks."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.sandbox.schema.sobjects import Field, SObject

_PLURALS = {"OpportunityHistory": "OpportunityHistories", "OpportunityFieldHistory": "Histories"}


def relationship_to_children(parent: SObject, child: SObject, field: Field) -> str | None:
    """The name by which a parent reaches its children; None for audit fields."""
    if (parent.name, child.name, field.name) == ("Account", "Account", "ParentId"):
        return "ChildAccounts"
    if (child.name, field.name) == ("EmailMessage", "RelatedToId"):
        return "Emails"
    if field.custom:
        return f"{child.name}s__r"
    if field.name not in (f"{parent.name}Id", "WhatId", "WhoId"):
        return None
    plural = child.name[:-1] + "ies" if child.name.endswith("y") else child.name + "s"
    return _PLURALS.get(child.name, plural)


def find_children(
    objects: Iterable[SObject], parent: SObject, relationship: str
) -> tuple[SObject, Field] | None:
    """The child object and its referring field behind a relationship's name in any case; None when there is none."""
    for child in objects:
        for each in child.fields.values():
            if parent.name in each.reference_to:
                name = relationship_to_children(parent, child, each)
                if name and name.lower() == relationship.lower():
                    return child, each
    return None
