"""SOQL functions of one argument: aggregates and parts of dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.sandbox.schema.sobjects import Field
from connectors.sandbox.soql.grammar import Call, Path, malformed
from connectors.sandbox.soql.source import Source

AGGREGATES: Mapping[str, str] = {
    "COUNT": "count({0})",
    "COUNT_DISTINCT": "count(distinct {0})",
    "SUM": "sum({0})",
    "AVG": "avg({0})",
    "MIN": "min({0})",
    "MAX": "max({0})",
}
DATE_PARTS: Mapping[str, tuple[str, str]] = {
    "CALENDAR_YEAR": ("year({0})", "int"),
    "CALENDAR_QUARTER": ("quarter({0})", "int"),
    "CALENDAR_MONTH": ("month({0})", "int"),
    "DAY_IN_MONTH": ("day({0})", "int"),
    "DAY_IN_WEEK": ("dayofweek({0}) + 1", "int"),
    "DAY_IN_YEAR": ("dayofyear({0})", "int"),
    "HOUR_IN_DAY": ("hour({0})", "int"),
    "DAY_ONLY": ("({0})::date", "date"),
}


def _local_part(source: Source, call: Call, conversion: Call) -> tuple[str, Field]:
    """A part of an instant as the clocks of the org's zone show it."""
    if not isinstance(conversion.argument, Path):
        raise malformed(source.query, conversion.place, "convertTimezone takes a date and time field")
    resolved = source.resolve(conversion.argument)
    if resolved.field.type != "datetime":
        raise malformed(source.query, conversion.place, "convertTimezone takes a date and time field")
    pattern, kind = DATE_PARTS[call.name]
    zone = str(source.context.time_zone).replace("'", "")
    local = f"(({resolved.sql}) at time zone 'UTC' at time zone '{zone}')"
    return pattern.format(local), Field(call.name, kind)


def call_sql(source: Source, call: Call) -> tuple[str, Field]:
    """SQL and result type of a function call; MALFORMED_QUERY for a function that is not known."""
    if (
        isinstance(call.argument, Call)
        and call.argument.name == "CONVERTTIMEZONE"
        and call.name in DATE_PARTS
    ):
        return _local_part(source, call, call.argument)
    if not isinstance(call.argument, Path):
        if call.name == "COUNT" and call.argument is None:
            return "count(*)", Field("count", "int")
        raise malformed(source.query, call.place, f"unknown function or argument: {call.name}")
    resolved = source.resolve(call.argument)
    if call.name in ("TOLABEL", "FORMAT"):
        # The labels of this org are its values, and it has no locale to format in.
        return f"({resolved.sql})::varchar", replace(resolved.field, type="string")
    if call.name in DATE_PARTS and resolved.field.type in ("date", "datetime"):
        pattern, kind = DATE_PARTS[call.name]
        return pattern.format(resolved.sql), Field(call.name, kind)
    if call.name in AGGREGATES:
        counts = call.name.startswith("COUNT")
        result = Field(call.name, "int") if counts else replace(resolved.field, filterable=True)
        return AGGREGATES[call.name].format(resolved.sql), result
    raise malformed(source.query, call.place, f"unknown function or argument: {call.name}")
