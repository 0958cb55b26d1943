"""Values in one canonical form, as DuckDB SQL: typed, and as text that is equal however they came.

REST gives typed JSON, Bulk and CSV give text. Each column has three expressions: the typed value, whether the
source's value failed to cast, and the canonical text that goes into hashes. Null, absent and empty are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from connectors.event_log.contract import INSTANT, MONEY, is_text

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_INSTANT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_LARGEST_INT = 9.2e18


@dataclass(frozen=True)
class ColumnSql:
    """SQL of one column: its typed value, the source's own text, and the canonical text of the value.

    `cast_from` names the landed column when it has the log's type already and nothing is left to do.
    """

    name: str
    typed: str
    given: str
    canonical: str
    can_fail: bool
    cast_from: str | None = None


def column_sql(name: str, log_type: pa.DataType, source_name: str, source_type: pa.DataType) -> ColumnSql:
    """The expressions that bring a source column to the log's type."""
    given = identifier(source_name)
    text = f"nullif({given}::varchar, '')"
    as_number = given if _is_number(source_type) else None
    return ColumnSql(
        name=name,
        typed=_CASTERS[log_type](text, as_number),
        given=text,
        canonical=canonical_text(identifier(name), log_type),
        can_fail=log_type != pa.string(),
    )


def typed_column_sql(
    name: str, log_type: pa.DataType, source_name: str, *, has_carriage_returns: bool
) -> ColumnSql:
    """The expressions of a source column that has the log's type and no empty texts already."""
    given, column = identifier(source_name), identifier(name)
    is_plain = log_type == pa.string() and not has_carriage_returns
    return ColumnSql(
        name=name,
        typed=given,
        given=given,
        canonical=column if is_plain else canonical_text(column, log_type),
        can_fail=False,
        cast_from=source_name,
    )


def canonical_text(column: str, log_type: pa.DataType) -> str:
    """Text of a typed value that is the same for the same value; null stays null."""
    if log_type == INSTANT:
        return f"epoch_us({column})::varchar"
    if log_type == MONEY:
        # REST's JSON numbers are doubles: two amounts the double cannot tell apart must not differ by road.
        return f"({column}::varchar::double + 0.0)::varchar"
    if log_type == pa.float64():
        return f"({column} + 0.0)::varchar"
    if log_type == pa.string():
        return f"replace({column}, chr(13) || chr(10), chr(10))"
    return f"{column}::varchar"


def values_hash(texts: Mapping[str, str]) -> str:
    """Hash (32 hex digits) of named canonical texts in name order; nulls are left out.

    Names and values carry their lengths, so no two different rows run together into one text.
    """
    return _digest([part for name in sorted(texts) for part in _named_parts(name, texts[name])])


def identity(parts: Sequence[str]) -> str:
    """Hash (32 hex digits) of SQL texts in the order given; a null part is told from an empty one."""
    return _digest([f"coalesce({_sized_sql(part)}, '-')" for part in parts])


def _named_parts(name: str, text: str) -> tuple[str, str, str, str]:
    # Apart, not joined by ||: every || copies what stands before it, and these are nearly all of a pull's work.
    return (
        f"if({text} is null, null, {literal(sized(name))})",
        f"length({text})",
        f"if({text} is null, null, ':')",
        text,
    )


def uncast_json(columns: Sequence[ColumnSql]) -> str:
    """JSON object field -> text of the values that did not cast, null when all did."""
    members = [
        f"case when {identifier(column.name)} is null and {column.given} is not null "
        f"then {literal(_json_key(column.name))} || to_json({column.given}) end"
        for column in sorted(columns, key=lambda column: column.name)
        if column.can_fail
    ]
    if not members:
        return "null::varchar"
    joined = f"concat_ws(',', {', '.join(members)})"
    return f"case when {joined} <> '' then '{{' || {joined} || '}}' end"


def identifier(name: str) -> str:
    """A column name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def sized(text: str) -> str:
    """A text with its length before it."""
    return f"{len(text)}:{text}"


def _sized_sql(text_sql: str) -> str:
    return f"length({text_sql})::varchar || ':' || {text_sql}"


def _digest(parts: Sequence[str]) -> str:
    joined = f"concat({', '.join(parts)})" if parts else "''"
    return f"left(sha256({joined}), 32)"


def _json_key(name: str) -> str:
    return '"' + name + '":'


def _is_number(kind: pa.DataType) -> bool:
    return not is_text(kind) and bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _string(text: str, _number: str | None) -> str:
    return text


def _boolean(text: str, _number: str | None) -> str:
    word = f"lower(trim({text}))"
    return f"case when {word} in ('true', '1') then true when {word} in ('false', '0') then false end"


def _whole(text: str, number: str | None) -> str:
    value = f"try_cast({number or _number_text(text)} as decimal(38, 9))"
    return (
        f"case when {value} = trunc({value}) and abs({value}) < {_LARGEST_INT:.0f} then {value}::bigint end"
    )


def _double(text: str, number: str | None) -> str:
    value = f"try_cast({number or _number_text(text)} as double)"
    return f"case when isfinite({value}) then {value} end"


def _money(text: str, _number: str | None) -> str:
    # By way of text even for numbers: the same digits then round the same way whichever road they came.
    return f"try_cast({_number_text(text)} as decimal(18, 4))"


def _date(text: str, _number: str | None) -> str:
    day = f"regexp_replace({text}, '[T ]00:00:00(\\.0+)?(Z|[+-]00(:?00)?)?$', '')"
    return f"case when regexp_matches({day}, {literal(_DATE)}) then try_cast({day} as date) end"


def _instant(text: str, _number: str | None) -> str:
    # DuckDB writes offsets as +00; Salesforce as +0000 (REST) or Z (Bulk).
    zoned = f"regexp_replace({text}, '(:\\d{{2}}(?:\\.\\d+)?)([+-]\\d{{2}})$', '\\1\\2:00')"
    return f"case when regexp_matches({zoned}, {literal(_INSTANT)}) then try_cast({zoned} as timestamptz) end"


def _number_text(text: str) -> str:
    return f"case when regexp_matches({text}, {literal(_NUMBER)}) then {text} end"


_CASTERS = {
    pa.string(): _string,
    pa.bool_(): _boolean,
    pa.int64(): _whole,
    pa.float64(): _double,
    MONEY: _money,
    pa.date32(): _date,
    INSTANT: _instant,
}
