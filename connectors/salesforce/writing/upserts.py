"""Sending actions as Tasks in collections, and reading back what the org then holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import (
    LIMIT_CODES,
    PASSING_CODES,
    HalfPage,
    MissingField,
    MissingObject,
    RequestRefused,
    SalesforceProblem,
)
from connectors.salesforce.connection.replies import faults_in
from connectors.salesforce.reading.rest import read_table
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.write_plan import (
    LIVE_FIELDS,
    Payload,
    Value,
    find_marker,
    fingerprint,
    keyed_payloads,
    marker,
)

COLLECTION_ROWS = 200
_LONGEST_CONDITION = 8_000
GONE_CODES = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})

RESULT_COLUMNS: Mapping[str, pa.DataType] = {
    "action_key": pa.string(),
    "task_id": pa.string(),
    "fingerprint": pa.string(),
    "status": pa.string(),
    "status_code": pa.string(),
    "message": pa.string(),
    "is_passing": pa.bool_(),
    "attempts": pa.int64(),
}


@dataclass(frozen=True)
class RowResult:
    """What the org answered to one row.

    `status`: created, updated, rejected (in Salesforce's own words, `is_passing` when another night may
    succeed) or unsent (no answer came: the read-back tells).
    """

    action_key: str
    fingerprint: str
    status: str
    task_id: str | None = None
    status_code: str = ""
    message: str = ""
    is_passing: bool = False
    attempts: int = 1


@dataclass(frozen=True)
class WriteResult:
    """Answers in the order of the rows sent."""

    rows: tuple[RowResult, ...]

    def table(self) -> pa.Table:
        """One row per action sent."""
        return pa.table(
            {
                name: pa.array([getattr(row, name) for row in self.rows], kind)
                for name, kind in RESULT_COLUMNS.items()
            }
        )

    def count(self, *statuses: str) -> int:
        """Rows with one of these statuses."""
        return sum(row.status in statuses for row in self.rows)


Send = Callable[[Sequence[Payload]], list[Mapping[str, Any]]]


def upsert_actions(
    client: SalesforceClient,
    rows: pa.Table,
    *,
    external_id_field: str = ACTION_KEY_FIELD,
    object_name: str = "Task",
) -> WriteResult:
    """Upsert rows (columns named as Salesforce fields) by external id, 200 at a time.

    A bad row is rejected alone; rows with a passing error are sent again with back-off. Sending twice writes
    once. Raises ValueError for a key missing or given twice, nothing for what the org answers.
    """
    path = f"composite/sobjects/{object_name}/{external_id_field}"

    def send(payloads: Sequence[Payload]) -> list[Mapping[str, Any]]:
        records = [{"attributes": {"type": object_name}, **as_json(payload)} for payload in payloads]
        return answers(client.restful(path, "PATCH", json={"allOrNone": False, "records": records}), payloads)

    return send_all(client, list(keyed_payloads(rows, external_id_field).items()), send)


def send_all(client: SalesforceClient, keyed: Sequence[tuple[str, Payload]], send: Send) -> WriteResult:
    """Send payloads with their keys in collections, passing row errors again; results in the order given."""
    results: dict[str, RowResult] = {}
    for start in range(0, len(keyed), COLLECTION_ROWS):
        _send_until_settled(client, keyed[start : start + COLLECTION_ROWS], send, results)
    return WriteResult(tuple(results[key] for key, _ in keyed))


def _send_until_settled(
    client: SalesforceClient, keyed: Sequence[tuple[str, Payload]], send: Send, results: dict[str, RowResult]
) -> None:
    policy = client.session.retry_policy
    pending = list(keyed)

    def attempt() -> bool:
        nonlocal pending
        for row in _send_or_split(pending, send):
            earlier = results.get(row.action_key)
            results[row.action_key] = replace(row, attempts=earlier.attempts + 1 if earlier else 1)
        waiting = {row.action_key for row in results.values() if row.is_passing and row.status == "rejected"}
        pending = [(key, payload) for key, payload in pending if key in waiting]
        return bool(pending)

    Retrying(
        stop=stop_after_attempt(policy.attempts),
        wait=wait_random_exponential(multiplier=policy.first_wait_seconds, max=policy.longest_wait_seconds),
        retry=retry_if_result(bool),
        sleep=policy.sleep,
        retry_error_callback=_last_result,
    )(attempt)


def _last_result(state: RetryCallState) -> object:
    # What still waits keeps its passing rejection; it is for another night.
    return state.outcome.result() if state.outcome else None


def _send_or_split(keyed: Sequence[tuple[str, Payload]], send: Send) -> Iterator[RowResult]:
    """Results of one collection; one refused whole is halved until the row that spoils it is alone."""
    try:
        replies = send([payload for _, payload in keyed])
    except (MissingField, MissingObject) as problem:
        yield from _all_failed(keyed, "rejected", problem)
    except RequestRefused as problem:
        if len(keyed) == 1:
            yield from _all_failed(keyed, "rejected", problem)
            return
        middle = len(keyed) // 2
        yield from _send_or_split(keyed[:middle], send)
        yield from _send_or_split(keyed[middle:], send)
    except SalesforceProblem as problem:
        # Limits, faults that last, a login that is refused in mid-run: whether it arrived, the read-back tells.
        yield from _all_failed(keyed, "unsent", problem)
    else:
        yield from (_row_result(*pair, reply) for pair, reply in zip(keyed, replies, strict=True))


def _all_failed(
    keyed: Sequence[tuple[str, Payload]], status: str, problem: SalesforceProblem
) -> Iterator[RowResult]:
    code = next(iter(problem.codes), "") if isinstance(problem, RequestRefused) else type(problem).__name__
    for key, payload in keyed:
        yield RowResult(
            key, fingerprint(payload), status, None, code, problem.what, is_passing=status == "unsent"
        )


def _row_result(key: str, payload: Payload, reply: Mapping[str, Any]) -> RowResult:
    mark = fingerprint(payload)
    if reply["success"]:
        return RowResult(key, mark, "created" if reply.get("created", True) else "updated", reply["id"])
    errors: Sequence[Mapping[str, Any]] = reply.get("errors") or []
    faults = faults_in(list(errors))
    codes = [fault.code for fault in faults]
    words = "; ".join(map(str, faults))
    is_passing = bool(codes) and set(codes) <= PASSING_CODES | LIMIT_CODES
    return RowResult(
        key, mark, "rejected", reply.get("id"), codes[0] if codes else "", words, is_passing=is_passing
    )


def answers(reply: Any, payloads: Sequence[Payload]) -> list[Mapping[str, Any]]:
    """The rows of a collection's reply. Raises HalfPage unless there is one for every row sent."""
    results: list[Mapping[str, Any]] = reply or []
    if len(results) != len(payloads):
        raise HalfPage(
            f"{len(results)} answers to {len(payloads)} rows", where="composite/sobjects", remedy="run again"
        )
    return results


