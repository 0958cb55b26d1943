"""A SOQL query to DuckDB SQL with bound parameters, yielding one JSON text per record or one CSV column per field."""

from __future__ import annotations

import re
from dataclasses import replace

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.schema.relationships import find_children
from connectors.sandbox.schema.sobjects import Field
from connectors.sandbox.schema.standard_objects import STANDARD_OBJECTS
from connectors.sandbox.soql.answer import CHILDREN, Column, Translated
from connectors.sandbox.soql.functions import AGGREGATES
from connectors.sandbox.soql.grammar import Call, Operand, Path, Query, SelectItem, TypeOf, malformed, parse
from connectors.sandbox.soql.source import QueryContext, Source
from connectors.sandbox.soql.typeof import typeof_column
from connectors.sandbox.soql.where import condition_sql, live_filters, operand_sql, unknown_object

FIELDS_LIMIT = 200
MAXIMUM_OFFSET = 2000
# Field definitions are asked for one object at a time.
_REIFIED = re.compile(
    r"\bwhere\b.*\b(EntityDefinition|EntityDefinitionId|DurableId)\b", re.IGNORECASE | re.DOTALL
)


def translate(text: str, context: QueryContext, bulk: bool = False) -> Translated:
    """SQL for a SOQL text; SalesforceError as Salesforce words it when the query is at fault.

    Bulk queries keep the table's order unless asked, refuse compound fields and unbounded field lists.
    """
    query = parse(text)
    if (query.offset or 0) > MAXIMUM_OFFSET:
        message = f"Maximum SOQL offset allowed is {MAXIMUM_OFFSET}"
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message)
    if query.all_rows:
        context = replace(context, include_deleted=True)
    entity = context.find_object(query.object.text)
    if entity is None:
        raise unknown_object(text, query.object)
    if entity.name == "FieldDefinition" and not _REIFIED.search(text):
        reason = "A filter on a reified column is required [EntityDefinitionId,DurableId]"
        raise malformed(text, query.object.place, reason)
    return _translated(Source(context, text, entity, query.alias, []), query, bulk)


def _translated(source: Source, query: Query, bulk: bool, condition: str = "") -> Translated:
    is_count = _is_bare_count(query)
    is_aggregate = bool(query.group) or any(_is_aggregate(item.operand) for item in query.items)
    columns = () if is_count else tuple(_columns(source, query, is_aggregate, bulk))
    if bulk:
        _refuse_in_bulk(columns, is_aggregate)
    order = _order(source, query, is_aggregate, ordered=not bulk)
    body = _body(source, query, condition, order)
    return Translated(source, columns, body, is_count, is_aggregate, order)


def _is_bare_count(query: Query) -> bool:
    operands = [item.operand for item in query.items]
    return (
        len(operands) == 1
        and isinstance(operands[0], Call)
        and operands[0] == Call("COUNT", None, operands[0].place)
    )


def _is_aggregate(operand: Operand | Query | TypeOf) -> bool:
    return isinstance(operand, Call) and operand.name in AGGREGATES


def _columns(source: Source, query: Query, is_aggregate: bool, bulk: bool) -> list[Column]:
    columns: list[Column] = []
    for item in query.items:
        if isinstance(item.operand, Query):
            columns.append(_children_column(source, item.operand, is_aggregate, len(columns)))
        elif isinstance(item.operand, TypeOf):
            columns.append(typeof_column(source, item.operand))
        elif isinstance(item.operand, Call) and item.operand.name == "FIELDS":
            columns += _all_fields(source, query, item.operand, bulk)
        elif isinstance(item.operand, Path) and not is_aggregate:
            columns.append(_plain_column(source, item, item.operand))
        else:
            columns.append(_aggregate_column(source, item, item.operand, query, _unnamed(columns)))
    _refuse_duplicates(source, columns)
    return columns


def _plain_column(source: Source, item: SelectItem, path: Path) -> Column:
    if item.alias:
        reason = "only aggregate expressions use field aliasing"
        raise malformed(source.query, path.place, reason)
    resolved = source.resolve(path)
    return Column(resolved.names, resolved.sql, resolved.field)


def _aggregate_column(
    source: Source, item: SelectItem, operand: Operand, query: Query, number: int
) -> Column:
    sql, field = operand_sql(source, operand)
    if not _is_aggregate(operand) and sql not in [operand_sql(source, each)[0] for each in query.group]:
        shown = operand.text if isinstance(operand, Path) else operand.name
        raise malformed(source.query, operand.place, f"Field must be grouped or aggregated: {shown}")
    name = field.name if isinstance(operand, Path) else f"expr{number}"
    shown = f"{operand.name.lower()}({_argument(operand)})" if isinstance(operand, Call) else ""
    return Column((item.alias or name,), sql, field, shown)


def _argument(call: Call) -> str:
    return call.argument.text if isinstance(call.argument, Path) else ""


