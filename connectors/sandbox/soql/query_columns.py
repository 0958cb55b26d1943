"""What a query's columns are (`/query?q=…&columns=true`): the Salesforce CLI heads its tables by it."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sandbox.soql.answer import CHILDREN, Column, Translated


def column_metadata(query: Translated) -> dict[str, object]:
    """The reply: columns in their order, parents and sub-selects with the columns inside them."""
    entity = query.source.entity
    return {
        "columnMetadata": _columns(query.columns, query.is_aggregate), "entityName": entity.name,
        "groupBy": query.is_aggregate, "idSelected": any(each.names == ("Id",) for each in query.columns),
        "keyPrefix": entity.key_prefix,
    }  # fmt: skip


def _columns(columns: Sequence[Column], is_aggregate: bool, depth: int = 0) -> list[dict[str, object]]:
    found = []
    for head in dict.fromkeys(each.names[: depth + 1] for each in columns):
        below = [each for each in columns if each.names[: depth + 1] == head]
        if len(below[0].names) > depth + 1:
            found.append(_column(head[-1], None, False, _columns(below, False, depth + 1)))
        elif below[0].field.type == CHILDREN:
            found.append(_column(head[-1], None, True, _columns(below[0].children, False)))
        else:
            found.append(_column(head[-1], below[0], is_aggregate and bool(below[0].display), []))
    return found


def _column(
    name: str, column: Column | None, is_aggregate: bool, inside: list[dict[str, object]]
) -> dict[str, object]:
    field = column.field if column else None
    return {
        "aggregate": is_aggregate, "apexType": None, "booleanType": bool(field and field.type == "boolean"),
        "columnName": name, "custom": bool(field and field.custom), "displayName": (column and column.display) or name,
        "foreignKeyName": None, "insertable": bool(field and field.createable and not is_aggregate),
        "joinColumns": inside, "numberType": bool(field and field.column_type in ("BIGINT", "DOUBLE")),
        "textType": bool(field and field.column_type == "VARCHAR"),
        "updatable": bool(field and field.updateable and not is_aggregate),
    }  # fmt: skip