def as_json(payload: Payload) -> dict[str, str | int | float | bool | None]:
    """A payload as the JSON of one record."""
    return {name: _json_value(value) for name, value in payload.items()}


def _json_value(value: Value) -> str | int | float | bool | None:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case _:
            return value


def read_back(
    client: SalesforceClient,
    keys: Sequence[str],
    fields: Sequence[str],
    *,
    external_id_field: str = ACTION_KEY_FIELD,
    object_name: str = "Task",
) -> pa.Table:
    """What the org holds under these keys, deleted records included; text columns: key, LIVE_FIELDS and
    `fields`.
    """
    columns = list(dict.fromkeys([external_id_field, *LIVE_FIELDS, *fields]))
    return read_where_in(client, external_id_field, keys, columns, object_name=object_name)


def read_where_in(
    client: SalesforceClient,
    field: str,
    values: Sequence[str],
    columns: Sequence[str],
    *,
    object_name: str = "Task",
) -> pa.Table:
    """Records whose field is one of the values, in as few queries as fit; text columns."""
    conditions = [f"{field} IN ({part})" for part in _joined([quoted(value) for value in values], ", ")]
    return _read(client, conditions, columns, object_name)


def read_back_marked(
    client: SalesforceClient,
    keys: Sequence[str],
    fields: Sequence[str],
    *,
    known_ids: Mapping[str, str],
    object_name: str = "Task",
) -> pa.Table:
    """As read_back, where the org lacks our key field: found by the mark in Subject, or by an Id known from
    before.

    The key column is filled from the mark or the Id, so that a task whose owner rewrote its subject is still
    ours.
    """
    columns = list(
        dict.fromkeys([*LIVE_FIELDS, "Subject", *(name for name in fields if name != ACTION_KEY_FIELD)])
    )
    likes = [f"Subject LIKE '%{marker(key)}%'" for key in keys]
    ids = sorted({known_ids[key] for key in keys if key in known_ids})
    conditions = [
        *_joined(likes, " OR "),
        *(f"Id IN ({part})" for part in _joined([quoted(i) for i in ids], ", ")),
    ]
    found = _read(client, conditions, columns, object_name)
    key_of = {marker(key): key for key in keys} | {task_id: key for key, task_id in known_ids.items()}
    owners = [
        key_of.get(find_marker(row["Subject"]) or "") or key_of.get(row["Id"])
        for row in found.select(["Id", "Subject"]).to_pylist()
    ]
    return found.append_column(ACTION_KEY_FIELD, pa.array(owners, pa.string()))


