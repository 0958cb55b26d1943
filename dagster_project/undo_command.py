"""What ``gyakusan undo RUN`` does: take back what one run wrote, and say what was left alone and why."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import click

from connectors.event_log import EventLog
from connectors.salesforce.writing.undo import UndoneAction, undo_run
from connectors.salesforce.writing.undo_facts import UnknownRun, find_run
from dagster_project.errors import SettingsError, WriteRefused
from dagster_project.ingest.org import actionable_errors, connect_to_org
from dagster_project.ingest.organization import read_organization
from dagster_project.permission import may_write
from dagster_project.publish.safe_text import safe
from dagster_project.resources import run_lock
from dagster_project.settings import Settings, load_settings

WORDS: Final = {
    "delete": "would delete",
    "restore": "would give back",
    "deleted": "deleted",
    "restored": "given back",
    "left_alone": "left alone",
    "settled": "taken back before",
    "nothing": "nothing to do",
    "rejected": "rejected",
    "unsent": "no answer",
}


def undo_written(run: str, *, dry_run: bool) -> None:
    """Take back what ``run`` (id, its beginning, or ``last``) wrote, and print one line per task.

    Raises:
        SettingsError: no such run; the latest ones are named.
        WriteRefused: writing to this org is not allowed, or Salesforce kept some of it.
        AlreadyRunning: a night is at work.
    """
    settings = load_settings()
    log = EventLog(settings.log_dir)
    run_id = _run_meant(log, run)
    if not dry_run:
        _need_permission(settings, log)
    with run_lock(settings), actionable_errors():
        done = undo_run(
            connect_to_org(settings),
            log,
            run_id,
            run_id=f"undo-{uuid.uuid4()}",
            clock=settings.clock,
            dry_run=dry_run,
            allow_production=settings.write_back == "any",
        )
    click.echo("\n".join(undo_lines(run_id, done)))
    _need_all_taken_back(done)


def _run_meant(log: EventLog, run: str) -> str:
    try:
        return find_run(log, run)
    except UnknownRun as problem:
        raise SettingsError(problem.what, where=problem.where, remedy=problem.remedy) from problem


def _need_permission(settings: Settings, log: EventLog) -> None:
    permission = may_write(settings, read_organization(log, settings.time_zone))
    if not permission.is_allowed:
        raise WriteRefused(
            f"nothing was taken back: {permission.reason}",
            where="GYAKUSAN_WRITE_BACK",
            remedy="allow writing, or look with --dry-run",
        )


def undo_lines(run_id: str, done: Sequence[UndoneAction]) -> list[str]:
    """How many of each, then one entry per task that was taken back or left alone."""
    counts = Counter(each.status for each in done)
    shown = ", ".join(f"{counts[status]:,} {words}" for status, words in WORDS.items() if counts[status])
    lines = [line for each in done if each.status != "nothing" for line in _entry(each)]
    return [f"Run {run_id}: {shown or 'it wrote nothing'}", *lines]


def _entry(each: UndoneAction) -> Iterator[str]:
    planned = each.planned
    name = f"{safe(planned.subject)} ({safe(planned.written.action_key)})"
    reason = safe(each.message) if each.message else ""
    yield f"  {WORDS[each.status]} {name}" + (f": {reason}" if reason else "")
    for change in planned.differences:
        yield f"      {change.field}: {safe(change.before)} → {safe(change.after)}"


def _need_all_taken_back(done: Sequence[UndoneAction]) -> None:
    kept = [each for each in done if each.status in ("rejected", "unsent")]
    if kept:
        words = "; ".join(sorted({safe(each.message) for each in kept})[:3])
        raise WriteRefused(
            f"{len(kept)} of {len(done)} tasks could not be taken back: {words}",
            where="Salesforce",
            remedy="mend what Salesforce names and run the same undo again",
        )
