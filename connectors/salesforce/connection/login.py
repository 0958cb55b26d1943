"""Credentials, and the OAuth token endpoint by four flows: client credentials, JWT bearer, refresh token, and user
name with password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests

from connectors.salesforce.connection.errors import UnsafeTarget, WrongCredentials
from connectors.salesforce.connection.replies import faults_of
from connectors.salesforce.connection.secret_files import read_secret, replace_secret
from connectors.salesforce.connection.session import RetryPolicy, SalesforceSession, Token, is_loopback

ENVIRONMENT_PREFIX = "GYAKUSAN_SALESFORCE_"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce takes no assertion that is valid for longer than five minutes.
ASSERTION_LIFETIME = timedelta(minutes=3)
_TOLERATED_CLOCK_ERROR = timedelta(minutes=1)
_IN_FILES = ("PRIVATE_KEY", "REFRESH_TOKEN")
"""What may also be given as the name of a file, in the variable with _FILE behind it."""
_PASSING_WORDS = ("retry your request", "already being processed")
"""Refusals by which Salesforce only means that the same login is to be asked for again."""
_TEST_HOSTS = (".sandbox.my.salesforce.com", ".scratch.my.salesforce.com")


@dataclass(frozen=True)
class Flow:
    """One way to log in: the variable that chooses it (without its prefix), and what else it needs or may have."""

    name: str
    chosen_by: str
    needs: tuple[str, ...]
    may_have: tuple[str, ...]
    remedy: str


FLOWS = (
    Flow(
        "JWT bearer", "PRIVATE_KEY", ("USERNAME",), ("LOGIN_AUDIENCE",),
        "check that the app holds the certificate of this key, that it is pre-authorized for the user, and the audience",
    ),
    Flow(
        "refresh token", "REFRESH_TOKEN", (), ("CLIENT_SECRET",),
        "authorize the app again for a new refresh token",
    ),
    Flow(
        "user name and password", "PASSWORD", ("USERNAME", "CLIENT_SECRET"), ("SECURITY_TOKEN",),
        "check the user name, the password and its security token, and that the org allows the username-password flow",
    ),
    Flow(
        "client credentials", "CLIENT_SECRET", (), (),
        "check the client id, the secret and the flow allowed for the connected app",
    ),
)  # fmt: skip
"""In the order in which they are tried: the first whose variable is set is the one."""
_REFRESH, _CLIENT_CREDENTIALS = FLOWS[1], FLOWS[-1]


@dataclass(frozen=True)
class Credentials:
    """What it takes to log in. `login_url` is the org's own domain; nothing secret shows in the repr.

    The flow follows from what is given: a private key (PEM) means JWT bearer for `username`, a refresh token the
    refresh of it, a password user name and password (the security token directly behind it), none of them client
    credentials. `audience` is only for JWT logins whose authorization server is neither login nor test.salesforce.com.
    Of an app that rotates its refresh tokens the current one is kept in `refresh_token_file`.
    """

    login_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    audience: str = ""
    refresh_token_file: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """From GYAKUSAN_SALESFORCE_URL, _CLIENT_ID and the variables of one flow (see FLOWS).

        Raises WrongCredentials naming the variables that are missing, or set beside those of the flow.
        """
        given = {
            name.removeprefix(ENVIRONMENT_PREFIX): value
            for name, value in environment.items()
            if name.startswith(ENVIRONMENT_PREFIX) and value
        }
        for name in _IN_FILES:
            if name in given and f"{name}_FILE" in given:
                remedy = f"unset {_variables([name])} or {_variables([f'{name}_FILE'])}"
                raise _refused("a secret is given twice", remedy)
        _check_flow(given)
        return cls(
            login_url=given["URL"].rstrip("/"),
            client_id=given["CLIENT_ID"],
            client_secret=given.get("CLIENT_SECRET", ""),
            username=given.get("USERNAME", ""),
            password=given.get("PASSWORD", "") + given.get("SECURITY_TOKEN", ""),
            private_key=_private_key(given),
            refresh_token=given.get("REFRESH_TOKEN", ""),
            audience=given.get("LOGIN_AUDIENCE", ""),
            refresh_token_file=given.get("REFRESH_TOKEN_FILE", ""),
        )

    @property
    def flow(self) -> Flow:
        """The flow by which these credentials log in."""
        given = {
            "PRIVATE_KEY": self.private_key,
            "REFRESH_TOKEN": self.refresh_token or self.refresh_token_file,
            "PASSWORD": self.password,
        }
        return next((each for each in FLOWS if given.get(each.chosen_by)), _CLIENT_CREDENTIALS)

    def form(self, now: datetime) -> dict[str, str]:
        """The body of the token request; `now` (aware) is when an assertion starts to count."""
        if self.private_key:
            return {"grant_type": JWT_GRANT, "assertion": _assertion(self, now)}
        shared = {"client_id": self.client_id}
        shared |= {"client_secret": self.client_secret} if self.client_secret else {}
        if self.refresh_token or self.refresh_token_file:
            return {"grant_type": "refresh_token", **shared, "refresh_token": _current_refresh_token(self)}
        if self.password:
            return {"grant_type": "password", **shared, "username": self.username, "password": self.password}
        return {"grant_type": "client_credentials", **shared}


def _check_flow(given: Mapping[str, str]) -> None:
    """Raises WrongCredentials unless the variables given are those of exactly one flow."""
    named = {_secret(name) for name in given}
    flow = next((each for each in FLOWS if each.chosen_by in named), None)
    if flow is None or (flow is _CLIENT_CREDENTIALS and "USERNAME" in named):
        # A user name alone leaves open whether a password or a key is to follow.
        wanted = ["URL", "CLIENT_ID", "CLIENT_SECRET", *(["PASSWORD"] if "USERNAME" in named else [])]
        _check_missing(named, wanted, f", or {_variables(['PRIVATE_KEY_FILE'])} to log in by key")
        return
    _check_missing(named, ["URL", "CLIENT_ID", *flow.needs])
    known = {name for each in FLOWS for name in (each.chosen_by, *each.needs, *each.may_have)}
    known -= {flow.chosen_by, *flow.needs, *flow.may_have}
    foreign = sorted(name for name in given if _secret(name) in known)
    if foreign:
        chosen_by = _variables([name for name in given if _secret(name) == flow.chosen_by])
        raise _refused(
            f"the credentials are ambiguous: {chosen_by} asks for the {flow.name} flow, which has no use for "
            f"{_variables(foreign)}",
            f"unset {_variables(foreign)}, or {chosen_by}",
        )


def _secret(name: str) -> str:
    """A variable's name without _FILE where that only says that the secret stands in a file."""
    return name.removesuffix("_FILE") if name.removesuffix("_FILE") in _IN_FILES else name


