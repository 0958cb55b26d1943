"""The running sandbox: everything a request may touch, and the form of a request inside the routes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from starlette.responses import Response

from connectors.sandbox.bulk.ingest import IngestJobs
from connectors.sandbox.bulk.query_jobs import BulkJobs
from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.faults.faults import Faults
from connectors.sandbox.login.access import RequestCount, Tokens
from connectors.sandbox.login.logins import Logins
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject
from connectors.sandbox.soql.queries import QueryPages
from connectors.sandbox.soql.source import QueryContext

API_VERSION = "62.0"


@dataclass(frozen=True)
class Call:
    """One request as the routes see it: path parameters by name, query parameters (the last one wins).

    `user_id` is the user the caller acts as, empty where no token is asked for.
    """

    method: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    origin: str
    user_id: str = ""

    @property
    def version(self) -> str:
        return self.parameters.get("version", API_VERSION)

    @property
    def base(self) -> str:
        """The path of this API version."""
        return f"/services/data/v{self.version}"

    def json(self) -> dict[str, object]:
        """The body as a JSON object; JSON_PARSER_ERROR when it is none."""
        try:
            parsed = json.loads(self.body or b"null")
        except ValueError as error:
            raise SalesforceError("JSON_PARSER_ERROR", f"Unexpected character: {error}") from error
        if not isinstance(parsed, dict):
            raise SalesforceError(
                "JSON_PARSER_ERROR", "The HTTP entity body is required and must be a JSON object"
            )
        return parsed


@dataclass
class Server:
    """The state of one running sandbox.

    `dispatch` serves a request inside another one, given as (the outer one, method, address below the host, body).
    """

    org: Org
    tokens: Tokens
    machine_clock: Callable[[], datetime]
    requests: RequestCount = field(default_factory=RequestCount)
    faults: Faults = field(default_factory=Faults)
    dispatch: Callable[[Call, str, str, bytes], Response] = field(init=False, repr=False)
    work_folder: Path = field(init=False)
    pages: QueryPages = field(init=False)
    jobs: BulkJobs = field(init=False)
    ingests: IngestJobs = field(init=False)
    logins: Logins = field(init=False)

    def __post_init__(self) -> None:
        # Results of queries live as long as the server; what an earlier one left is of no use.
        self.work_folder = self.org.path.with_name(self.org.path.name + ".work")
        shutil.rmtree(self.work_folder, ignore_errors=True)
        self.work_folder.mkdir(parents=True)
        self.pages = QueryPages(self.org, self.work_folder)
        self.jobs = BulkJobs(self.org, self.work_folder)
        self.ingests = IngestJobs(self.org, self.faults, self.work_folder)
        self.logins = Logins(self.org, self.tokens, self.machine_clock)

    def close(self) -> None:
        """Closes the org and removes what only served its queries."""
        self.jobs.close()
        self.ingests.close()
        self.org.close()
        shutil.rmtree(self.work_folder, ignore_errors=True)

    def visible(self, name: str) -> SObject | None:
        """An object as the caller's permissions show it."""
        return self.faults.visible(self.org.find_object(name))

    def entity(self, name: str) -> SObject:
        """An object by name; 404 NOT_FOUND when there is none."""
        found = self.visible(name)
        if found is None:
            raise not_found()
        return found

    def context(self, include_deleted: bool, version: str) -> QueryContext:
        """What a query depends on, permissions included."""
        context = self.org.query_context(include_deleted, version)
        return replace(context, find_object=self.visible, hidden_rows=self.faults.hidden_rows())
