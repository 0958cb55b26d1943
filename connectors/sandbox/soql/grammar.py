"""SOQL text to a syntax tree, by the grammar in soql.lark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import TypeAlias

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from connectors.sandbox.errors import SalesforceError

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where a token stands in the query, both counted from 1."""

    row: int
    column: int


@dataclass(frozen=True)
class Path:
    """A field with its parents: `Account.Owner.Name`."""

    text: str
    place: Place

    @property
    def parts(self) -> list[str]:
        return self.text.split(".")


@dataclass(frozen=True)
class Call:
    """A function: COUNT(), SUM(Amount), CALENDAR_YEAR(CloseDate), FIELDS(ALL)."""

    name: str
    argument: Operand | None
    place: Place


Operand: TypeAlias = Path | Call


@dataclass(frozen=True)
class Literal:
    """A value as written: kind is string, datetime, date, number, counted (LAST_N_DAYS:3) or word (TODAY, null)."""

    kind: str
    text: str
    place: Place


@dataclass(frozen=True)
class Comparison:
    """`operand operator values`; operator is =, !=, <, <=, >, >=, like, in, not in, includes or excludes."""

    operand: Operand
    operator: str
    values: tuple[Literal, ...] | Query


@dataclass(frozen=True)
class Junction:
    """Conditions joined by `and` or `or`."""

    operator: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Negation:
    """`not condition`."""

    condition: Condition


Condition: TypeAlias = Comparison | Junction | Negation


@dataclass(frozen=True)
class TypeOf:
    """Fields of a polymorphic parent by its object, and those for any other."""

    relationship: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True)
class SelectItem:
    """One selected field or function with its alias, a sub-select of child records, or a TYPEOF."""

    operand: Operand | Query | TypeOf
    alias: str | None


@dataclass(frozen=True)
class OrderItem:
    """One ORDER BY term; nulls come first unless asked otherwise, as in Salesforce."""

    operand: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """One SELECT."""

    items: tuple[SelectItem, ...]
    object: Path
    alias: str | None
    where: Condition | None
    group: tuple[Operand, ...]
    having: Condition | None
    order: tuple[OrderItem, ...]
    limit: int | None
    offset: int | None
    all_rows: bool


def malformed(query: str, place: Place, reason: str, code: str = "MALFORMED_QUERY") -> SalesforceError:
    """An error that shows the line of the query with a mark under the place, as Salesforce words it."""
    lines = query.splitlines() or [""]
    line = lines[min(place.row, len(lines)) - 1]
    mark = " " * (place.column - 1) + "^"
    where = f"ERROR at Row:{place.row}:Column:{place.column}"
    return SalesforceError(code, f"\n{line}\n{mark}\n{where}\n{reason}")


def unescaped(text: str) -> str:
    """The value of a quoted literal without its quotes; `\\%` and `\\_` become the plain sign."""
    return _ESCAPE.sub(lambda found: _escaped_character(found.group(1)), text)


def like_pattern(text: str) -> str:
    """The SQL LIKE pattern (escape character `\\`) of a quoted literal without its quotes."""

    def piece(found: re.Match[str]) -> str:
        character = _escaped_character(found.group(1))
        return "\\" + character if character in "%_\\" else character

    return _ESCAPE.sub(piece, text)


