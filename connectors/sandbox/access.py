"""Who may call and how often: OAuth tokens and the org's count of API requests."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from connectors.sandbox.errors import SalesforceError

DEFAULT_CLIENT_ID = "gyakusan-sandbox"
DEFAULT_CLIENT_SECRET = "gyakusan-sandbox-secret"
DEFAULT_DAILY_REQUESTS = 100_000
SECRET_VARIABLE = "GYAKUSAN_SANDBOX_SECRET"
"""Environment variable by which a child process is given its client secret."""


class OAuthError(Exception):
    """A refused login: error and error_description of the reply."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass
class Tokens:
    """Access tokens given out by this server."""

    client_id: str
    client_secret: str
    valid: set[str] = field(default_factory=set)

    def grant(self, form: Mapping[str, str], authorization: str, organization_id: str) -> str:
        """A new token for a client-credentials or password login; OAuthError when refused."""
        grant_type = form.get("grant_type", "")
        if grant_type not in ("client_credentials", "password"):
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        client_id, client_secret = _client(form, authorization)
        if client_id != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if client_secret != self.client_secret:
            raise OAuthError("invalid_client", "invalid client credentials")
        if grant_type == "password" and not form.get("password", "").startswith(self.client_secret):
            raise OAuthError("invalid_grant", "authentication failure")
        token = f"{organization_id[:15]}!{secrets.token_urlsafe(48)}"
        self.valid.add(token)
        return token

    def check(self, authorization: str) -> None:
        """Raises 401 INVALID_SESSION_ID unless the header carries a valid token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or token.strip() not in self.valid:
            raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", 401)

    def expire_all(self) -> None:
        """Makes every token given out so far invalid."""
        self.valid.clear()


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError as error:
        raise OAuthError("invalid_client", "invalid client credentials") from error
    return client_id, client_secret


@dataclass
class RequestCount:
    """API requests of the org's current day against its limit."""

    maximum: int = DEFAULT_DAILY_REQUESTS
    used: int = 0
    day: date | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, today: date) -> None:
        """Counts one request; 403 REQUEST_LIMIT_EXCEEDED once the day's limit is used up."""
        with self._lock:
            if self.day != today:
                self.day, self.used = today, 0
            if self.used >= self.maximum:
                raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
            self.used += 1

    @property
    def header(self) -> str:
        """The value of Sforce-Limit-Info."""
        return f"api-usage={self.used}/{self.maximum}"
