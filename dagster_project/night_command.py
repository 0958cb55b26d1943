"""What ``gyakusan nightly`` does: one night, its progress, its summary, its exit code."""

from __future__ import annotations

import sys

import click

from dagster_project.nightly import run_night
from dagster_project.progress import reporting
from dagster_project.publish.summary import attention, summary_text
from dagster_project.publish.today import todays_page
from dagster_project.settings import load_settings


def night_with_summary(*, as_of_date: str = "", dry_run: bool = False, show_rep: bool = False) -> None:
    """Run the night and print what came of it.

    Raises:
        NeedsAttention: all is done, but rows were refused or quotas are missing.
    """
    settings = load_settings()
    with reporting(sys.stderr) as progress:
        progress.dry_run = dry_run
        result = run_night(settings, progress, as_of_date=as_of_date, dry_run=dry_run)
        if as_of_date:
            click.echo(f"Marts as of {as_of_date}: {result.published_file}")
            return
        click.echo(summary_text(settings, result, progress))
        if show_rep:
            click.echo(todays_page(result.published_file, None))
    attention(settings, result)