def _children_column(source: Source, query: Query, is_aggregate: bool, number: int) -> Column:
    if is_aggregate:
        reason = "Grouped query cannot use child relationships in the SELECT list"
        raise malformed(source.query, query.object.place, reason)
    objects = [each for each in map(source.context.find_object, STANDARD_OBJECTS) if each is not None]
    found = find_children(objects, source.entity, query.object.text)
    if found is None:
        reason = (
            f"Didn't understand relationship '{query.object.text}' in FROM part of query call. If you are attempting "
            "to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please "
            "reference your WSDL or the describe call for the appropriate names."
        )
        raise malformed(source.query, query.object.place, reason, "INVALID_TYPE")
    child, field = found
    inner = Source(
        source.context, source.query, child, query.alias, source.parameters, f"{source.prefix}c{number}_"
    )
    answer = _translated(inner, query, False, f'{inner.prefix}0."{field.name}" = {source.prefix}0."Id"')
    if answer.is_aggregate or answer.is_count:
        reason = "Only root queries support aggregate expressions"
        raise malformed(source.query, query.object.place, reason)
    field = Field(query.object.text, CHILDREN)
    return Column((query.object.text,), answer.children_sql(), field, "", answer.columns)


def _unnamed(columns: list[Column]) -> int:
    return sum(1 for each in columns if each.names[0].startswith("expr"))


def _all_fields(source: Source, query: Query, call: Call, bulk: bool) -> list[Column]:
    wanted = call.argument.text.upper() if isinstance(call.argument, Path) else ""
    if wanted not in ("ALL", "STANDARD", "CUSTOM"):
        raise malformed(source.query, call.place, "FIELDS takes ALL, STANDARD or CUSTOM")
    if bulk and wanted != "STANDARD":
        reason = "The SOQL FIELDS function is not supported with an unbounded set of fields in this API"
        raise SalesforceError("API_ERROR", reason)
    if wanted != "STANDARD" and (query.limit is None or query.limit > FIELDS_LIMIT):
        reason = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT}"
        raise malformed(source.query, call.place, reason)
    chosen = [
        each
        for each in source.entity.fields.values()
        if wanted == "ALL" or each.custom == (wanted == "CUSTOM")
    ]
    resolved = [source.resolve(Path(each.name, call.place)) for each in chosen]
    return [Column(each.names, each.sql, each.field) for each in resolved]


def _refuse_duplicates(source: Source, columns: list[Column]) -> None:
    names = [".".join(each.names) for each in columns]
    for name in names:
        if names.count(name) > 1:
            raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {name}")


def _refuse_in_bulk(columns: tuple[Column, ...], is_aggregate: bool) -> None:
    compound = [".".join(each.names) for each in columns if each.field.compound]
    if any(each.field.type == CHILDREN for each in columns):
        raise SalesforceError("API_ERROR", "Nested queries are not supported in Bulk Query")
    if compound:
        reason = f"Selecting compound data not supported in Bulk Query: {', '.join(compound)}"
        raise SalesforceError("FUNCTIONALITY_NOT_ENABLED", reason)
    if is_aggregate or not columns:
        raise SalesforceError("API_ERROR", "Aggregate Relationships not supported in Bulk Query")


def _body(source: Source, query: Query, condition: str, order: str) -> str:
    filters = [condition, *live_filters(source)] if condition else live_filters(source)
    filters += [condition_sql(source, query.where)] if query.where else []
    group = [operand_sql(source, each)[0] for each in query.group]
    having = condition_sql(source, query.having) if query.having else ""
    clauses = [
        ("where", " and ".join(filters)),
        ("group by", ", ".join(group)),
        ("having", having),
        ("order by", order),
        ("limit", "" if query.limit is None else str(query.limit)),
        ("offset", "" if query.offset is None else str(query.offset)),
    ]
    return "\n".join([source.from_sql(), *(f"{word} {text}" for word, text in clauses if text)])


def _order(source: Source, query: Query, is_aggregate: bool, ordered: bool) -> str:
    terms = []
    for item in query.order:
        sql, field = operand_sql(source, item.operand)
        if field.type == "textarea" or field.compound:
            reason = f"field '{field.name}' can not be sorted in a query call"
            raise malformed(source.query, item.operand.place, reason)
        key = (
            f"lower({sql})"
            if field.type not in ("id", "reference") and field.column_type == "VARCHAR"
            else sql
        )
        direction = "desc" if item.descending else "asc"
        terms.append(f"{key} {direction} nulls {'last' if item.nulls_last else 'first'}")
    # Paging and tests need an order that repeats; a bare COUNT has nothing to order.
    if (ordered or terms) and not is_aggregate:
        terms.append(f'{source.prefix}0."Id"')
    return "" if _is_bare_count(query) else ", ".join(terms)