def _escaped_character(code: str) -> str:
    if code.startswith("u") and len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code.lower(), code)


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Query]):
    """Bottom-up construction of the syntax tree."""

    def start(self, query: Query) -> Query:
        return query

    def alias(self, name: Token) -> str:
        return str(name)

    def path(self, token: Token) -> Path:
        return Path(str(token), _place(token))

    def call(self, name: Token, argument: Operand | None) -> Call:
        return Call(name.upper(), argument, _place(name))

    def children(self, query: Query) -> SelectItem:
        return SelectItem(query, None)

    def paths(self, *paths: Path) -> tuple[Path, ...]:
        return paths

    def branch(
        self, when: Token, target: Path, then: Token, paths: tuple[Path, ...]
    ) -> tuple[Path, tuple[Path, ...]]:
        return target, paths

    def otherwise(self, word: Token, paths: tuple[Path, ...]) -> tuple[None, tuple[Path, ...]]:
        return None, paths

    def typeof(
        self,
        word: Token,
        relationship: Path,
        *rest: tuple[Path, tuple[Path, ...]] | tuple[None, tuple[Path, ...]] | Token | None,
    ) -> SelectItem:
        pairs = [each for each in rest if isinstance(each, tuple)]
        branches = tuple((target, paths) for target, paths in pairs if target is not None)
        otherwise = next((paths for target, paths in pairs if target is None), ())
        return SelectItem(TypeOf(relationship, branches, otherwise), None)

    def selected(self, operand: Operand, alias: Token | None) -> SelectItem:
        return SelectItem(operand, str(alias) if alias else None)

    def items(self, *items: SelectItem) -> tuple[SelectItem, ...]:
        return items

    def where(self, condition: Condition) -> Condition:
        return condition

    having = where

    def conjunction(self, *conditions: Condition) -> Junction:
        return Junction("and", conditions)

    def disjunction(self, *conditions: Condition) -> Junction:
        return Junction("or", conditions)

    def negation(self, condition: Condition) -> Negation:
        return Negation(condition)

    def operator(self, token: Token) -> str:
        return "!=" if token == "<>" else token.lower()

    def value(self, token: Token) -> Literal:
        kind = "word" if token.type == "PATH" else token.type.lower()
        text = token[1:-1] if token.type == "STRING" else str(token)
        return Literal(kind, text, _place(token))

    def values(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    def members(self, members: tuple[Literal, ...] | Query) -> tuple[Literal, ...] | Query:
        return members

    def compared(self, operand: Operand, operator: str, value: Literal) -> Comparison:
        return Comparison(operand, operator, (value,))

    def member(self, operand: Operand, members: tuple[Literal, ...] | Query) -> Comparison:
        return Comparison(operand, "in", members)

    def not_member(self, operand: Operand, members: tuple[Literal, ...] | Query) -> Comparison:
        return Comparison(operand, "not in", members)

    def included(self, operand: Operand, word: Token, values: tuple[Literal, ...]) -> Comparison:
        return Comparison(operand, word.lower(), values)

    def group(self, *operands: Operand) -> tuple[Operand, ...]:
        return operands

    def order_item(self, operand: Operand, direction: Token | None, place: Token | None) -> OrderItem:
        return OrderItem(operand, (direction or "").lower() == "desc", (place or "").lower() == "last")

    def order(self, *items: OrderItem) -> tuple[OrderItem, ...]:
        return items

    def limit(self, number: Token) -> int:
        return int(number)

    offset = limit

    def suffix(self, token: Token) -> str:
        return str(token)

    def query(
        self,
        items: tuple[SelectItem, ...],
        target: Token,
        alias: str | None,
        where: Condition | None,
        group: tuple[Operand, ...] | None,
        having: Condition | None,
        order: tuple[OrderItem, ...] | None,
        limit: int | None,
        offset: int | None,
        suffix: str | None,
    ) -> Query:
        source = Path(str(target), _place(target))
        all_rows = (suffix or "").lower().startswith("all")
        return Query(items, source, alias, where, group or (), having, order or (), limit, offset, all_rows)


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    text = FilePath(__file__).with_name("soql.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=True, propagate_positions=False)


def parse(query: str) -> Query:
    """The syntax tree of a query; SalesforceError MALFORMED_QUERY with row and column when it is none."""
    try:
        tree = _grammar().parse(query)
        return _TreeBuilder().transform(tree)
    except UnexpectedToken as error:
        raise _unexpected(query, error) from error
    except UnexpectedInput as error:
        place = Place(max(error.line, 1), max(error.column, 1))
        raise malformed(query, place, f"unexpected token: '{_character(query, error)}'") from error


def _unexpected(query: str, error: UnexpectedToken) -> SalesforceError:
    if error.token.type == "$END":
        lines = query.splitlines() or [""]
        return malformed(query, Place(len(lines), len(lines[-1]) + 1), "unexpected token: '<EOF>'")
    return malformed(query, _place(error.token), f"unexpected token: '{error.token}'")


def _character(query: str, error: UnexpectedInput) -> str:
    position = error.pos_in_stream or 0
    return query[position : position + 1]
