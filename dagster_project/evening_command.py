"""What ``gyakusan evening`` does: read the day, write each rep's review, say what came of it."""

from __future__ import annotations

import sys

import click

from connectors.event_log import EventLog
from dagster_project.decisions import PLANS
from dagster_project.errors import NeedsAttention, SettingsError
from dagster_project.night_command import writes_told
from dagster_project.nightly import run_night
from dagster_project.progress import Progress, reporting
from dagster_project.publish.safe_text import safe
from dagster_project.publish.summary import time_lines
from dagster_project.publish.written import dry_run_lines, written_lines
from dagster_project.settings import Settings, load_settings


def evening_with_summary(*, dry_run: bool = False) -> None:
    """Run the evening and print what came of it.

    Raises:
        SettingsError: no night has run here, so that nobody was told a plan.
        NeedsAttention: all is done, but rows were refused.
    """
    settings = load_settings()
    if PLANS not in EventLog(settings.log_dir).streams():
        raise SettingsError(
            "there is no plan to review yet", where=str(settings.log_dir), remedy="run gyakusan nightly first"
        )
    with reporting(sys.stderr) as progress:
        progress.dry_run = dry_run
        with writes_told(progress, settings):
            result = run_night(settings, progress, dry_run=dry_run, job_name="evening")
        click.echo("\n".join(summary_lines(settings, progress)))
    _need_none_refused(EventLog(settings.log_dir), result.run_id)


def summary_lines(settings: Settings, progress: Progress) -> list[str]:
    """What was written, what a dry run would write, where the time went."""
    return [
        *written_lines(progress.outcome, settings.time_zone or "UTC"),
        *(dry_run_lines(progress.outcome) if progress.dry_run else []),
        *time_lines(progress),
    ]


def _need_none_refused(log: EventLog, run_id: str) -> None:
    where = f"kind = 'refused' and run_id = '{run_id}'"
    refused = log.read("gate_verdicts", ["record_id_judged", "reason"], where).to_pylist()
    if refused:
        raise NeedsAttention(
            f"{len(refused)} rows were refused, first {refused[0]['record_id_judged']}: {safe(refused[0]['reason'])}",
            where="gate",
            remedy="mend them in the CRM, or readmit them with gyakusan gate --accept ID",
        )
