"""What an API user may write: field names, values and their types, as Salesforce checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.schema.picklists import PICKLISTS
from connectors.sandbox.schema.sobjects import Field, SObject

Values = dict[str, object]
_IGNORED = frozenset({"attributes"})


def typed_values(entity: SObject, row: Mapping[str, object], creating: bool) -> Values:
    """Stored values by canonical field name; SalesforceError for the first thing wrong with the row."""
    given: Values = {}
    for name, value in row.items():
        if name.lower() in _IGNORED:
            continue
        field = entity.by_lower_name.get(name.lower())
        if field is None:
            raise SalesforceError(
                "INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}"
            )
        _check_writable(field, creating)
        given[field.name] = typed_value(field, value)
    _check_required(entity, given, creating)
    return given


def _check_writable(field: Field, creating: bool) -> None:
    if field.compound or not (field.createable if creating else field.updateable):
        message = (
            f"Unable to create/update fields: {field.name}. Please check the security settings of this field and "
            "verify that it is read/write for your profile or permission set."
        )
        raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=(field.name,))


def _check_required(entity: SObject, given: Values, creating: bool) -> None:
    missing = [
        each.name
        for each in entity.fields.values()
        if each.required and given.get(each.name) is None and (creating or each.name in given)
    ]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise SalesforceError("REQUIRED_FIELD_MISSING", message, fields=tuple(missing))


def typed_value(field: Field, value: object) -> object:
    """A JSON value in the form stored; empty text is null, as in Salesforce."""
    if value is None or value == "":
        return False if field.type == "boolean" else None
    parse = _PARSERS.get(field.type, _text)
    return parse(field, value)


def _deserialization(field: Field, value: object) -> SalesforceError:
    kind = "VALUE_STRING" if isinstance(value, str) else "VALUE_" + type(value).__name__.upper()
    message = (
        f"Cannot deserialize instance of {field.type} from {kind} value {value} or request may be missing a required "
        f"field: {field.name}"
    )
    return SalesforceError("JSON_PARSER_ERROR", message, fields=(field.name,))


def _text(field: Field, value: object) -> object:
    if isinstance(value, dict | list):
        raise _deserialization(field, value)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    text = text.strip() if field.type != "textarea" else text
    if field.length and len(text) > field.length:
        message = f"{field.name}: data value too large: {text[:255]} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", message, fields=(field.name,))
    if field.restricted and text not in PICKLISTS.get(field.picklist, ()):
        message = f"{field.name}: bad value for restricted picklist field: {text}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=(field.name,))
    return text or None


def _record_id(field: Field, value: object) -> object:
    found = normalized(str(value))
    if found is None:
        message = f"{field.relationship_name or field.name} ID: id value of incorrect type: {value}"
        raise SalesforceError("MALFORMED_ID", message, fields=(field.name,))
    return found


def _boolean(field: Field, value: object) -> object:
    known = {"true": True, "false": False}
    found = known.get(str(value).lower())
    if found is None:
        raise _deserialization(field, value)
    return found


def _number(field: Field, value: object) -> object:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(str(value))
    except ValueError as error:
        raise _deserialization(field, value) from error
    if number != number or number in (float("inf"), float("-inf")):
        raise _deserialization(field, value)
    return round(number) if field.type == "int" else number


def _date(field: Field, value: object) -> object:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise _deserialization(field, value) from error


def _datetime(field: Field, value: object) -> object:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _deserialization(field, value) from error
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None)


_PARSERS: Mapping[str, Callable[[Field, object], object]] = {
    "id": _record_id, "reference": _record_id, "boolean": _boolean, "int": _number, "double": _number,
    "percent": _number, "currency": _number, "date": _date, "datetime": _datetime,
}  # fmt: skip
