"""What ``gyakusan replay`` does: the marts as they would have been on a past day, in a file of their own."""

from __future__ import annotations

import sys
from datetime import date, datetime
from zoneinfo import ZoneInfo

import click

from connectors.event_log import EventLog
from dagster_project.errors import SettingsError
from dagster_project.ingest.organization import read_organization
from dagster_project.progress import reporting
from dagster_project.settings import load_settings_to_look_at
from dagster_project.transform.replay import asked_for, replay_marts


def replay(as_of: str, known_at: str) -> None:
    """Build the marts as of a day and print where they are; asks the org nothing, decides and sends nothing.

    Raises:
        SettingsError: no such day or instant, or nothing was known by then.
        AlreadyRunning: another replay is at work.
        TransformFailed: dbt could not build them.
    """
    day, instant = day_asked(as_of), instant_asked(known_at)
    settings = load_settings_to_look_at()
    log = EventLog(settings.log_dir)
    time_zone = settings.time_zone or read_organization(log, settings.time_zone).time_zone
    wanted = asked_for(log, day, instant, time_zone=time_zone, now=settings.clock())
    with reporting(sys.stderr) as progress, progress.step("Marts (dbt)"):
        published = replay_marts(settings, wanted)
    known = wanted.known_at.astimezone(ZoneInfo(time_zone)).isoformat(timespec="seconds")
    click.echo(f"Marts as of {day}, as known at {known}: {published}")


def day_asked(text: str) -> date:
    """A day from ISO text.

    Raises:
        SettingsError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not a date", where="--as-of", remedy="write it as 2026-06-30"
        ) from error


def instant_asked(text: str) -> datetime | None:
    """An instant from ISO text with its zone; None for no text.

    Raises:
        SettingsError: it is none, or has no zone.
    """
    try:
        found = datetime.fromisoformat(text) if text else None
        is_instant = found is None or found.tzinfo is not None
    except ValueError:
        is_instant = False
    if not is_instant:
        raise SettingsError(
            f"{text!r} is not an instant with a time zone",
            where="--known-at",
            remedy="write it as 2026-07-01T05:00:00+09:00",
        )
    return found