def _read(
    client: SalesforceClient, conditions: Sequence[str], columns: Sequence[str], object_name: str
) -> pa.Table:
    shape = pa.schema([(name, pa.string()) for name in columns])
    tables = [
        read_table(client, f"SELECT {', '.join(columns)} FROM {object_name} WHERE {condition}", columns)
        for condition in conditions
    ]
    return pa.concat_tables([shape.empty_table(), *tables])


def _joined(parts: Sequence[str], separator: str) -> list[str]:
    """The parts joined into as few texts as stay below the length a query may have."""
    joined: list[str] = []
    for part in parts:
        if joined and len(joined[-1]) + len(part) < _LONGEST_CONDITION:
            joined[-1] += separator + part
        else:
            joined.append(part)
    return joined


def quoted(text: str) -> str:
    """A SOQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def delete_tasks(client: SalesforceClient, ids: Sequence[str]) -> WriteResult:
    """Delete records by Id, 200 at a time; one already gone counts as deleted. `action_key` holds the Id.

    Passing errors are met with back-off as when writing; nothing is raised for what the org answers.
    """

    def send(payloads: Sequence[Payload]) -> list[Mapping[str, Any]]:
        params = {"ids": ",".join(str(payload["Id"]) for payload in payloads), "allOrNone": "false"}
        return answers(client.restful("composite/sobjects", "DELETE", params=params), payloads)

    result = send_all(client, [(task_id, {"Id": task_id}) for task_id in ids], send)
    return WriteResult(tuple(_deleted(row) for row in result.rows))


def _deleted(row: RowResult) -> RowResult:
    is_gone = row.status in ("created", "updated") or row.status_code in GONE_CODES
    return replace(row, status="deleted" if is_gone else row.status, task_id=row.action_key)


def update_tasks(client: SalesforceClient, keyed: Sequence[tuple[str, Payload]]) -> WriteResult:
    """Update records, given as (name for the result, payload with `id`), 200 at a time; else as delete_tasks."""
    return send_all(client, keyed, collection_sender(client, "PATCH"))


def collection_sender(client: SalesforceClient, method: str) -> Send:
    """Sends Tasks in collections without an external id: POST creates them, PATCH updates those with an `id`."""

    def send(payloads: Sequence[Payload]) -> list[Mapping[str, Any]]:
        records = [{"attributes": {"type": "Task"}, **as_json(payload)} for payload in payloads]
        body = {"allOrNone": False, "records": records}
        return answers(client.restful("composite/sobjects", method, json=body), payloads)

    return send
