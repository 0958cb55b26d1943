"""The org as this project reaches it: credentials from the environment, errors with an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.client import SalesforceClient, connect
from connectors.salesforce.connection.errors import (
    BudgetExhausted,
    MissingField,
    MissingObject,
    SalesforceProblem,
    UnsafeTarget,
    WrongCredentials,
)
from connectors.salesforce.connection.login import Credentials
from dagster_project.errors import Incomplete, SettingsError
from dagster_project.settings import Settings

SETTINGS_AT_FAULT = (WrongCredentials, MissingObject, MissingField, UnsafeTarget)


@contextmanager
def actionable_errors() -> Iterator[None]:
    """Give the connector's errors the exit code a shell can act on.

    Raises:
        SettingsError: credentials or permissions are at fault.
        Incomplete: anything else between us and the org; the next run goes on from what landed.
    """
    try:
        yield
    except SETTINGS_AT_FAULT as problem:
        raise SettingsError(problem.what, where=problem.where, remedy=problem.remedy) from problem
    except SalesforceProblem as problem:
        raise Incomplete(
            problem.what,
            where=problem.where,
            remedy=problem.remedy or "run again",
            may_pass=not isinstance(problem, BudgetExhausted),
        ) from problem


def connect_to_org(settings: Settings) -> SalesforceClient:
    """Log in with the credentials of the environment, leaving the org's people their share of calls."""
    return connect(
        Credentials.from_environment(os.environ), budget=ApiBudget(reserve_share=settings.api_reserve)
    )
