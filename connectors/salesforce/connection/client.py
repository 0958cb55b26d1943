"""A logged-in client: simple-salesforce over our session, with its errors put into words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import requests

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.connection.login import Credentials, check_target, fetch_token
from connectors.salesforce.connection.replies import faults_in, faults_of, refusal
from connectors.salesforce.connection.session import RetryPolicy, SalesforceSession, is_loopback
from connectors.salesforce.schema.describe import Described, ObjectFlags, read_description, read_object_list

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce

API_VERSION = "62.0"


class SalesforceClient:
    """One org, one login, one session, one budget."""

    def __init__(self, session: SalesforceSession, *, api_version: str = API_VERSION) -> None:
        self.session = session
        self.api_version = api_version

    @cached_property
    def salesforce(self) -> Salesforce:
        """simple-salesforce on our session, which puts the real token on each call and renews it."""
        from simple_salesforce.api import Salesforce

        return Salesforce(
            instance_url=self.instance_url,
            session_id="held by the session",
            session=self.session,
            version=self.api_version,
        )

    @property
    def instance_url(self) -> str:
        """Address of the org without a trailing slash."""
        return self.session.token().instance_url

    @property
    def user_id(self) -> str:
        """Id of the user we are logged in as."""
        return self.session.token().user_id

    @property
    def budget(self) -> ApiBudget:
        return self.session.budget

    @property
    def is_local(self) -> bool:
        """True when the org is the sandbox on this machine."""
        return is_loopback(self.instance_url)

    def org_clock(self) -> datetime | None:
        """The server's clock at its last reply, from the Date header."""
        return self.session.org_clock

    def url(self, path: str) -> str:
        """Full address of a path: from the host's root when it starts with a slash, else below the API
        version.
        """
        if path.startswith("/"):
            return f"{self.instance_url}{path}"
        return f"{self.instance_url}/services/data/v{self.api_version}/{path}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One call; a refusal is raised as the SalesforceProblem that fits. `options` as for requests."""
        response = self.session.request(method, self.url(path), **options)
        if not response.ok:
            raise refusal(
                response.status_code, faults_of(response), where=f"{method} {path.partition('?')[0]}"
            )
        return response

    def restful(self, path: str, method: str = "GET", **options: Any) -> Any:
        """A call through simple-salesforce, answered as parsed JSON (None when there is no body)."""
        from simple_salesforce.exceptions import SalesforceError

        try:
            return self.salesforce.restful(path, method=method, **options)
        except SalesforceError as error:
            raise refusal(
                error.status, faults_in(error.content), where=f"{method} {path.partition('?')[0]}"
            ) from None

    def objects(self) -> Mapping[str, ObjectFlags]:
        """All objects the org shows this user, with what can be done with them; one call."""
        return read_object_list(self.restful("sobjects"))

    def describe(self, object_name: str) -> Described:
        """Fields the org shows. Raises MissingObject when it shows none of the object."""
        return read_description(object_name, self.restful(f"sobjects/{object_name}/describe"))

    def limits(self) -> Mapping[str, Mapping[str, int]]:
        """The body of `/limits`, also taken over by the budget."""
        limits = cast(Mapping[str, Mapping[str, int]], self.restful("limits"))
        self.budget.observe_limits(limits)
        return limits

    def is_sandbox(self) -> bool:
        """Whether this org is none that people live on: local, or marked IsSandbox. False when it will not
        say.
        """
        if self.is_local:
            return True
        try:
            reply = self.restful("query", params={"q": "SELECT Id, IsSandbox FROM Organization LIMIT 1"})
        except SalesforceProblem:
            return False
        return bool(reply["records"] and reply["records"][0]["IsSandbox"])


def connect(
    credentials: Credentials,
    *,
    budget: ApiBudget | None = None,
    retry: RetryPolicy | None = None,
    api_version: str = API_VERSION,
    timeout_seconds: tuple[float, float] = (10.0, 120.0),
) -> SalesforceClient:
    """Log in and bind a session to the org. Raises WrongCredentials, UnreachableHost, UnsafeTarget,
    ServerFault.
    """
    session = SalesforceSession(
        login=lambda: fetch_token(credentials, retry=retry),
        budget=budget,
        retry=retry,
        timeout_seconds=timeout_seconds,
    )
    check_target(session.token().instance_url, session)
    return SalesforceClient(session, api_version=api_version)