def _check_missing(named: set[str], wanted: list[str], or_else: str = "") -> None:
    missing = [each for each in wanted if each not in named]
    if missing:
        raise _refused("credentials are incomplete", f"set {_variables(missing)}{or_else}")


def _variables(names: list[str]) -> str:
    return ", ".join(f"{ENVIRONMENT_PREFIX}{name}" for name in names)


def _refused(what: str, remedy: str) -> WrongCredentials:
    return WrongCredentials(what, where="environment", remedy=remedy)


def _private_key(given: Mapping[str, str]) -> str:
    # Where variables hold one line only, keys are written with \n for the ends of their lines.
    if "PRIVATE_KEY_FILE" not in given:
        return given.get("PRIVATE_KEY", "").replace("\\n", "\n")
    return read_secret(Path(given["PRIVATE_KEY_FILE"]), "private key", _variables(["PRIVATE_KEY_FILE"]))


def _current_refresh_token(credentials: Credentials) -> str:
    if not credentials.refresh_token_file:
        return credentials.refresh_token
    path = Path(credentials.refresh_token_file)
    return read_secret(path, "refresh token", _variables(["REFRESH_TOKEN_FILE"])).strip()


def _is_replaced(credentials: Credentials, new: object) -> bool:
    return bool(new) and new != _current_refresh_token(credentials)


