"""The running sandbox: everything a request may touch, and the form of a request inside the routes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.sandbox.access import RequestCount, Tokens
from connectors.sandbox.bulk import BulkJobs
from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.faults import Faults
from connectors.sandbox.queries import QueryPages
from connectors.sandbox.schema import SObject
from connectors.sandbox.soql_source import QueryContext
from connectors.sandbox.store import Org

API_VERSION = "62.0"


@dataclass(frozen=True)
class Call:
    """One request as the routes see it; `path` parameters by name, query parameters last one winning."""

    method: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    origin: str

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
    """The state of one running sandbox."""

    org: Org
    tokens: Tokens
    requests: RequestCount = field(default_factory=RequestCount)
    faults: Faults = field(default_factory=Faults)
    work_folder: Path = field(init=False)
    pages: QueryPages = field(init=False)
    jobs: BulkJobs = field(init=False)

    def __post_init__(self) -> None:
        # Results of queries live as long as the server; what an earlier one left is of no use.
        self.work_folder = self.org.path.with_name(self.org.path.name + ".work")
        shutil.rmtree(self.work_folder, ignore_errors=True)
        self.work_folder.mkdir(parents=True)
        self.pages = QueryPages(self.org, self.work_folder)
        self.jobs = BulkJobs(self.org, self.work_folder)

    def close(self) -> None:
        """Closes the org and removes what only served its queries."""
        self.jobs.close()
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
        return replace(self.org.query_context(include_deleted, version), find_object=self.visible)
