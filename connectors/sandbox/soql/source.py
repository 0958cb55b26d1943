"""The FROM side of a translated query: which tables are joined for which parent path, and what a field path means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.schema.sobjects import Field, SObject
from connectors.sandbox.schema.standard_objects import COMPOUND_PARTS, NAME_OBJECT
from connectors.sandbox.soql.grammar import Path, malformed

NAME_VIEW = "_name"
_HELP = "Please reference your WSDL or the describe call for the appropriate names."

Value = str | float | int | bool | datetime | date | list[str]


@dataclass(frozen=True)
class QueryContext:
    """What a query depends on besides its text: the org's objects, clock, zone and fiscal year.

    `hidden_rows` are SOQL conditions of the rows that the user may not see, by object; `history_expires` takes field history away with age.
    """

    find_object: Callable[[str], SObject | None]
    now: datetime
    time_zone: ZoneInfo
    fiscal_start_month: int
    include_deleted: bool = False
    version: str = "62.0"
    hidden_rows: Mapping[str, str] = field(default_factory=dict)
    history_expires: bool = False

    @property
    def today(self) -> date:
        return self.now.astimezone(self.time_zone).date()


@dataclass(frozen=True)
class ResolvedField:
    """A field path in SQL: expression, the field it is, and the canonical names along the path."""

    sql: str
    field: Field
    names: tuple[str, ...]
    entity: SObject


@dataclass
class Source:
    """One SELECT's tables; joins are added as paths are resolved, bound parameters as values are met."""

    context: QueryContext
    query: str
    entity: SObject
    alias: str | None
    parameters: list[Value]
    prefix: str = "t"
    joins: dict[tuple[str, ...], tuple[str, SObject]] = field(default_factory=dict)
    join_sql: list[str] = field(default_factory=list)

    def bind(self, value: Value) -> str:
        """The placeholder of a bound parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def resolve(self, path: Path) -> ResolvedField:
        """The field a path names; SalesforceError INVALID_FIELD when there is none."""
        *parents, name = self._own_parts(path)
        table, entity = f"{self.prefix}0", self.entity
        names: tuple[str, ...] = ()
        for parent in parents:
            table, entity, names = self._join(path, parent, table, entity, names)
        found = entity.by_lower_name.get(name.lower())
        if found is None:
            raise self.no_such_column(path, name, entity)
        return ResolvedField(self._expression(table, found), found, (*names, found.name), entity)

    def from_sql(self) -> str:
        return "\n".join([f'"{self.entity.name}" {self.prefix}0', *self.join_sql])

    def _own_parts(self, path: Path) -> list[str]:
        first, *rest = path.parts
        own_names = {self.entity.name.lower(), (self.alias or self.entity.name).lower()}
        is_relationship = first.lower() in self.entity.by_relationship
        return rest if rest and first.lower() in own_names and not is_relationship else path.parts

    def _join(
        self, path: Path, relationship: str, table: str, entity: SObject, names: tuple[str, ...]
    ) -> tuple[str, SObject, tuple[str, ...]]:
        reference = entity.by_relationship.get(relationship.lower())
        parent = self._parent(reference) if reference else None
        if reference is None or parent is None:
            reason = (
                f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a "
                f"custom relationship, be sure to append the '__r' after the custom relationship name. {_HELP}"
            )
            raise malformed(self.query, path.place, reason, "INVALID_FIELD")
        key = (*names, str(reference.relationship_name))
        if key not in self.joins:
            joined = f"{self.prefix}{len(self.joins) + 1}"
            view = NAME_VIEW if parent is NAME_OBJECT else parent.name
            self.join_sql.append(f'left join "{view}" {joined} on {joined}."Id" = {table}."{reference.name}"')
            self.joins[key] = (joined, parent)
        joined, parent = self.joins[key]
        return joined, parent, key

    def _parent(self, reference: Field) -> SObject | None:
        if reference.polymorphic:
            return NAME_OBJECT
        return self.context.find_object(reference.reference_to[0]) if reference.reference_to else None

    def _expression(self, table: str, found: Field) -> str:
        if found.compound:
            return _address(table, found)
        if not found.stored:
            today = f"date '{self.context.today.isoformat()}'"
            return f"({FORMULAS[found.name].format(table=table, today=today)})"
        return f'{table}."{found.name}"'

    def no_such_column(self, path: Path, name: str, entity: SObject) -> SalesforceError:
        """INVALID_FIELD as Salesforce words it."""
        reason = (
            f"No such column '{name}' on entity '{entity.name}'. If you are attempting to use a custom field, "
            f"be sure to append the '__c' after the custom field name. {_HELP}"
        )
        return malformed(self.query, path.place, reason, "INVALID_FIELD")


FORMULAS = {
    "AgeInDays": "date_diff('day', {table}.\"CreatedDate\"::date, "
    'case when {table}."IsClosed" then {table}."CloseDate" else {today} end)',
    "LastActivityInDays": "date_diff('day', {table}.\"LastActivityDate\", {today})",
    "LastStageChangeInDays": "date_diff('day', coalesce({table}.\"LastStageChangeDate\", "
    '{table}."CreatedDate")::date, {today})',
}
"""Calculated fields by name: their values move with the clock, not with SystemModstamp."""


def _address(table: str, found: Field) -> str:
    prefix = COMPOUND_PARTS[found.name]
    parts = {
        "city": "City",
        "country": "Country",
        "postalCode": "PostalCode",
        "state": "State",
        "street": "Street",
    }
    columns = {key: f'{table}."{prefix}{part}"' for key, part in parts.items()}
    fields = ", ".join(f'"{key}" := {column}' for key, column in columns.items())
    return f"case when coalesce({', '.join(columns.values())}) is not null then struct_pack({fields}) end"
