"""The one requests session: time-outs, counting, retry of passing faults, renewal of the token, loopback
over http.

simple-salesforce and our own Bulk functions share it, so a token is renewed in mid-run wherever it expires.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.errors import (
    LIMIT_CODES,
    PASSING_CODES,
    HalfPage,
    LimitReached,
    SalesforceProblem,
    ServerFault,
    SessionRefused,
    UnreachableHost,
    UnsafeTarget,
)
from connectors.salesforce.connection.replies import faults_of

PASSING_STATUSES = frozenset({429, 500, 502, 503, 504})
# A refusal before any work was done: repeating cannot do the work twice.
_UNTOUCHED_STATUSES = frozenset({429, 503})


@dataclass(frozen=True)
class RetryPolicy:
    """How passing faults are met. Waits are in seconds; `sleep` is replaced in tests."""

    attempts: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Token:
    """An access token and the org it opens. The token never shows in a repr."""

    access_token: str = field(repr=False)
    instance_url: str
    user_id: str


class _Passing(Exception):
    """A fault worth repeating; `problem` is what to report when it does not pass."""

    def __init__(self, problem: SalesforceProblem, retry_after_seconds: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds


def is_loopback(url: str) -> bool:
    """True when the host of the url is this machine by its address or by the name localhost."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackAdapter(HTTPAdapter):
    """Sends https requests for a loopback host as plain http: simple-salesforce insists on https."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises UnsafeTarget for any host but this machine: a token must not leave it unencrypted."""
        url = request.url or ""
        if not is_loopback(url):
            raise UnsafeTarget(
                "plain http refused", where=urlsplit(url).netloc, remedy="use https for a real org"
            )
        request.url = "http" + url.removeprefix("https").removeprefix("http")
        return super().send(request, *args, **kwargs)


