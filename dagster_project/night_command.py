"""What ``gyakusan nightly`` does: one night, its progress, its summary, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from dagster_project.nightly import run_night
from dagster_project.progress import Progress, reporting
from dagster_project.publish.summary import attention, summary_text
from dagster_project.publish.today import todays_page
from dagster_project.publish.written import written_lines
from dagster_project.settings import Settings, load_settings


@contextmanager
def writes_told(progress: Progress, settings: Settings) -> Iterator[None]:
    """A night that ends red over its writes still says what was written and what waits."""
    try:
        yield
    except Exception:
        if progress.outcome is not None:
            click.echo("\n".join(written_lines(progress.outcome, settings.time_zone or "UTC")))
        raise


def night_with_summary(*, dry_run: bool = False, show_rep: bool = False) -> None:
    """Run the night and print what came of it.

    Raises:
        NeedsAttention: all is done, but rows were refused or quotas are missing.
    """
    settings = load_settings()
    with reporting(sys.stderr) as progress:
        progress.dry_run = dry_run
        with writes_told(progress, settings):
            result = run_night(settings, progress, dry_run=dry_run)
        click.echo(summary_text(settings, result, progress))
        if show_rep:
            click.echo(todays_page(result.published_file, None))
    attention(settings, result)
