"""Several requests in one: /composite with references between them, /composite/batch, and /composite/tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records import saving
from connectors.sandbox.routes.replies import json_reply
from connectors.sandbox.schema.describe import child_relationship
from connectors.sandbox.schema.sobjects import SObject
from connectors.sandbox.server import Call, Server

MAXIMUM_REQUESTS = 25
MAXIMUM_TREE_RECORDS = 200
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class _RolledBack(Exception):
    """One request failed where all or none were to be done."""


def batch(server: Server, call: Call) -> Response:
    """POST /composite/batch: at most 25 independent requests in their order; each counts against the limit."""
    body = call.json()
    requests = _requests(body.get("batchRequests"), "batchRequests")
    server.requests.add(server.org.now().date(), len(requests) - 1)
    results: list[dict[str, object]] = []
    for each in requests:
        if body.get("haltOnError") is True and any(_failed(result) for result in results):
            problem = SalesforceError("BATCH_PROCESSING_HALTED", "Batch processing was halted", 412)
            results.append({"statusCode": problem.status, "result": [problem.body()]})
            continue
        url = "/" + str(each.get("url", "")).removeprefix("/").removeprefix("services/data/")
        reply = _sub_reply(server, call, each.get("method"), f"/services/data{url}", each.get("richInput"))
        results.append({"statusCode": reply.status_code, "result": _content(reply)})
    return json_reply({"hasErrors": any(_failed(result) for result in results), "results": results})


def _failed(result: Mapping[str, object]) -> bool:
    return int(str(result["statusCode"])) >= 400


def composite(server: Server, call: Call) -> Response:
    """POST /composite: at most 25 requests in their order, later ones may refer to replies as `@{reference.id}`."""
    body = call.json()
    requests = _requests(body.get("compositeRequest"), "compositeRequest")
    names = [str(each.get("referenceId") or "") for each in requests]
    if not all(names) or len(set(names)) < len(names):
        raise SalesforceError("INVALID_INPUT", "each request needs a referenceId of its own")
    answers: list[dict[str, object]] = []
    if body.get("allOrNone") is not True:
        answers.extend(_answers(server, call, requests))
        return json_reply({"compositeResponse": answers})
    try:
        with server.org.transaction():
            for answer in _answers(server, call, requests):
                answers.append(answer)
                if int(str(answer["httpStatusCode"])) >= 400:
                    raise _RolledBack
    except _RolledBack:
        answers = _halted(names, answers[-1])
    return json_reply({"compositeResponse": answers})


def _answers(
    server: Server, call: Call, requests: Sequence[Mapping[str, object]]
) -> Iterator[dict[str, object]]:
    known: dict[str, object] = {}
    for each in requests:
        name = str(each["referenceId"])
        status, content, headers = _answer(server, call, each, known)
        if status < 400:
            known[name] = content
        yield {"body": content, "httpHeaders": headers, "httpStatusCode": status, "referenceId": name}


def _answer(
    server: Server, call: Call, request: Mapping[str, object], known: Mapping[str, object]
) -> tuple[int, object, dict[str, str]]:
    try:
        url, body = _resolved(request.get("url", ""), known), _resolved(request.get("body"), known)
    except SalesforceError as error:
        return error.status, [error.body()], {}
    reply = _sub_reply(server, call, request.get("method"), str(url), body)
    content = _content(reply)
    record_id = content.get("id") if isinstance(content, dict) and reply.status_code == 201 else None
    object_name = re.search(r"/sobjects/(\w+)", str(url))
    located = record_id and object_name
    headers = (
        {"Location": f"{call.base}/sobjects/{object_name.group(1)}/{record_id}"}
        if located and object_name
        else {}
    )
    return reply.status_code, content, headers


def _halted(names: Sequence[str], culprit: Mapping[str, object]) -> list[dict[str, object]]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    halted = [SalesforceError("PROCESSING_HALTED", message).body()]
    return [
        dict(culprit)
        if name == culprit["referenceId"]
        else {"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name}
        for name in names
    ]


def _requests(given: object, name: str) -> list[Mapping[str, object]]:
    if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
        raise SalesforceError("JSON_PARSER_ERROR", f"the body needs a list {name}")
    if len(given) > MAXIMUM_REQUESTS:
        message = f"The request can have at most {MAXIMUM_REQUESTS} operations, not {len(given)}"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    return given


def _sub_reply(server: Server, call: Call, method: object, url: str, body: object) -> Response:
    text = b"" if body is None else json.dumps(body).encode()
    path = url.partition("?")[0]
    if re.search(r"/composite(/batch|/tree/\w+|/graph)?/?$", path) or "/jobs/" in path:
        error = SalesforceError("INVALID_INPUT", f"{path} is not supported inside a composite request")
        return json_reply([error.body()], error.status)
    return server.dispatch(call, str(method or "GET").upper(), url, text)


def _content(reply: Response) -> object:
    return json.loads(bytes(reply.body)) if reply.body else None


def _resolved(value: object, known: Mapping[str, object]) -> object:
    """A value with its references replaced by what they refer to."""
    if isinstance(value, dict):
        return {name: _resolved(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, known) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _referred(whole.group(1), known)
    return _REFERENCE.sub(lambda found: str(_referred(found.group(1), known)), value)


def _referred(path: str, known: Mapping[str, object]) -> object:
    steps: list[str | int] = [found.group(1) or int(found.group(2)) for found in _STEP.finditer(path)]
    value: object = known
    try:
        for step in steps:
            value = _inside(value, step)
    except LookupError as error:
        message = f"Invalid reference specified. No value for {path} found in {steps[0]}."
        raise SalesforceError("PROCESSING_HALTED", message) from error
    return value


def _inside(value: object, step: str | int) -> object:
    if isinstance(value, Mapping):
        return value[step]
    if isinstance(value, list) and isinstance(step, int):
        return value[step]
    raise LookupError


def tree(server: Server, call: Call) -> Response:
    """POST /composite/tree/X: records with their children inside, all created or none."""
    entity = server.entity(call.parameters["object"])
    given = call.json().get("records")
    if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
        raise SalesforceError("JSON_PARSER_ERROR", "the body needs a list of records")
    results: list[dict[str, object]] = []
    try:
        with server.org.transaction():
            _plant(server, call, entity, given, results)
            if any("errors" in each for each in results):
                raise _RolledBack
    except _RolledBack:
        failed = [each for each in results if "errors" in each]
        return json_reply({"hasErrors": True, "results": failed}, 400)
    return json_reply({"hasErrors": False, "results": results}, 201)


def _plant(
    server: Server,
    call: Call,
    entity: SObject,
    given: Sequence[Mapping[str, object]],
    results: list[dict[str, object]],
) -> None:
    rows = [_own_values(each) for each in given]
    if len(results) + len(rows) > MAXIMUM_TREE_RECORDS:
        message = f"The tree can have at most {MAXIMUM_TREE_RECORDS} records"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    saved = saving.create(server.org, server.faults, entity, rows, False, call.user_id)
    for record, result in zip(given, saved, strict=True):
        name = _reference_id(record)
        if result.error:
            results.append({"referenceId": name, "errors": [result.error.row()]})
            continue
        results.append({"referenceId": name, "id": result.record_id})
        for relationship, children in _children(record).items():
            child, field = child_relationship(server.org, entity, relationship)
            _plant(server, call, child, [{**each, field: result.record_id} for each in children], results)


def _reference_id(record: Mapping[str, object]) -> object:
    attributes = record.get("attributes")
    name = attributes.get("referenceId") if isinstance(attributes, dict) else None
    if not name:
        raise SalesforceError("INVALID_INPUT", "each record needs attributes with its referenceId")
    return name


def _children(record: Mapping[str, object]) -> dict[str, list[dict[str, object]]]:
    nested = {name: each for name, each in record.items() if isinstance(each, dict) and "records" in each}
    return {name: each["records"] for name, each in nested.items() if isinstance(each["records"], list)}


def _own_values(record: Mapping[str, object]) -> dict[str, object]:
    children = _children(record)
    return {name: value for name, value in record.items() if name not in children}
