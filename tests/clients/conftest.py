"""A running sandbox with more accounts than a page holds, and the strangers' clients that talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.sandbox.process import start
from tests.clients.node_project import NodeProject, install, npm

ACCOUNTS = 4_100
"""Three pages of a query: Salesforce gives at most 2,000 rows a page."""
_COLLECTION_ROWS = 200


@dataclass(frozen=True)
class Login:
    """How to reach the sandbox; nothing secret shows in the repr."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    token: str = field(repr=False)
    key_file: Path
    """The private key that the connected app knows the certificate of."""
    username: str = "integration@sandbox.gyakusan.example"

    @property
    def netloc(self) -> str:
        return self.url.removeprefix("http://")

    def given(self) -> dict[str, str]:
        """For a script: everything, under the names Node writes."""
        return {
            "url": self.url,
            "token": self.token,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "username": self.username,
        }


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    folder: Path = tmp_path_factory.mktemp("strangers")
    key_file, public_file = _key_pair(folder)
    with start(folder / "org.duckdb", certificate=public_file) as running:
        form = {
            "grant_type": "client_credentials",
            "client_id": running.client_id,
            "client_secret": running.client_secret,
        }
        reply = requests.post(f"{running.url}/services/oauth2/token", data=form, timeout=10)
        token = reply.json()["access_token"]
        login = Login(running.url, running.client_id, running.client_secret, token, key_file)
        _create_accounts(login)
        yield login


def _key_pair(folder: Path) -> tuple[Path, Path]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / "private.pem", folder / "public.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    private.chmod(0o600)
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def _create_accounts(login: Login) -> None:
    for first in range(0, ACCOUNTS, _COLLECTION_ROWS):
        numbers = range(first, min(first + _COLLECTION_ROWS, ACCOUNTS))
        rows = [{"attributes": {"type": "Account"}, "Name": f"account {number:04d}"} for number in numbers]
        reply = requests.post(
            f"{login.url}/services/data/v62.0/composite/sobjects",
            json={"allOrNone": True, "records": rows},
            headers={"Authorization": f"Bearer {login.token}"},
            timeout=30,
        )
        assert all(each["success"] for each in reply.json())


@pytest.fixture(scope="session")
def node() -> NodeProject:
    """The Node clients; skipped by name where npm is missing, an error where it cannot install them."""
    return installed_or_skipped()


def installed_or_skipped() -> NodeProject:
    path = npm()
    if path is None:
        pytest.skip("npm is not installed: jsforce, the Salesforce CLI and the org package are not tested")
    return install(path)
