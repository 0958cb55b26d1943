"""What an administrator does to a running sandbox org."""

from __future__ import annotations

from typing import Any

import requests

from tests.salesforce.conftest import LiveOrg


def switch(org: LiveOrg, method: str, path: str, body: dict[str, Any]) -> None:
    url = f"{org.credentials.login_url}/sandbox/{path}"
    requests.request(method, url, json=body, timeout=30).raise_for_status()


def features(org: LiveOrg, *names: str) -> None:
    switch(org, "PUT", "features", {"features": list(names)})


def change_field(org: LiveOrg, object_name: str, name: str, action: str, **further: Any) -> None:
    switch(org, "POST", "fields", {"object": object_name, "name": name, "action": action, **further})


def create(org: LiveOrg, object_name: str, **values: Any) -> str:
    made: str = org.client().restful(f"sobjects/{object_name}", "POST", json=values)["id"]
    return made


def update(org: LiveOrg, object_name: str, record_id: str, **values: Any) -> None:
    org.client().restful(f"sobjects/{object_name}/{record_id}", "PATCH", json=values)
