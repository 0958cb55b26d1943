"""A SOQL query to DuckDB SQL with bound parameters, yielding one JSON text per record or one CSV column per field."""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.schema import Field, SObject
from connectors.sandbox.soql import Call, Operand, Path, Query, SelectItem, malformed, parse
from connectors.sandbox.soql_functions import AGGREGATES
from connectors.sandbox.soql_source import QueryContext, Source, Value
from connectors.sandbox.soql_where import condition_sql, live_filters, operand_sql, unknown_object
from connectors.sandbox.standard_objects import NAME_OBJECT

FIELDS_LIMIT = 200
MAXIMUM_OFFSET = 2000


@dataclass(frozen=True)
class Column:
    """One selected value: the names that lead to it, its SQL and its type."""

    names: tuple[str, ...]
    sql: str
    field: Field


@dataclass(frozen=True)
class Translated:
    """A query ready to run. `body` is everything from FROM on; `is_count` marks a bare COUNT()."""

    source: Source
    columns: tuple[Column, ...]
    body: str
    is_count: bool
    is_aggregate: bool

    @property
    def parameters(self) -> list[Value]:
        return self.source.parameters

    def count_sql(self) -> str:
        return f"select count(*) from {self.body}"

    def json_sql(self) -> str:
        """One column `record`: the JSON text of each record with its attributes."""
        return f"select to_json({_json_record(self)})::varchar as record from {self.body}"

    def csv_sql(self) -> str:
        """One text column per selected field, headed by its path; empty text for null."""
        selected = ", ".join(
            f"coalesce(({_csv_value(each)})::varchar, '') as \"{'.'.join(each.names)}\""
            for each in self.columns
        )
        return f"select {selected} from {self.body}"


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
    source = Source(context, text, entity, query.alias, [])
    is_count = _is_bare_count(query)
    is_aggregate = bool(query.group) or any(_is_aggregate(item.operand) for item in query.items)
    columns = () if is_count else tuple(_columns(source, query, is_aggregate, bulk))
    if bulk:
        _refuse_in_bulk(columns, is_aggregate)
    body = _body(source, query, is_aggregate, ordered=not bulk)
    return Translated(source, columns, body, is_count, is_aggregate)


def _is_bare_count(query: Query) -> bool:
    operands = [item.operand for item in query.items]
    return (
        len(operands) == 1
        and isinstance(operands[0], Call)
        and operands[0] == Call("COUNT", None, operands[0].place)
    )


def _is_aggregate(operand: Operand) -> bool:
    return isinstance(operand, Call) and operand.name in AGGREGATES


def _columns(source: Source, query: Query, is_aggregate: bool, bulk: bool) -> list[Column]:
    columns: list[Column] = []
    grouped = {each.text.lower() for each in query.group if isinstance(each, Path)}
    for item in query.items:
        if isinstance(item.operand, Call) and item.operand.name == "FIELDS":
            columns += _all_fields(source, query, item.operand, bulk)
        elif isinstance(item.operand, Path) and not is_aggregate:
            columns.append(_plain_column(source, item, item.operand))
        else:
            columns.append(_aggregate_column(source, item, grouped, _unnamed(columns)))
    _refuse_duplicates(source, columns)
    return columns


def _plain_column(source: Source, item: SelectItem, path: Path) -> Column:
    if item.alias:
        reason = "only aggregate expressions use field aliasing"
        raise malformed(source.query, path.place, reason)
    resolved = source.resolve(path)
    return Column(resolved.names, resolved.sql, resolved.field)


def _aggregate_column(source: Source, item: SelectItem, grouped: set[str], number: int) -> Column:
    sql, field = operand_sql(source, item.operand)
    if isinstance(item.operand, Path):
        if item.operand.text.lower() not in grouped:
            reason = f"Field must be grouped or aggregated: {item.operand.text}"
            raise malformed(source.query, item.operand.place, reason)
        return Column((item.alias or field.name,), sql, field)
    return Column((item.alias or f"expr{number}",), sql, field)


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
    if compound:
        reason = f"Selecting compound data not supported in Bulk Query: {', '.join(compound)}"
        raise SalesforceError("FUNCTIONALITY_NOT_ENABLED", reason)
    if is_aggregate or not columns:
        raise SalesforceError("API_ERROR", "Aggregate Relationships not supported in Bulk Query")


def _body(source: Source, query: Query, is_aggregate: bool, ordered: bool) -> str:
    filters = live_filters(source)
    filters += [condition_sql(source, query.where)] if query.where else []
    group = [operand_sql(source, each)[0] for each in query.group]
    having = condition_sql(source, query.having) if query.having else ""
    order = _order(source, query, is_aggregate, ordered)
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
        terms.append('t0."Id"')
    return "" if _is_bare_count(query) else ", ".join(terms)


def _json_record(query: Translated) -> str:
    if query.is_aggregate:
        pairs = [f'"{each.names[0]}" := {_json_value(each)}' for each in query.columns]
        return (
            "struct_pack(" + ", ".join(["attributes := struct_pack(type := 'AggregateResult')", *pairs]) + ")"
        )
    return _json_entity(query, (), query.source.entity, "t0")


def _json_entity(query: Translated, names: tuple[str, ...], entity: SObject, table: str) -> str:
    version = query.source.context.version
    type_sql = f'{table}."Type"' if entity is NAME_OBJECT else f"'{entity.name}'"
    shown_type = "'Name'" if entity is NAME_OBJECT else type_sql
    url = f"'/services/data/v{version}/sobjects/' || {type_sql} || '/' || {table}.\"Id\""
    pairs = [f"attributes := struct_pack(type := {shown_type}, url := {url})"]
    depth = len(names)
    for head in dict.fromkeys(
        each.names[: depth + 1] for each in query.columns if each.names[:depth] == names
    ):
        leaf = next((each for each in query.columns if each.names == head), None)
        pairs.append(f'"{head[-1]}" := {_json_value(leaf) if leaf else _json_parent(query, head)}')
    return "struct_pack(" + ", ".join(pairs) + ")"


def _json_parent(query: Translated, names: tuple[str, ...]) -> str:
    table, entity = query.source.joins[names]
    return f'case when {table}."Id" is not null then {_json_entity(query, names, entity, table)} end'


def _json_value(column: Column) -> str:
    if column.field.type == "datetime":
        return f"strftime({column.sql}, '%Y-%m-%dT%H:%M:%S.%g+0000')"
    return column.sql


def _csv_value(column: Column) -> str:
    if column.field.type == "datetime":
        return f"strftime({column.sql}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    return column.sql
