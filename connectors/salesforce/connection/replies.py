"""Reading Salesforce's error bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from connectors.salesforce.connection.errors import (
    PERMISSION_CODES,
    ApiFault,
    MissingField,
    MissingObject,
    RequestRefused,
    SalesforceProblem,
)


def faults_of(response: requests.Response) -> tuple[ApiFault, ...]:
    """The entries of an error reply; OAuth's `{error, error_description}` counts as one; empty when there is
    no JSON.
    """
    try:
        body = response.json()
    except requests.JSONDecodeError:
        return ()
    return faults_in(body)


def faults_in(body: Any) -> tuple[ApiFault, ...]:
    """The same from a body already parsed."""
    if isinstance(body, Mapping) and "error" in body:
        return (ApiFault(str(body["error"]), str(body.get("error_description", ""))),)
    entries: Sequence[Any] = body if isinstance(body, list) else [body]
    return tuple(_fault(entry) for entry in entries if isinstance(entry, Mapping))


def _fault(entry: Mapping[str, Any]) -> ApiFault:
    code = entry.get("errorCode") or entry.get("statusCode") or "UNKNOWN"
    return ApiFault(str(code), str(entry.get("message", "")), tuple(entry.get("fields") or ()))


def refusal(status: int, faults: tuple[ApiFault, ...], where: str) -> SalesforceProblem:
    """The error for a refused call, by Salesforce's error code."""
    codes = {fault.code for fault in faults}
    words = "; ".join(map(str, faults)) or f"HTTP {status}"
    if codes & PERMISSION_CODES:
        return MissingObject(
            words, where=where, remedy="grant the integration user read access to the object, or leave it out"
        )
    if "INVALID_FIELD" in codes:
        return MissingField(words, where=where, remedy="grant the integration user read access to the field")
    return RequestRefused(words, status=status, faults=faults, where=where)