class SalesforceSession(requests.Session):
    """A session bound to one org.

    `login` yields a fresh token and is called again when the org answers 401 INVALID_SESSION_ID; a second
    401 in a row raises SessionRefused. A kind of fault that outlasted the retries of one call gets a single
    attempt in all later ones, until `trust_again`. Raises UnreachableHost, ServerFault, LimitReached,
    HalfPage and BudgetExhausted; other replies, good or bad, are returned.
    """

    def __init__(
        self,
        *,
        login: Callable[[], Token] | None = None,
        budget: ApiBudget | None = None,
        retry: RetryPolicy | None = None,
        timeout_seconds: tuple[float, float] = (10.0, 120.0),
    ) -> None:
        super().__init__()
        self.budget = budget or ApiBudget()
        self.calls = 0
        self.org_clock: datetime | None = None
        self._login = login
        self.retry_policy = retry or RetryPolicy()
        self._timeout_seconds = timeout_seconds
        self._token: Token | None = None
        self._renewing = threading.Lock()
        self._lasting: set[type[SalesforceProblem]] = set()

    def allow_loopback(self, url: str) -> None:
        """Speak plain http with this loopback host. Raises UnsafeTarget for any other."""
        parts = urlsplit(url)
        if not is_loopback(url):
            raise UnsafeTarget("plain http refused", where=parts.netloc, remedy="use https for a real org")
        # Proxies from the environment would take the call away from this machine.
        self.trust_env = False
        for scheme in ("https", "http"):
            self.mount(f"{scheme}://{parts.netloc}", LoopbackAdapter())

    def token(self) -> Token:
        """The token in use; logs in at first use."""
        # Of several threads that meet an expired token, one renews it: a login may be good for one use only.
        with self._renewing:
            if self._token is None:
                if self._login is None:
                    raise SessionRefused("this session has no login", remedy="connect with credentials")
                self._token = self._login()
            return self._token

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """One call with everything that makes it dependable; see the class for what it raises."""
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout_seconds
        retrying = Retrying(
            stop=stop_after_attempt(self.retry_policy.attempts),
            wait=self._wait_seconds,
            retry=retry_if_exception(self._may_pass),
            sleep=self.retry_policy.sleep,
            reraise=True,
        )
        try:
            return retrying(self._send_authorized, request, **kwargs)
        except LimitReached:
            # Of the day, since it is none that passes: asking again would only tell the same.
            self.budget.is_closed = True
            raise
        except _Passing as fault:
            self._lasting.add(type(fault.problem))
            raise fault.problem from None

    def trust_again(self) -> None:
        """Give faults that outlasted their retries the full number of attempts again."""
        self._lasting.clear()

    def _may_pass(self, fault: BaseException) -> bool:
        return isinstance(fault, _Passing) and type(fault.problem) not in self._lasting

    def _wait_seconds(self, state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        longest = self.retry_policy.longest_wait_seconds
        if isinstance(fault, _Passing) and fault.retry_after_seconds is not None:
            return min(fault.retry_after_seconds, longest)
        return wait_random_exponential(multiplier=self.retry_policy.first_wait_seconds, max=longest)(state)

    def _send_authorized(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if self._login is None:
            return self._send_once(request, **kwargs)
        for is_renewed in (False, True):
            token = self.token()
            request.headers["Authorization"] = f"Bearer {token.access_token}"
            response = self._send_once(request, **kwargs)
            if response.status_code != requests.codes.unauthorized:
                return response
            with self._renewing:
                self._token = None if self._token is token else self._token
            if is_renewed:
                break
        raise SessionRefused(
            "the org refuses even a renewed login",
            where=_place(request),
            remedy="check that the integration user is active and may use the API",
        )

    def _send_once(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if self._login is not None:
            self.budget.spend()
        self.calls += 1
        try:
            response = super().send(request, **kwargs)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _connection_fault(request, error) from None
        self._note(response)
        _raise_for_passing(request, response)
        return response

    def _note(self, response: requests.Response) -> None:
        self.budget.observe(response.headers)
        if date := response.headers.get("Date"):
            self.org_clock = parsedate_to_datetime(date)


def _place(request: requests.PreparedRequest) -> str:
    # The query string can hold whole SOQL statements, which do not belong in a one-line message.
    parts = urlsplit(request.url or "")
    return f"{request.method} {parts.netloc}{parts.path}"


def _is_repeatable(request: requests.PreparedRequest) -> bool:
    """Whether doing it twice leaves the org as doing it once: false only for creating records."""
    path = urlsplit(request.url or "").path
    return request.method != "POST" or "/jobs/query" in path or "/oauth2/" in path


def _connection_fault(request: requests.PreparedRequest, error: requests.RequestException) -> Exception:
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        half = HalfPage("a reply broke off", where=_place(request), remedy="run again; what landed is kept")
        return _Passing(half) if _is_repeatable(request) else half
    was_sent = not isinstance(error, requests.ConnectTimeout) and "NewConnectionError" not in repr(error)
    problem = UnreachableHost(
        "the connection broke before an answer came" if was_sent else "the host cannot be reached",
        where=_place(request),
        remedy="check the address and the network, then run again",
    )
    return problem if was_sent and not _is_repeatable(request) else _Passing(problem)


def _raise_for_passing(request: requests.PreparedRequest, response: requests.Response) -> None:
    if response.ok:
        return
    faults = faults_of(response)
    codes = {fault.code for fault in faults}
    words = "; ".join(map(str, faults)) or f"HTTP {response.status_code}"
    # "Concurrent requests" passes in a moment; the day's total does not.
    is_momentary = response.status_code == requests.codes.too_many_requests or "concurrent" in words.lower()
    is_limit = bool(codes & LIMIT_CODES) or response.status_code == requests.codes.too_many_requests
    if is_limit and not is_momentary:
        raise _limit_reached(words, request)
    if response.status_code not in PASSING_STATUSES and not codes & PASSING_CODES and not is_limit:
        return
    problem = (
        _limit_reached(words, request)
        if is_limit
        else ServerFault(f"the server kept failing: {words}", where=_place(request), remedy="run again later")
    )
    # A limit refuses before any work is done.
    if is_limit or _is_repeatable(request) or response.status_code in _UNTOUCHED_STATUSES:
        raise _Passing(problem, _retry_after_seconds(response))
    raise problem


def _limit_reached(words: str, request: requests.PreparedRequest) -> LimitReached:
    return LimitReached(
        f"the org's API limit is reached: {words}",
        where=_place(request),
        remedy="run again when the 24 hours have moved on; what landed is kept",
    )


def _retry_after_seconds(response: requests.Response) -> float | None:
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
