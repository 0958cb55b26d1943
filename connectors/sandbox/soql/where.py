"""WHERE and HAVING conditions to SQL, with Salesforce's two-valued logic and case-insensitive text."""

from __future__ import annotations

from datetime import UTC, date, datetime

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.schema.sobjects import Field
from connectors.sandbox.soql.dates import date_range, midnight
from connectors.sandbox.soql.functions import call_sql
from connectors.sandbox.soql.grammar import (
    Call,
    Comparison,
    Condition,
    Junction,
    Literal,
    Negation,
    Operand,
    Path,
    Query,
    like_pattern,
    malformed,
    parse,
    unescaped,
)
from connectors.sandbox.soql.source import Source, Value

_TEXT_LITERALS = frozenset({"id", "reference", "string", "picklist", "multipicklist", "email", "phone", "url",
                            "textarea", "combobox", "anyType", "time"})  # fmt: skip
_TYPE_NAMES = {"percent": "double", "datetime": "dateTime", "int": "int", "picklist": "string"}
_CASTS = {"int": "BIGINT", "double": "DOUBLE", "percent": "DOUBLE", "currency": "DOUBLE"}


def condition_sql(source: Source, condition: Condition, negated: bool = False) -> str:
    """SQL of a condition. Under `not`, an unknown comparison counts as false, so that nulls come back."""
    if isinstance(condition, Junction):
        parts = [condition_sql(source, each, negated) for each in condition.conditions]
        return "(" + f" {condition.operator} ".join(parts) + ")"
    if isinstance(condition, Negation):
        return f"(not {condition_sql(source, condition.condition, True)})"
    sql = _comparison(source, condition)
    return f"coalesce({sql}, false)" if negated else sql


def operand_sql(source: Source, operand: Operand) -> tuple[str, Field]:
    """SQL and type of a compared, grouped or ordered operand."""
    if isinstance(operand, Path):
        resolved = source.resolve(operand)
        return resolved.sql, resolved.field
    return call_sql(source, operand)


def _comparison(source: Source, comparison: Comparison) -> str:
    sql, field = operand_sql(source, comparison.operand)
    if not field.filterable or field.compound:
        name = _operand_text(comparison.operand)
        reason = f"field '{name}' can not be filtered in a query call"
        raise malformed(source.query, comparison.operand.place, reason, "INVALID_FIELD")
    if isinstance(comparison.values, Query):
        return _semi_join(source, sql, comparison.operator, comparison.values)
    if comparison.operator in ("in", "not in"):
        return _membership(source, sql, field, comparison)
    if comparison.operator in ("includes", "excludes"):
        return _includes(source, sql, comparison.operator, comparison.values)
    literal = comparison.values[0]
    if _is_null(literal):
        return _null_comparison(source, sql, comparison.operator, literal)
    if comparison.operator == "like":
        return _like(source, sql, field, comparison.operand, literal)
    return _plain(source, sql, field, comparison, literal)


def _is_null(literal: Literal) -> bool:
    return literal.text == "" if literal.kind == "string" else literal.text.lower() == "null"


def _null_comparison(source: Source, sql: str, operator: str, literal: Literal) -> str:
    if operator not in ("=", "!="):
        if literal.kind == "string":
            return "false"
        raise malformed(source.query, literal.place, f"invalid operator on null: {operator}")
    return f"({sql} is null)" if operator == "=" else f"({sql} is not null)"


def _plain(source: Source, sql: str, field: Field, comparison: Comparison, literal: Literal) -> str:
    operator = comparison.operator
    days = _literal_days(source, field, literal)
    if days is not None:
        return _range(source, sql, operator, days)
    value = literal_value(source, field, comparison.operand, literal)
    left, right = _comparable(source, sql, field, value)
    if operator == "!=":
        return f"({left} <> {right} or {sql} is null)"
    return f"({left} {operator} {right})"


