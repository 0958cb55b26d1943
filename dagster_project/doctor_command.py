"""What ``gyakusan doctor`` does: look at everything a night needs, say what is missing, change nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import SalesforceProblem
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.doctor.checks import Finding
from connectors.salesforce.doctor.org_facts import OrgExamination
from dagster_project.errors import SettingsError
from dagster_project.ingest.org import connect_to_org
from dagster_project.publish.safe_text import safe
from dagster_project.settings import Settings, load_settings, settings_file

PROBLEM_EXIT_CODE: Final = 2
LEAST_FREE_BYTES: Final = 2 * 1024**3
OLDEST_MARTS: Final = timedelta(hours=30)


def examine() -> int:
    """Print one line per check; returns 2 where a problem keeps nights from running, else 0."""
    found: list[Finding] = []
    for finding in all_findings():
        found.append(finding)
        click.echo("\n".join(finding_lines(finding)))
    problems = sum(each.level == "problem" for each in found)
    warnings = sum(each.level == "warning" for each in found)
    click.echo(f"{problems} problems, {warnings} warnings")
    return PROBLEM_EXIT_CODE if problems else 0


def finding_lines(finding: Finding) -> list[str]:
    """Level, subject and words on one line; what to do on the next."""
    line = f"{finding.level:<12}{finding.subject}: {safe(finding.words)}"
    has_remedy = finding.remedy and finding.level != "ok"
    return [line, f"{'':<12}→ {safe(finding.remedy)}"] if has_remedy else [line]


def all_findings() -> Iterator[Finding]:
    """This machine first, then the login, then the org."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("problem", "Settings", f"{error.what} ({error.where})", error.remedy)
        return
    yield from machine_findings(settings, datetime.now(UTC))
    yield from _org_findings(settings)


def machine_findings(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Settings, data folder, disk, lock, and the marts people query; ``now`` tells their age."""
    file = settings_file()
    where = str(file) if file.exists() else "environment and defaults (no settings file)"
    yield Finding("ok", "Settings", where)
    yield folder_finding(settings.data_dir)
    yield lock_finding(settings.data_dir / "run.lock")
    yield published_finding(settings.published_file, now)


def folder_finding(folder: Path) -> Finding:
    """Whether the data folder can be written to and has room."""
    standing = next(each for each in (folder, *folder.parents) if each.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        return Finding(
            "problem", "Data folder", f"{folder} cannot be written to", "set GYAKUSAN_DATA_DIR or its rights"
        )
    free = shutil.disk_usage(standing).free
    words = f"{folder}, {free / 1024**3:,.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        return Finding("warning", "Data folder", words, "make room: a night that runs out of it stops")
    return Finding("ok", "Data folder", words)


def lock_finding(lock: Path) -> Finding:
    """Whether a run is at work right now."""
    from filelock import FileLock, Timeout

    if not lock.exists() or not os.access(lock, os.W_OK):
        return Finding("ok", "Runs", "none is at work")
    try:
        with FileLock(lock, timeout=0):
            return Finding("ok", "Runs", "none is at work")
    except Timeout:
        return Finding("warning", "Runs", "one is at work", "wait for it before you start another")


def published_finding(published: Path, now: datetime) -> Finding:
    """How old the marts are that people query."""
    if not published.exists():
        return Finding("warning", "Published marts", "there are none yet", "run gyakusan nightly")
    at = datetime.fromtimestamp(published.stat().st_mtime, UTC)
    hours = (now - at) / timedelta(hours=1)
    words = f"{hours:,.1f} hours old ({published})"
    if now - at > OLDEST_MARTS:
        return Finding("warning", "Published marts", words, "see why last night did not end well")
    return Finding("ok", "Published marts", words)


def _org_findings(settings: Settings) -> Iterator[Finding]:
    client: SalesforceClient | None = None
    try:
        flow = Credentials.from_environment(os.environ).flow.name
        client = connect_to_org(settings)
        yield Finding("ok", "Login", f"{client.instance_url} by {flow}, as user {client.user_id}")
    except SalesforceProblem as problem:
        where = f" ({problem.where})" if problem.where else ""
        yield Finding("problem", "Login", problem.what + where, problem.remedy)
    if client is None:
        yield Finding("not checked", "Org", "there is no login: objects, fields and permissions are unknown")
        return
    examination = OrgExamination(
        client,
        clock=lambda: datetime.now(UTC),
        reserve_share=settings.api_reserve,
        wants_to_write=settings.write_back != "off",
        has_quota_file=settings.quota_file is not None,
    )
    yield from examination.findings()
    yield from _permission(settings, client)


def _permission(settings: Settings, client: SalesforceClient) -> Iterable[Finding]:
    words = {
        "off": "off: nothing is written",
        "sandbox": "sandboxes only",
        "any": "any org, production too",
    }[settings.write_back]
    if settings.write_back == "sandbox" and not client.is_sandbox():
        remedy = "set GYAKUSAN_WRITE_BACK to any to write here, or to off to only read"
        yield Finding("problem", "Writing", f"{words}, and this org is none: every night ends red", remedy)
    else:
        yield Finding("ok", "Writing", f"{words} (GYAKUSAN_WRITE_BACK)")
