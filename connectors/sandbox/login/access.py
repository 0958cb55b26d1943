"""Who may call and how often: tokens, the users they act as, and the org's count of API requests."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import date, datetime

from connectors.sandbox.errors import SalesforceError

DEFAULT_CLIENT_ID = "gyakusan-sandbox"
DEFAULT_CLIENT_SECRET = "gyakusan-sandbox-secret"
DEFAULT_DAILY_REQUESTS = 100_000
SECRET_VARIABLE = "GYAKUSAN_SANDBOX_SECRET"
"""Environment variable by which a child process is given its client secret."""


@dataclass(frozen=True)
class Access:
    """What a token opens: the user it acts as, and when it was given out (aware, UTC)."""

    user_id: str
    issued_at: datetime


@dataclass
class Tokens:
    """The connected app of this server and the tokens given out to its clients.

    `public_key` is an RSA public key in PEM form; without one, signed assertions are refused. A refresh token
    outlives the access tokens made from it, unless the app `rotates`: then each is good for one use, and a second use
    ends every session of its user. Access tokens last until they are revoked or expired.
    """

    client_id: str
    client_secret: str = field(repr=False)
    public_key: bytes = field(default=b"", repr=False)
    access: dict[str, Access] = field(default_factory=dict, repr=False)
    refresh: dict[str, str] = field(default_factory=dict, repr=False)
    spent: dict[str, str] = field(default_factory=dict, repr=False)
    rotates: bool = False

    def issue(self, organization_id: str, user_id: str, issued_at: datetime) -> str:
        """A new access token of a user, in the form Salesforce's own clients recognise: `00D…!…`."""
        token = f"{organization_id[:15]}!AQ{secrets.token_hex(40)}"
        self.access[token] = Access(user_id, issued_at)
        return token

    def issue_refresh(self, user_id: str) -> str:
        """A new refresh token of a user."""
        token = f"5Aep861{secrets.token_hex(40)}"
        self.refresh[token] = user_id
        return token

    def check(self, authorization: str) -> Access:
        """What the token of an Authorization header opens; 401 INVALID_SESSION_ID unless it is valid."""
        scheme, _, token = authorization.partition(" ")
        found = self.access.get(token.strip())
        if scheme.lower() not in ("bearer", "oauth") or found is None:
            raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", 401)
        return found

    def use_refresh(self, token: str) -> tuple[str, str | None] | None:
        """The user of a refresh token and, when tokens rotate, the one in its place; None when it is good for nothing."""
        if token in self.spent:
            self._end_sessions(self.spent[token])
        user_id = self.refresh.get(token)
        if user_id is None or not self.rotates:
            return None if user_id is None else (user_id, None)
        self.spent[token] = self.refresh.pop(token)
        return user_id, self.issue_refresh(user_id)

    def _end_sessions(self, user_id: str) -> None:
        self.access = {name: each for name, each in self.access.items() if each.user_id != user_id}
        self.refresh = {name: each for name, each in self.refresh.items() if each != user_id}

    def revoke(self, token: str) -> bool:
        """Makes a token invalid, with a refresh token all access tokens of its user; False when it is not known."""
        user_id = self.refresh.pop(token, None)
        if user_id is None:
            return self.access.pop(token, None) is not None
        self.access = {name: each for name, each in self.access.items() if each.user_id != user_id}
        return True

    def expire_all(self) -> None:
        """Makes every access token given out so far invalid."""
        self.access.clear()


@dataclass
class RequestCount:
    """API requests of the org's current day against its limit."""

    maximum: int = DEFAULT_DAILY_REQUESTS
    used: int = 0
    day: date | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, today: date, count: int = 1) -> None:
        """Counts requests; 403 REQUEST_LIMIT_EXCEEDED once the day's limit is used up."""
        with self._lock:
            if self.day != today:
                self.day, self.used = today, 0
            if count and self.used >= self.maximum:
                raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
            self.used = min(self.used + count, self.maximum)

    @property
    def header(self) -> str:
        """The value of Sforce-Limit-Info."""
        return f"api-usage={self.used}/{self.maximum}"