def _comparable(source: Source, sql: str, field: Field, value: Value) -> tuple[str, str]:
    bound = source.bind(value)
    if isinstance(value, str) and field.type not in ("id", "reference"):
        return f"lower({sql})", f"lower({bound})"
    cast = _CASTS.get(field.type)
    return sql, f"{bound}::{cast}" if cast and not isinstance(value, float) else bound


def _membership(source: Source, sql: str, field: Field, comparison: Comparison) -> str:
    literals = comparison.values
    assert not isinstance(literals, Query)
    negative = comparison.operator == "not in"
    present = [each for each in literals if not _is_null(each)]
    days = [_literal_days(source, field, each) for each in present]
    positives = [_range(source, sql, "=", each) for each in days if each is not None]
    plain = [each for each, covered in zip(present, days, strict=True) if covered is None]
    if plain:
        positives.append(_one_of(source, sql, field, comparison.operand, plain))
    if len(present) < len(literals):
        positives.append(f"{sql} is null")
    any_of = "(" + " or ".join(positives) + ")"
    return f"(not coalesce({any_of}, false))" if negative else any_of


def _one_of(source: Source, sql: str, field: Field, operand: Operand, literals: list[Literal]) -> str:
    values = [literal_value(source, field, operand, each) for each in literals]
    if field.type in ("id", "reference"):
        return f"{sql} = any({source.bind([str(each) for each in values])})"
    pairs = [_comparable(source, sql, field, each) for each in values]
    return f"{pairs[0][0]} in ({', '.join(right for _, right in pairs)})"


def _includes(source: Source, sql: str, operator: str, literals: tuple[Literal, ...]) -> str:
    wanted = [
        " and ".join(
            f"list_contains(string_split(lower({sql}), ';'), lower({source.bind(part)}))"
            for part in unescaped(each.text).split(";")
        )
        for each in literals
    ]
    any_of = "(" + " or ".join(f"({each})" for each in wanted) + ")"
    return any_of if operator == "includes" else f"(not coalesce({any_of}, false))"


def _like(source: Source, sql: str, field: Field, operand: Operand, literal: Literal) -> str:
    if field.type not in _TEXT_LITERALS or field.type in ("id", "reference") or literal.kind != "string":
        reason = f"invalid operator on {_type_name(field)} field"
        raise malformed(source.query, operand.place, reason, "INVALID_QUERY_FILTER_OPERATOR")
    return f"(lower({sql}) like lower({source.bind(like_pattern(literal.text))}) escape '\\')"


def _semi_join(source: Source, sql: str, operator: str, query: Query) -> str:
    inner = subquery_source(source, query)
    if len(query.items) != 1 or not isinstance(query.items[0].operand, Path):
        raise malformed(
            source.query, query.object.place, "a semi join sub-select must select exactly one id field"
        )
    selected = inner.resolve(query.items[0].operand)
    filters = live_filters(inner)
    filters += [condition_sql(inner, query.where)] if query.where else []
    where = " and ".join([f"{selected.sql} is not null", *filters])
    tested = f"{sql} in (select {selected.sql} from {inner.from_sql()} where {where})"
    return f"({tested})" if operator == "in" else f"(not coalesce({tested}, false))"


def subquery_source(source: Source, query: Query) -> Source:
    """The tables of a semi-join's inner query; shares the outer query's bound parameters."""
    entity = source.context.find_object(query.object.text)
    if entity is None:
        raise unknown_object(source.query, query.object)
    return Source(source.context, source.query, entity, query.alias, source.parameters, source.prefix + "s")


