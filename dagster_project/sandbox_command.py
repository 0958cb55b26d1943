"""What ``gyakusan sandbox`` does: fill an org's file, serve it on loopback."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.faults import parse_fault
from connectors.sandbox.generate import OrganizationSpec, generate
from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.records.store import Org
from connectors.sandbox.serving import ServeOptions, notice, serve, system_clock
from dagster_project.errors import SettingsError
from dagster_project.settings import load_settings

NIGHT_TIME = time(5, 0)


def org_path(chosen: Path | None) -> Path:
    """The org's file: the one named, or one in the data folder."""
    return (chosen or load_settings().data_dir / "sandbox" / "org.duckdb").resolve()


def parse_day(text: str) -> date:
    """An ISO date.

    Raises:
        SettingsError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not a date", where="--today", remedy="write it as 2026-10-15"
        ) from error


def parse_instant(text: str) -> datetime:
    """An ISO instant; UTC where it names no zone.

    Raises:
        SettingsError: it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not an instant", where="--clock", remedy="write it as 2026-10-15T05:00:00+09:00"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def generated_spec(seed: int, today: str) -> OrganizationSpec:
    """The organisation of ``seed`` as it stands at five in the morning of ``today``, its own time."""
    default = OrganizationSpec(seed=seed)
    now = datetime.combine(parse_day(today), NIGHT_TIME, ZoneInfo(default.time_zone))
    return dataclasses.replace(default, now=now.astimezone(UTC))


def fill_generated(path: Path, *, seed: int, today: str) -> None:
    """Fill the org with a generated organisation and freeze its clock there."""
    spec = generated_spec(seed, today)
    with _opened(path) as org:
        load_tables(org, generate(spec))
        org.set_clock(spec.now)


def fill_from_folder(path: Path, folder: Path, mapping_file: Path | None) -> str:
    """Fill the org from exported CSV files; returns what was loaded and every oddity met, one line each."""
    from connectors.sandbox.loading.loader import load_folder

    with _opened(path) as org:
        return "\n".join(load_folder(org, folder, mapping_file).lines())


def freeze_clock(path: Path, instant: str) -> None:
    """Set the org's clock."""
    with _opened(path) as org:
        org.set_clock(parse_instant(instant))


def read_faults(given: Iterable[str]) -> tuple[Mapping[str, object], ...]:
    """Faults as the command line gives them.

    Raises:
        SettingsError: one is unknown, or has an option it does not take.
    """
    try:
        return tuple(parse_fault(each) for each in given)
    except SalesforceError as error:
        raise SettingsError(
            error.message, where="--fault", remedy="write it as too_many_requests,times=3,seconds=2"
        ) from error


def serve_org(path: Path, port: int, faults: Iterable[str] = (), certificate: Path | None = None) -> None:
    """Serve until interrupted; says where, and that it listens on loopback only.

    Raises:
        SettingsError: a fault is unknown.
    """
    public_key = certificate.read_bytes() if certificate else b""
    options = ServeOptions(port=port, faults=read_faults(faults), public_key=public_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    serve(path, options, lambda url: click.echo(f"{notice(url, options)} (Ctrl-C stops it)"))


@contextmanager
def _opened(path: Path) -> Iterator[Org]:
    path.parent.mkdir(parents=True, exist_ok=True)
    org = Org(path, system_clock)
    try:
        yield org
    finally:
        org.close()
