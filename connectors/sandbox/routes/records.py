"""Single records, upsert by external id, collections, updated and deleted; and the sandbox's own undelete and purge."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.records import recycle, replication, saving
from connectors.sandbox.records.checks import external_field, matches
from connectors.sandbox.records.deleting import Deletion
from connectors.sandbox.records.deleting import delete as delete_records
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.records.store import Org
from connectors.sandbox.routes.replies import JSON_TYPE, datetime_text, empty_reply, error_reply, json_reply
from connectors.sandbox.schema.sobjects import SObject
from connectors.sandbox.server import Call, Server
from connectors.sandbox.soql.sql import translate

MAXIMUM_COLLECTION = 200


def get(server: Server, call: Call) -> Response:
    """GET /sobjects/X/{id}?fields=."""
    entity = server.entity(call.parameters["object"])
    return _record_reply(server, call, entity, call.parameters["id"])


def create(server: Server, call: Call) -> Response:
    """POST /sobjects/X."""
    entity = server.entity(call.parameters["object"])
    result = saving.create(server.org, server.faults, entity, [call.json()], False, call.user_id)[0]
    if result.error:
        return error_reply(result.error)
    return json_reply({"id": result.record_id, "success": True, "errors": []}, 201)


def update(server: Server, call: Call) -> Response:
    """PATCH /sobjects/X/{id}."""
    entity = server.entity(call.parameters["object"])
    changes = [(call.parameters["id"], call.json())]
    result = saving.update(server.org, server.faults, entity, changes, False, call.user_id)[0]
    return error_reply(result.error) if result.error else empty_reply()


def delete(server: Server, call: Call) -> Response:
    """DELETE /sobjects/X/{id}."""
    entity = server.entity(call.parameters["object"])
    return _deleted_one(server, call, entity, call.parameters["id"])


def _deleted_one(server: Server, call: Call, entity: SObject, record_id: str) -> Response:
    problem = delete_records(server.org, server.faults, Deletion(entity, [record_id], call.user_id))[0].error
    return error_reply(problem) if problem else empty_reply()


def _external_ids(server: Server, call: Call, entity: SObject) -> list[str]:
    field = external_field(entity, call.parameters["external"])
    value = call.parameters["value"]
    return matches(server.org, entity, field, [value]).get(field.key(value), [])


def _choices(call: Call, entity: SObject, ids: Sequence[str]) -> Response:
    return json_reply([f"{call.base}/sobjects/{entity.name}/{each}" for each in ids], 300)


def get_external(server: Server, call: Call) -> Response:
    """GET /sobjects/X/Ext__c/value; 300 with the matches when there are several."""
    entity = server.entity(call.parameters["object"])
    ids = _external_ids(server, call, entity)
    if len(ids) > 1:
        return _choices(call, entity, ids)
    if not ids:
        raise not_found()
    return _record_reply(server, call, entity, ids[0])


def delete_external(server: Server, call: Call) -> Response:
    """DELETE /sobjects/X/Ext__c/value."""
    entity = server.entity(call.parameters["object"])
    ids = _external_ids(server, call, entity)
    if len(ids) != 1:
        return _choices(call, entity, ids) if ids else error_reply(not_found())
    return _deleted_one(server, call, entity, ids[0])


def upsert(server: Server, call: Call) -> Response:
    """PATCH /sobjects/X/Ext__c/value: 201 created, 200 updated, 300 with the matches when not unique."""
    entity = server.entity(call.parameters["object"])
    external, value, body = call.parameters["external"], call.parameters["value"], call.json()
    if any(name.lower() == external.lower() for name in body):
        message = f"The {external} field should not be specified in the sobject data."
        raise SalesforceError("INVALID_FIELD", message, fields=(external,))
    ids = _external_ids(server, call, entity)
    if len(ids) > 1:
        return _choices(call, entity, ids)
    row = {**body, external: value}
    result = saving.upsert(server.org, server.faults, entity, external, [row], False, call.user_id)[0]
    if result.error:
        return error_reply(result.error)
    reply: dict[str, object] = {"id": result.record_id, "success": True, "errors": []}
    return json_reply(reply | {"created": result.created}, 201 if result.created else 200)


def _record_reply(server: Server, call: Call, entity: SObject, record_id: str) -> Response:
    texts = _record_texts(server, call, entity, [record_id], _field_list(call.query.get("fields"), entity))
    if texts.get(normalized(record_id) or "") is None:
        raise not_found()
    return Response(texts[normalized(record_id) or ""].encode(), media_type=JSON_TYPE)


def _field_list(wanted: str | None, entity: SObject) -> list[str]:
    return [each.strip() for each in wanted.split(",")] if wanted else list(entity.fields)


def _record_texts(
    server: Server, call: Call, entity: SObject, record_ids: Sequence[str], fields: Sequence[str]
) -> dict[str, str]:
    """JSON texts of live records by id."""
    good = [each for each in map(normalized, record_ids) if each]
    if not good:
        return {}
    quoted = ",".join(f"'{each}'" for each in good)
    names = [name for name in fields if name.lower() != "id"]
    soql = f"select {', '.join(['Id', *names])} from {entity.name} where Id in ({quoted})"
    query = translate(soql, server.context(False, call.version))
    page = server.pages.run(query, len(good))
    return {str(json.loads(text)["Id"]): text for text in page.records}


# collections


def create_many(server: Server, call: Call) -> Response:
    """POST /composite/sobjects: rows may be of several objects, results come in order."""
    rows, all_or_none = _collection(call)
    return _saved_rows(server, call, rows, all_or_none)


def update_many(server: Server, call: Call) -> Response:
    """PATCH /composite/sobjects: rows carry their id."""
    rows, all_or_none = _collection(call)
    return _saved_rows(server, call, rows, all_or_none)


def upsert_many(server: Server, call: Call) -> Response:
    """PATCH /composite/sobjects/T/Ext__c: at most 200 rows of one object, results in order, 200 even with failures."""
    entity = server.entity(call.parameters["object"])
    external_field(entity, call.parameters["external"])
    rows, all_or_none = _collection(call)
    for row in rows:
        if _type_of(row).lower() != entity.name.lower():
            raise SalesforceError("INVALID_TYPE", f"all rows must have attributes.type {entity.name}")
    external = call.parameters["external"]
    results = saving.upsert(server.org, server.faults, entity, external, rows, all_or_none, call.user_id)
    return json_reply([each.body(with_created=True) for each in results])


def delete_many(server: Server, call: Call) -> Response:
    """DELETE /composite/sobjects?ids=a,b&allOrNone=."""
    record_ids = [each for each in call.query.get("ids", "").split(",") if each]
    _check_size(record_ids)
    all_or_none = call.query.get("allOrNone") == "true"

    def deleted(name: str, numbers: list[int]) -> list[saving.RowResult]:
        chosen = [record_ids[number] for number in numbers]
        batch = Deletion(server.entity(name), chosen, call.user_id, all_or_none)
        return delete_records(server.org, server.faults, batch)

    names = [_prefix_object(server, each) for each in record_ids]
    return _by_object(server, names, deleted, all_or_none)


def get_many(server: Server, call: Call) -> Response:
    """GET (?ids=&fields=) or POST ({ids, fields}) /composite/sobjects/T: null for ids without a record."""
    entity = server.entity(call.parameters["object"])
    body = call.json() if call.method == "POST" else {}
    record_ids = _words(body.get("ids", call.query.get("ids")))
    texts = _record_texts(
        server, call, entity, record_ids, _words(body.get("fields", call.query.get("fields")))
    )
    found = [texts.get(normalized(each) or "", "null") for each in record_ids]
    return Response(("[" + ",".join(found) + "]").encode(), media_type=JSON_TYPE)


def _words(given: object) -> list[str]:
    words = given.split(",") if isinstance(given, str) else given
    if not isinstance(words, list) or not words:
        raise SalesforceError("MISSING_ARGUMENT", "ids and fields are required")
    return [str(each).strip() for each in words]


def _collection(call: Call) -> tuple[list[dict[str, object]], bool]:
    body = call.json()
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise SalesforceError("JSON_PARSER_ERROR", "the body needs a list of records")
    _check_size(rows)
    return rows, body.get("allOrNone") is True


def _check_size(rows: Sequence[object]) -> None:
    if len(rows) > MAXIMUM_COLLECTION:
        message = f"Batch size exceeded. Found {len(rows)} records, the limit is {MAXIMUM_COLLECTION}"
        raise SalesforceError("INVALID_BATCH_SIZE", message)
    if not rows:
        raise SalesforceError("MISSING_ARGUMENT", "at least one record is required")


def _type_of(row: Mapping[str, object]) -> str:
    attributes = row.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not name:
        raise SalesforceError("INVALID_INPUT", "each record needs attributes with its type")
    return str(name)


def _grouped(names: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    return groups


def _prefix_object(server: Server, record_id: str) -> str:
    entity = server.org.object_of_id(record_id)
    if entity is None:
        raise SalesforceError("MALFORMED_ID", f"malformed id {record_id}")
    return entity.name


class _RolledBack(Exception):
    """One row failed where all or none were to be written."""


def _by_object(
    server: Server,
    names: Sequence[str],
    write: Callable[[str, list[int]], list[saving.RowResult]],
    all_or_none: bool,
) -> Response:
    """The results of rows of the named objects in their order; `write` gets an object and its rows' numbers."""
    results: dict[int, saving.RowResult] = {}
    try:
        with server.org.transaction() if all_or_none else nullcontext():
            for name, numbers in _grouped(names).items():
                results |= dict(zip(numbers, write(name, numbers), strict=True))
            if all_or_none and any(each.error for each in results.values()):
                raise _RolledBack
    except _RolledBack:
        undone = {number for number, each in results.items() if each.error is None}
        results |= {number: saving.RowResult(None, False, saving.rolled_back()) for number in undone}
    return json_reply([results[number].body() for number in range(len(names))])