def _keep_refresh_token(credentials: Credentials, new: str) -> None:
    """Keeps the token that replaced the one used, which is worth nothing from now on."""
    variable = _variables(["REFRESH_TOKEN_FILE"])
    if not credentials.refresh_token_file:
        raise WrongCredentials(
            "the app replaces its refresh tokens whenever they are used, and there is no place to keep the new one",
            where=urlsplit(credentials.login_url).netloc,
            remedy=f"authorize the app again and put the refresh token into a file named by {variable}",
        )
    replace_secret(Path(credentials.refresh_token_file), new, "refresh token", variable)


def machine_clock() -> datetime:
    """The machine's clock, for what only the machine's own clock can say: until when an assertion counts."""
    return datetime.now(UTC)


def _assertion(credentials: Credentials, now: datetime) -> str:
    """A signed assertion that the app speaks for the user. Raises WrongCredentials for a key that is none."""
    import jwt

    claims = {
        "iss": credentials.client_id,
        "sub": credentials.username,
        "aud": credentials.audience or default_audience(credentials.login_url),
        "exp": int((now + ASSERTION_LIFETIME).timestamp()),
    }
    try:
        return jwt.encode(claims, credentials.private_key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):
        # The library's words may quote the key.
        raise WrongCredentials(
            "the private key is no RSA key in PEM form, or is protected by a passphrase",
            where="environment",
            remedy=f"give an RSA key without passphrase in {_variables(['PRIVATE_KEY_FILE'])}",
        ) from None


def default_audience(login_url: str) -> str:
    """The authorization server an assertion is meant for: test.salesforce.com for sandboxes and scratch orgs."""
    host = urlsplit(login_url).hostname or ""
    is_test = host == "test.salesforce.com" or host.endswith(_TEST_HOSTS)
    return f"https://{'test' if is_test else 'login'}.salesforce.com"


def fetch_token(
    credentials: Credentials,
    *,
    retry: RetryPolicy | None = None,
    clock: Callable[[], datetime] = machine_clock,
) -> Token:
    """Log in. Raises WrongCredentials, UnreachableHost, UnsafeTarget, ServerFault."""
    session = SalesforceSession(retry=retry)
    check_target(credentials.login_url, session)
    response = _ask(session, credentials, clock())
    if not response.ok and credentials.private_key and _is_off(clock(), session.org_clock):
        # An assertion lives for minutes: a machine whose clock is further off than that signs by the server's.
        response = _ask(session, credentials, session.org_clock or clock())
    if not response.ok:
        raise WrongCredentials(
            f"the login by {credentials.flow.name} was refused: "
            + ("; ".join(map(str, faults_of(response))) or f"HTTP {response.status_code}"),
            where=urlsplit(credentials.login_url).netloc,
            remedy=credentials.flow.remedy,
        )
    return _token(response, credentials)


def _ask(session: SalesforceSession, credentials: Credentials, now: datetime) -> requests.Response:
    policy = session.retry_policy
    for attempt in range(policy.attempts):
        response = session.post(f"{credentials.login_url}/services/oauth2/token", data=credentials.form(now))
        words = "" if response.ok else " ".join(map(str, faults_of(response))).lower()
        if not any(each in words for each in _PASSING_WORDS):
            break
        policy.sleep(min(policy.first_wait_seconds * 2**attempt, policy.longest_wait_seconds))
    return response


def _is_off(ours: datetime, theirs: datetime | None) -> bool:
    return theirs is not None and abs(theirs - ours) > _TOLERATED_CLOCK_ERROR


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
    if credentials.flow is _REFRESH and _is_replaced(credentials, body.get("refresh_token")):
        _keep_refresh_token(credentials, str(body["refresh_token"]))
    instance_url = str(body.get("instance_url") or credentials.login_url).rstrip("/")
    if is_loopback(instance_url) and not is_loopback(credentials.login_url):
        # A login over https is never followed by plain http, whatever the reply names.
        instance_url = credentials.login_url
    return Token(access_token, instance_url, user_id=str(body.get("id", "")).rsplit("/", 1)[-1])