def unknown_object(query: str, path: Path) -> SalesforceError:
    """INVALID_TYPE as Salesforce words it."""
    reason = (
        f"sObject type '{path.text}' is not supported. If you are attempting to use a custom object, be sure to "
        "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )
    return malformed(query, path.place, reason, "INVALID_TYPE")


def live_filters(source: Source) -> list[str]:
    """Hides the recycle bin and archived activities, as `query` does and `queryAll` does not; and rows not shared."""
    condition = source.context.hidden_rows.get(source.entity.name)
    filters = [_unshared(source, condition)] if condition else []
    if source.context.history_expires and source.entity.name.endswith("FieldHistory"):
        filters.append(_young_history(source))
    if source.context.include_deleted:
        return filters
    hidden = [name for name in ("IsDeleted", "IsArchived") if name in source.entity.fields]
    return filters + [f'not {source.prefix}0."{name}"' for name in hidden]


def _young_history(source: Source) -> str:
    months = 24 if source.context.include_deleted else 18
    now = source.bind(source.context.now.replace(tzinfo=None))
    return f'{source.prefix}0."CreatedDate" >= {now}::timestamp - interval {months} month'


def _unshared(source: Source, condition: str) -> str:
    query = parse(f"select Id from {source.entity.name} where {condition}")
    assert query.where is not None
    return f"(not coalesce({condition_sql(source, query.where)}, false))"


def _literal_days(source: Source, field: Field, literal: Literal) -> tuple[Value, Value] | None:
    if literal.kind not in ("word", "counted") or field.type not in ("date", "datetime"):
        return None
    context = source.context
    days = date_range(literal.text, context.today, context.fiscal_start_month)
    if days is None:
        return None
    if field.type == "date":
        return days
    return midnight(days[0], context.time_zone), midnight(days[1], context.time_zone)


def _range(source: Source, sql: str, operator: str, days: tuple[Value, Value]) -> str:
    start, end = days
    if operator in ("<", ">="):
        return f"({sql} {operator} {source.bind(start)})"
    if operator in (">", "<="):
        return f"({sql} {'>=' if operator == '>' else '<'} {source.bind(end)})"
    within = f"({sql} >= {source.bind(start)} and {sql} < {source.bind(end)})"
    return within if operator == "=" else f"(not coalesce({within}, false))"


def literal_value(source: Source, field: Field, operand: Operand, literal: Literal) -> Value:
    """The bound value of a literal; SalesforceError when its form does not suit the field's type."""
    value = _typed(field, literal)
    if value is not None:
        return value
    if field.type in ("id", "reference") and literal.kind == "string":
        reason = f"invalid ID field: {unescaped(literal.text)}"
        raise malformed(source.query, operand.place, reason, "INVALID_QUERY_FILTER_OPERATOR")
    quoted = "should be" if field.type in _TEXT_LITERALS else "should not be"
    if literal.kind == "word" and literal.text.lower() not in ("true", "false"):
        raise malformed(source.query, literal.place, f"unexpected token: '{literal.text}'")
    reason = (
        f"value of filter criterion for field '{_operand_text(operand)}' must be of type {_type_name(field)} "
        f"and {quoted} enclosed in quotes"
    )
    raise malformed(source.query, operand.place, reason, "INVALID_FIELD")


def _typed(field: Field, literal: Literal) -> Value | None:
    if field.reference_to == ("EntityDefinition",):
        # Definitions are known by names instead of ids.
        return unescaped(literal.text) if literal.kind == "string" else None
    if field.type in ("id", "reference"):
        return normalized(unescaped(literal.text)) if literal.kind == "string" else None
    if field.type in _TEXT_LITERALS:
        return unescaped(literal.text) if literal.kind == "string" else None
    if field.type == "boolean":
        return {"true": True, "false": False}.get(literal.text.lower()) if literal.kind == "word" else None
    if field.type == "date":
        return _date(literal.text) if literal.kind == "date" else None
    if field.type == "datetime":
        return _instant(literal.text) if literal.kind == "datetime" else None
    return float(literal.text) if literal.kind == "number" else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return None


def _operand_text(operand: Operand) -> str:
    return operand.text if isinstance(operand, Path) else operand.name if isinstance(operand, Call) else ""


def _type_name(field: Field) -> str:
    return _TYPE_NAMES.get(field.type, field.type)