def _saved_rows(server: Server, call: Call, rows: list[dict[str, object]], all_or_none: bool) -> Response:
    def saved(name: str, numbers: list[int]) -> list[saving.RowResult]:
        entity = server.visible(name)
        if entity is None:
            raise SalesforceError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return _saved(server, call, entity, [rows[number] for number in numbers], all_or_none)

    return _by_object(server, [_type_of(row) for row in rows], saved, all_or_none)


def _saved(
    server: Server, call: Call, entity: SObject, rows: list[dict[str, object]], all_or_none: bool
) -> list[saving.RowResult]:
    org, faults, user_id = server.org, server.faults, call.user_id
    if call.method == "PATCH":
        return saving.update(org, faults, entity, [_split_id(row) for row in rows], all_or_none, user_id)
    return saving.create(org, faults, entity, rows, all_or_none, user_id)


def _split_id(row: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    record_id = next((value for name, value in row.items() if name.lower() == "id"), None)
    return str(record_id or ""), {name: value for name, value in row.items() if name.lower() != "id"}


# what changed between two instants


def changed(server: Server, call: Call) -> Response:
    """GET /sobjects/X/updated|deleted?start=&end=: ids with latestDateCovered, deleted ones with their dates."""
    entity = server.entity(call.parameters["object"])
    replication.check_replicateable(entity)
    span = replication.checked_span(_instant(call, "start"), _instant(call, "end"), server.org.stamp())
    context = server.context(True, call.version)
    covered = datetime_text(replication.latest_date_covered(server.org, span))
    if call.parameters["change"] == "updated":
        ids = replication.updated_ids(server.org, context, entity, span)
        return json_reply({"ids": ids, "latestDateCovered": covered})
    found = [
        {"id": record_id, "deletedDate": datetime_text(deleted_at)}
        for record_id, deleted_at in replication.deleted_ids(server.org, context, entity, span)
    ]
    earliest = datetime_text(replication.earliest_date_available(server.org))
    return json_reply(
        {"deletedRecords": found, "earliestDateAvailable": earliest, "latestDateCovered": covered}
    )


def _instant(call: Call, name: str) -> datetime:
    text = call.query.get(name, "").replace(" ", "+")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SalesforceError("INVALID_REPLICATION_DATE", f"{name} must be an ISO date and time") from error
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


# the sandbox's own switches


def undelete(server: Server, call: Call) -> Response:
    """POST /sandbox/undelete {"ids": […]}: what SOAP's undelete() does."""
    return _each_object(server, call, recycle.restore)


def purge(server: Server, call: Call) -> Response:
    """POST /sandbox/purge {"ids": […]}: hard deletion, in the recycle bin or not."""
    return _each_object(server, call, recycle.purge)


def _each_object(
    server: Server, call: Call, action: Callable[[Org, SObject, Sequence[str]], None]
) -> Response:
    record_ids = [normalized(each) or each for each in _words(call.json().get("ids"))]
    for name, numbers in _grouped([_prefix_object(server, each) for each in record_ids]).items():
        action(server.org, server.org.objects[name], [record_ids[number] for number in numbers])
    return empty_reply()
