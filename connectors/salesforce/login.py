"""Credentials and the OAuth token endpoint: client credentials, or user name and password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from connectors.salesforce.errors import UnsafeTarget, WrongCredentials
from connectors.salesforce.replies import faults_of
from connectors.salesforce.session import RetryPolicy, SalesforceSession, Token, is_loopback

ENVIRONMENT_PREFIX = "GYAKUSAN_SALESFORCE_"


@dataclass(frozen=True)
class Credentials:
    """What it takes to log in. `login_url` is the org's own domain; nothing secret shows in the repr.

    With `username` the password flow is used (`password` followed by the security token), else client
    credentials.
    """

    login_url: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """From GYAKUSAN_SALESFORCE_URL, _CLIENT_ID, _CLIENT_SECRET and, for the password flow, _USERNAME,
        _PASSWORD.

        Raises WrongCredentials naming the variables that are not set.
        """
        needed = ["URL", "CLIENT_ID", "CLIENT_SECRET"]
        if environment.get(f"{ENVIRONMENT_PREFIX}USERNAME"):
            needed.append("PASSWORD")
        missing = [
            f"{ENVIRONMENT_PREFIX}{name}"
            for name in needed
            if not environment.get(f"{ENVIRONMENT_PREFIX}{name}")
        ]
        if missing:
            raise WrongCredentials(
                "credentials are incomplete", where="environment", remedy=f"set {', '.join(missing)}"
            )
        return cls(
            login_url=environment[f"{ENVIRONMENT_PREFIX}URL"].rstrip("/"),
            client_id=environment[f"{ENVIRONMENT_PREFIX}CLIENT_ID"],
            client_secret=environment[f"{ENVIRONMENT_PREFIX}CLIENT_SECRET"],
            username=environment.get(f"{ENVIRONMENT_PREFIX}USERNAME", ""),
            password=environment.get(f"{ENVIRONMENT_PREFIX}PASSWORD", ""),
        )

    def form(self) -> dict[str, str]:
        """The body of the token request."""
        shared = {"client_id": self.client_id, "client_secret": self.client_secret}
        if not self.username:
            return {"grant_type": "client_credentials", **shared}
        return {"grant_type": "password", **shared, "username": self.username, "password": self.password}


def fetch_token(credentials: Credentials, *, retry: RetryPolicy | None = None) -> Token:
    """Log in. Raises WrongCredentials, UnreachableHost, UnsafeTarget, ServerFault."""
    session = SalesforceSession(retry=retry)
    check_target(credentials.login_url, session)
    response = session.post(f"{credentials.login_url}/services/oauth2/token", data=credentials.form())
    if not response.ok:
        raise WrongCredentials(
            "the login was refused: "
            + ("; ".join(map(str, faults_of(response))) or f"HTTP {response.status_code}"),
            where=urlsplit(credentials.login_url).netloc,
            remedy="check the client id, the secret and the flow allowed for the connected app",
        )
    return _token(response, credentials)


def check_target(url: str, session: SalesforceSession) -> None:
    """Let loopback through over http and everything else over https only. Raises UnsafeTarget."""
    if is_loopback(url):
        session.allow_loopback(url)
    elif urlsplit(url).scheme != "https":
        raise UnsafeTarget(
            "a real org is reached over https only", where=url, remedy="write https:// in the address"
        )


def _token(response: requests.Response, credentials: Credentials) -> Token:
    try:
        body = response.json()
        access_token = str(body["access_token"])
    except (requests.JSONDecodeError, KeyError):
        raise WrongCredentials(
            "the address answers, but not as Salesforce does",
            where=urlsplit(credentials.login_url).netloc,
            remedy="use the org's My Domain address",
        ) from None
    instance_url = str(body.get("instance_url") or credentials.login_url).rstrip("/")
    if is_loopback(instance_url) and not is_loopback(credentials.login_url):
        # A login over https is never followed by plain http, whatever the reply names.
        instance_url = credentials.login_url
    return Token(access_token, instance_url, user_id=str(body.get("id", "")).rsplit("/", 1)[-1])
