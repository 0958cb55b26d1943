"""Objects and fields of an org, as describe reports them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

COLUMN_TYPES: Mapping[str, str] = {
    "boolean": "BOOLEAN",
    "int": "BIGINT",
    "double": "DOUBLE",
    "percent": "DOUBLE",
    "currency": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
COMPOUND_TYPES = frozenset({"address", "location"})
TEXT_LENGTHS: Mapping[str, int] = {
    "id": 18, "reference": 18, "picklist": 255, "multipicklist": 4099, "email": 80, "phone": 40, "url": 255,
    "textarea": 32000, "combobox": 255, "string": 255, "anyType": 0, "time": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field: Salesforce type, length in characters, and what describe says of it."""

    name: str
    type: str
    length: int = 0
    reference_to: tuple[str, ...] = ()
    picklist: str = ""
    default: str | None = None
    required: bool = False
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    external_id: bool = False
    unique: bool = False
    restricted: bool = False
    calculated: bool = False
    case_sensitive: bool = False
    kept: bool = False
    durable_id: str = ""

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def relationship_name(self) -> str | None:
        """The name by which SOQL reaches the parent: AccountId → Account, Broker__c → Broker__r."""
        if self.type != "reference":
            return None
        return self.name[:-3] + "__r" if self.custom else self.name.removesuffix("Id")

    @property
    def polymorphic(self) -> bool:
        return len(self.reference_to) > 1

    @property
    def compound(self) -> bool:
        return self.type in COMPOUND_TYPES

    def key(self, value: object) -> str:
        """A value as it counts in a unique or external id field, where case mostly does not matter."""
        return str(value) if self.case_sensitive else str(value).lower()

    @property
    def stored(self) -> bool:
        """Whether the field is a column of its object's table; compound and calculated fields are expressions, but
        for formulas whose values are `kept`."""
        return not self.compound and (self.kept or not self.calculated)

    @property
    def column_type(self) -> str:
        return COLUMN_TYPES.get(self.type, "VARCHAR")


@dataclass(frozen=True)
class SObject:
    """One object: its fields by name, in describe's order."""

    name: str
    key_prefix: str
    fields: Mapping[str, Field]
    by_lower_name: Mapping[str, Field] = field(init=False, repr=False)
    by_relationship: Mapping[str, Field] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_lower_name", {name.lower(): each for name, each in self.fields.items()})
        relations = {(each.relationship_name or "").lower(): each for each in self.fields.values()}
        object.__setattr__(self, "by_relationship", {name: each for name, each in relations.items() if name})

    def with_fields(self, extra: Iterable[Field]) -> SObject:
        return replace(self, fields={**self.fields, **{each.name: each for each in extra}})

    def without_fields(self, names: frozenset[str]) -> SObject:
        return replace(self, fields={name: each for name, each in self.fields.items() if name not in names})

    @property
    def stored_fields(self) -> list[Field]:
        return [each for each in self.fields.values() if each.stored]


def parse_field(line: str) -> Field:
    """A field from a line `Name type [length] [Parent|Parent] [flags…]` of standard_objects.py.

    Flags: required, ro (never written by API users), once (only at creation), nonnull, nofilter, external, unique,
    case (a unique value counts in its case), restricted, formula, values=LIST, default=VALUE (the last word of the line, may hold underscores for spaces).
    """
    name, kind, *words = line.split()
    flags = {word for word in words if "=" not in word and not word.isdigit() and not word[0].isupper()}
    options = dict(word.split("=", 1) for word in words if "=" in word)
    lengths = [int(word) for word in words if word.isdigit()]
    parents = next((tuple(word.split("|")) for word in words if word[0].isupper() and "=" not in word), ())
    default = options.get("default")
    return Field(
        name,
        kind,
        length=lengths[0] if lengths else TEXT_LENGTHS.get(kind, 0),
        reference_to=parents,
        picklist=options.get("values", ""),
        default=default.replace("_", " ") if default is not None else None,
        required="required" in flags,
        nillable=not flags & {"required", "nonnull"} and kind not in ("boolean", "id"),
        createable=not flags & {"ro", "formula"},
        updateable=not flags & {"ro", "once", "formula"},
        filterable="nofilter" not in flags and kind not in ("textarea", "address"),
        external_id="external" in flags,
        unique="unique" in flags,
        restricted="restricted" in flags,
        calculated="formula" in flags,
        case_sensitive="case" in flags,
    )


def parse_object(name: str, key_prefix: str, text: str) -> SObject:
    """An object from the lines of its definition."""
    fields = [parse_field(line) for line in text.splitlines() if line.strip()]
    return SObject(name, key_prefix, {each.name: each for each in fields})
