"""What a night's assets share: the settings, the log, one clock reading, and the lock that keeps runs apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from dagster_project.errors import AlreadyRunning
from dagster_project.settings import Settings, load_settings

if TYPE_CHECKING:
    from connectors.event_log import EventLog
    from connectors.salesforce.connection.client import SalesforceClient


@contextmanager
def run_lock(settings: Settings) -> Iterator[None]:
    """One run at a time, whoever starts it: command line or scheduler (design decision 13).

    Raises:
        AlreadyRunning: when another process holds the lock.
    """
    from filelock import FileLock, Timeout

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.data_dir / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise AlreadyRunning(
            "another run is at work", where=str(lock.lock_file), remedy="wait for it to end, then start again"
        ) from error
    try:
        yield
    finally:
        lock.release()


class NightResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One run: its clock, its log, its lock."""

    dry_run: bool = False

    _settings: Settings | None = PrivateAttr(default=None)
    _now: datetime | None = PrivateAttr(default=None)
    _org: SalesforceClient | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[NightResource]:
        """Hold the lock and one clock reading while the run lasts."""
        self._settings = load_settings()
        self._now = self._settings.clock()
        with run_lock(self._settings):
            yield self

    @property
    def settings(self) -> Settings:
        """The settings, read once a run."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    @property
    def now(self) -> datetime:
        """When this run began: the one instant all its facts are observed at."""
        if self._now is None:
            self._now = self.settings.clock()
        return self._now

    @property
    def log(self) -> EventLog:
        """The append-only log."""
        from connectors.event_log import EventLog

        return EventLog(self.settings.log_dir)

    @property
    def org(self) -> SalesforceClient:
        """The org over one login, with one budget of API calls for all this run reads and writes.

        Raises:
            SalesforceProblem: the login failed.
        """
        if self._org is None:
            from dagster_project.ingest.org import connect_to_org

            self._org = connect_to_org(self.settings)
        return self._org

    @property
    def has_calls_left(self) -> bool:
        """Whether the run may still call the org, as far as it knows."""
        return self._org is None or self._org.budget.remaining() != 0
