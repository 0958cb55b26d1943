"""The marts as they would have been on a past day, from what was known then, in files of their own (design decision 8).

Nothing of the nightly run is touched: the log is read through links of its files taken at one instant, dbt builds a
warehouse of its own, and only a file of marts comes of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.event_log import EventLog
from dagster_project.errors import AlreadyRunning, SettingsError
from dagster_project.publish.published_file import publish
from dagster_project.settings import Settings
from dagster_project.transform.dbt_child import run_dbt
from dagster_project.transform.marts_build import begin_build
from dagster_project.transform.parameters import last_complete_day
from dagster_project.transform.run import parameters_as_of


@dataclass(frozen=True)
class Replay:
    """What is asked for: the day, the instant of knowledge, and whether that instant was given or follows from the day."""

    as_of_date: date
    known_at: datetime
    is_known_at_given: bool

    @property
    def file_name(self) -> str:
        """One file for each day, and for each other instant of knowledge that is asked for."""
        known = f"_known_at_{self.known_at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if self.is_known_at_given else ""
        return f"marts_as_of_{self.as_of_date}{known}.duckdb"


def asked_for(
    log: EventLog, as_of_date: date, known_at: datetime | None, *, time_zone: str, now: datetime
) -> Replay:
    """The replay of a day that is over, at the given instant of knowledge or the one its marts were made at.

    Raises:
        SettingsError: the day is not over, nothing was known by then, or the instant is still to come.
    """
    if as_of_date > last_complete_day(now, time_zone):
        raise SettingsError(f"{as_of_date} is not over yet", where="--as-of", remedy="ask for a day that is")
    first = first_known_at(log)
    if known_at is None:
        return Replay(
            as_of_date, default_known_at(as_of_date, time_zone, first, now), is_known_at_given=False
        )
    if known_at > now:
        raise SettingsError(
            f"{known_at.isoformat()} is still to come",
            where="--known-at",
            remedy="ask for an instant that has passed",
        )
    if known_at < max(first, end_of_day(as_of_date, time_zone)):
        raise SettingsError(
            f"at {known_at.isoformat()} {as_of_date} was not over, or nothing had been read yet",
            where="--known-at",
            remedy=f"the first pull was complete at {first.isoformat()}; take an instant after it and after that day",
        )
    return Replay(as_of_date, known_at, is_known_at_given=True)


def default_known_at(as_of_date: date, time_zone: str, first_known_at: datetime, now: datetime) -> datetime:
    """The end of the day after: by then its marts were made and worked with; never before the first pull, nor after now.

    Days before the first pull are rebuilt from the history objects as that pull brought them (design decision 2).
    """
    next_day_over = end_of_day(as_of_date + timedelta(days=1), time_zone)
    return max(first_known_at, min(next_day_over, now))


def end_of_day(day: date, time_zone: str) -> datetime:
    """The last microsecond of a day in a zone; what is known at an instant includes what was observed at it."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(time_zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def first_known_at(log: EventLog) -> datetime:
    """When the gate had first checked the opportunities: before it there is nothing to build marts from.

    Raises:
        SettingsError: no pull has come that far.
    """
    is_declared = "gate_verdicts" in log.streams()
    checked = "kind = 'checked' and stream = 'opportunity'"
    rows = log.read("gate_verdicts", ["observed_at"], checked).to_pylist() if is_declared else []
    instants: list[datetime] = [row["observed_at"] for row in rows]
    if not instants:
        raise SettingsError("nothing was read yet", where=str(log.root), remedy="run gyakusan nightly first")
    return min(instants)


def replay_marts(settings: Settings, replay: Replay) -> Path:
    """Build and test the marts, and publish them into a file of their own, whose path is returned.

    Raises:
        AlreadyRunning: another replay is at work.
        TransformFailed: dbt could not build them.
    """
    workshop = settings.model_copy(update={"data_dir": settings.data_dir / "replay"})
    target = settings.published_file.parent / "replay" / replay.file_name
    with _alone(workshop), _snapshot(EventLog(settings.log_dir), workshop):
        parameters = parameters_as_of(
            settings, EventLog(workshop.log_dir), as_of_date=replay.as_of_date, known_at=replay.known_at
        )
        run_dbt(workshop, begin_build(workshop, EventLog(workshop.log_dir), parameters).command)
        publish(target, workshop.warehouse_file, {})
    return target


@contextmanager
def _alone(workshop: Settings) -> Iterator[None]:
    from filelock import FileLock, Timeout

    workshop.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workshop.data_dir / "replay.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise AlreadyRunning(
            "another replay is at work",
            where=str(lock.lock_file),
            remedy="wait for it to end, then start again",
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _snapshot(log: EventLog, workshop: Settings) -> Iterator[None]:
    """The log's files as they are at one instant; gone afterwards with the warehouse, as erased people must be."""
    _clear(workshop)
    try:
        with log.writing():
            link_files(log.root, workshop.log_dir)
        yield
    finally:
        _clear(workshop)


def _clear(workshop: Settings) -> None:
    shutil.rmtree(workshop.log_dir, ignore_errors=True)
    shutil.rmtree(workshop.warehouse_file.parent, ignore_errors=True)


def link_files(source: Path, target: Path) -> None:
    """Hard links to every Parquet file below `source`, in the same folders; copies where the disk has no links."""
    for path in source.glob("*/*.parquet"):
        linked = target / path.relative_to(source)
        linked.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, linked)
        except OSError:
            shutil.copyfile(path, linked)
