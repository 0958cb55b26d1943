"""The ways to a token: OAuth grants of a connected app, and user name with password as SOAP's login() takes them.

Every active user of the org may log in. Their password is the client secret of the connected app, which a security
token may follow: the sandbox keeps no passwords of its own.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from connectors.sandbox.login.access import Tokens
from connectors.sandbox.login.assertions import BadAssertion, verified_claims
from connectors.sandbox.records.store import Org

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})
LONGEST_ASSERTION = timedelta(minutes=5)
_CLOCK_LEEWAY_SECONDS = 30
_LATEST_SECONDS = 1e11
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1"})


class OAuthError(Exception):
    """A refused login: error and error_description of the reply."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Granted:
    """A login that succeeded."""

    access_token: str = field(repr=False)
    user_id: str
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Code:
    """An authorization code waiting to be exchanged."""

    user_id: str
    redirect_uri: str
    challenge: str


@dataclass
class Logins:
    """The token endpoint's rules.

    `busy_replies` is how many token requests are yet to be told to come again. An assertion is in time by the machine's clock or by the org's, which may be set to another day: a client goes by
    its own clock or by the Date header.
    """

    org: Org
    tokens: Tokens
    machine_clock: Callable[[], datetime]
    codes: dict[str, _Code] = field(default_factory=dict, repr=False)
    busy_replies: int = 0

    def grant(self, form: Mapping[str, str], authorization: str, host: str) -> Granted:
        """A token for what the form asks; OAuthError when refused. `host` is the one the caller reached us by."""
        if self.busy_replies > 0:
            self.busy_replies -= 1
            raise OAuthError("unknown_error", "retry your request")
        grants = {
            "client_credentials": self._client_credentials,
            "password": self._password,
            "refresh_token": self._refresh_token,
            "authorization_code": self._authorization_code,
        }
        grant_type = form.get("grant_type", "")
        if grant_type == JWT_GRANT:
            return self._assertion(form, host)
        if grant_type not in grants:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return grants[grant_type](form, authorization)

    def password_login(self, username: str, password: str) -> Granted:
        """User name and password (with or without a security token); OAuthError when refused."""
        if not password.startswith(self.tokens.client_secret):
            raise OAuthError("invalid_grant", "authentication failure")
        return self._of(self.active_user(username))

    def active_user(self, username: str) -> str:
        """The id of the active user of a name in any case; OAuthError when there is none."""
        sql = 'select "Id", "IsActive" from "User" where lower("Username") = lower($1)'
        rows = self.org.fetch_rows(sql, [username])
        if not rows:
            raise OAuthError("invalid_grant", "authentication failure")
        if not rows[0]["IsActive"]:
            raise OAuthError("invalid_grant", "inactive user")
        return str(rows[0]["Id"])

    def check_client(self, form: Mapping[str, str], authorization: str) -> None:
        """OAuthError unless the form or Basic authorization carries the connected app's id and secret."""
        client_id, client_secret = _client(form, authorization)
        self._check_client_id(client_id)
        if not secrets.compare_digest(client_secret.encode(), self.tokens.client_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")

    def code(self, query: Mapping[str, str]) -> str:
        """A code for the web server flow. The sandbox asks no consent and leads back to this machine only."""
        self._check_client_id(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        if urlsplit(redirect_uri).hostname not in _LOCAL_HOSTS:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        username = query.get("login_hint")
        user_id = self.active_user(username) if username else self.org.integration_user_id
        code = secrets.token_hex(24)
        self.codes[code] = _Code(user_id, redirect_uri, query.get("code_challenge", ""))
        return code

    def _check_client_id(self, client_id: str) -> None:
        if client_id != self.tokens.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")

    def _of(self, user_id: str, refresh_token: str | None = None) -> Granted:
        issued = self.tokens.issue(self.org.organization_id, user_id, self.machine_clock())
        return Granted(issued, user_id, refresh_token)

    def _client_credentials(self, form: Mapping[str, str], authorization: str) -> Granted:
        self.check_client(form, authorization)
        return self._of(self.org.integration_user_id)

    def _password(self, form: Mapping[str, str], authorization: str) -> Granted:
        self.check_client(form, authorization)
        return self.password_login(form.get("username", ""), form.get("password", ""))

    def _refresh_token(self, form: Mapping[str, str], authorization: str) -> Granted:
        # A public client has no secret; when one is given it has to be right.
        client_id, client_secret = _client(form, authorization)
        self._check_client_id(client_id)
        if client_secret:
            self.check_client(form, authorization)
        used = self.tokens.use_refresh(form.get("refresh_token", ""))
        if used is None:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        return self._of(*used)

    def _authorization_code(self, form: Mapping[str, str], authorization: str) -> Granted:
        self._check_client_id(_client(form, authorization)[0])
        code = self.codes.pop(form.get("code", ""), None)
        if code is None:
            raise OAuthError("invalid_grant", "invalid authorization code")
        if form.get("redirect_uri", "") != code.redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge != _challenge(form.get("code_verifier", "")):
            raise OAuthError("invalid_grant", "invalid code verifier")
        if not code.challenge:
            self.check_client(form, authorization)
        return self._of(code.user_id, self.tokens.issue_refresh(code.user_id))

    def _assertion(self, form: Mapping[str, str], host: str) -> Granted:
        claims = _claims(form.get("assertion", ""), self.tokens.public_key)
        self._check_client_id(str(claims.get("iss", "")))
        audience = str(claims.get("aud", ""))
        if (urlsplit(audience).netloc or audience) not in LOGIN_HOSTS | {host}:
            raise OAuthError("invalid_grant", "audience is invalid")
        clocks = (self.machine_clock(), self.org.now())
        left = min((_seconds(claims.get("exp")) - each.timestamp() for each in clocks), key=abs)
        if left < -_CLOCK_LEEWAY_SECONDS:
            raise OAuthError("invalid_grant", "expired authorization code")
        if left > LONGEST_ASSERTION.total_seconds() + _CLOCK_LEEWAY_SECONDS:
            raise OAuthError("invalid_grant", "assertion is valid for too long")
        username = claims.get("sub") or claims.get("prn")
        try:
            return self._of(self.active_user(str(username)))
        except OAuthError as error:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer") from error


def _claims(assertion: str, public_key: bytes) -> Mapping[str, object]:
    if not public_key:
        raise OAuthError(
            "invalid_client", "no certificate is configured: start the sandbox with --certificate"
        )
    try:
        return verified_claims(assertion, public_key)
    except BadAssertion as error:
        raise OAuthError("invalid_grant", "invalid assertion") from error


def _seconds(value: object) -> float:
    try:
        given = float(str(value))
        # Salesforce's own command line writes milliseconds, and Salesforce takes them.
        return datetime.fromtimestamp(given / 1000 if given > _LATEST_SECONDS else given, UTC).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise OAuthError("invalid_grant", "invalid assertion") from error


def _challenge(verifier: str) -> str:
    if not verifier:
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError as error:
        raise OAuthError("invalid_client", "invalid client credentials") from error
    return client_id, client_secret
