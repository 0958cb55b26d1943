"""The ``gyakusan`` command. Only click is imported at the top: ``--help`` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click


def _fail(message: str, exit_code: int) -> NoReturn:
    click.echo(f"gyakusan: {message}", err=True)
    sys.exit(exit_code)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn every error meant for a person into one line and its exit code; anything else points to the details."""
    from dagster_project.errors import explain

    try:
        yield
    except (click.ClickException, click.exceptions.Exit, SystemExit):
        raise
    except KeyboardInterrupt:
        _fail("interrupted; everything landed so far is kept", 130)
    except Exception as error:
        if os.environ.get("GYAKUSAN_TRACEBACK"):
            raise
        message, exit_code = explain(error)
        _fail(message, exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gyakusan")
def main() -> None:
    """Gyakusan works a sales team's monthly goal back to each rep's next step."""


@main.command()
@click.option("--today", default="2026-10-15", show_default=True, help="The demo org's frozen day.")
@click.option("--seed", default=7, show_default=True, help="Seed of the generated organisation.")
def demo(today: str, seed: int) -> None:
    """Run a whole night on the bundled sandbox with a generated organisation."""
    with _one_line_errors():
        from dagster_project.demo import run_demo

        run_demo(today=today, seed=seed)


@main.command()
@click.option(
    "--dry-run", is_flag=True, help="Show what would be written to the CRM and change nothing there."
)
@click.option(
    "--window", "windows", multiple=True, metavar="FROM..TO", help="Also compute coefficients for (FROM, TO]."
)
def nightly(dry_run: bool, windows: tuple[str, ...]) -> None:
    """Run the night on the org that GYAKUSAN_SALESFORCE_URL names."""
    with _one_line_errors():
        if windows:
            import json

            os.environ["GYAKUSAN_WINDOWS"] = json.dumps(windows)
        from dagster_project.night_command import night_with_summary

        night_with_summary(dry_run=dry_run)


@main.command()
@click.option(
    "--dry-run", is_flag=True, help="Show what would be written to the CRM and change nothing there."
)
def evening(dry_run: bool) -> None:
    """Read what today brought and write each rep's three-minute review."""
    with _one_line_errors():
        from dagster_project.evening_command import evening_with_summary

        evening_with_summary(dry_run=dry_run)


@main.command()
@click.option(
    "--org",
    "org_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The org's file; kept between starts.",
)
@click.option(
    "--load",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Fill the org from a folder of CSV files named after objects.",
)
@click.option(
    "--map",
    "mapping_file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Renamed columns and date formats of that folder (TOML).",
)
@click.option("--generate", is_flag=True, help="Fill the org with a generated organisation.")
@click.option("--seed", default=7, show_default=True, help="Seed of the generated organisation.")
@click.option(
    "--today", default="2026-10-15", show_default=True, help="The generated organisation's frozen day."
)
@click.option(
    "--clock",
    default=None,
    metavar="INSTANT",
    help="Freeze the org's clock, for example 2026-10-15T05:00:00+09:00.",
)
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[,OPTION=VALUE…]",
    help="Let the org misbehave, for example too_many_requests,times=3 (repeatable; see docs/sandbox.md).",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="PEM certificate or public key by which JWT logins are verified.",
)
@click.option("--no-serve", is_flag=True, help="Only fill the org's file.")
def sandbox(
    org_file: Path | None,
    folder: Path | None,
    mapping_file: Path | None,
    generate: bool,
    seed: int,
    today: str,
    clock: str | None,
    port: int,
    faults: tuple[str, ...],
    certificate: Path | None,
    no_serve: bool,
) -> None:
    """Serve a Salesforce org on 127.0.0.1, from a file, a CSV export or a generator."""
    with _one_line_errors():
        from dagster_project import sandbox_command

        path = sandbox_command.org_path(org_file)
        if generate:
            sandbox_command.fill_generated(path, seed=seed, today=today)
        if folder is not None:
            click.echo(sandbox_command.fill_from_folder(path, folder, mapping_file))
        if clock is not None:
            sandbox_command.freeze_clock(path, clock)
        if not no_serve:
            sandbox_command.serve_org(path, port, faults, certificate)


@main.command()
@click.option("--accept", "accepted", multiple=True, metavar="ID", help="Readmit refused rows by record id.")
def gate(accepted: tuple[str, ...]) -> None:
    """List refused rows with their reasons, or readmit some."""
    with _one_line_errors():
        from dagster_project.gate.command import list_refused, readmit

        click.echo(readmit(accepted) if accepted else list_refused())


@main.command()
@click.argument("rep", required=False)
def today(rep: str | None) -> None:
    """Print today's list and plan of one rep (name or id; the first where none is given)."""
    with _one_line_errors():
        from connectors.event_log import EventLog
        from connectors.salesforce.writing.write_facts import waiting_writes
        from dagster_project.publish.today import todays_page
        from dagster_project.settings import load_settings_to_look_at

        settings = load_settings_to_look_at()
        click.echo(todays_page(settings.published_file, rep, waiting_writes(EventLog(settings.log_dir))))


@main.command()
@click.argument("rep", required=False)
@click.option("--date", "plan_date", default="", metavar="DATE", help="As it was promised for that day.")
@click.option("--team", "is_team", is_flag=True, help="REP is a team's name, or a rep whose team is meant.")
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="NAME=VALUE",
    help="Show what another coefficient would change, for example win_rate=.25 (repeatable; nothing is kept).",
)
def plan(rep: str | None, plan_date: str, is_team: bool, what_if: tuple[str, ...]) -> None:
    """Print the goal worked back to weeks and days, of a rep, a team or (where none is named) the organisation."""
    with _one_line_errors():
        from dagster_project.plan_command import plan_page_text

        click.echo(plan_page_text(rep, plan_date=plan_date, is_team=is_team, what_if=what_if))


@main.command()
@click.argument("run", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="Show what would be taken back and change nothing.")
def undo(run: str, dry_run: bool) -> None:
    """Take back what one run wrote to the CRM: its id, the beginning of it, or `last`."""
    with _one_line_errors():
        from dagster_project.undo_command import undo_written

        undo_written(run, dry_run=dry_run)


@main.command()
@click.option("--as-of", "as_of_date", required=True, metavar="DATE", help="The past day, as 2026-06-30.")
@click.option(
    "--known-at",
    default="",
    metavar="INSTANT",
    help="What was known by when, as 2026-07-01T05:00:00+09:00; by default the end of the day after.",
)
def replay(as_of_date: str, known_at: str) -> None:
    """Build the marts as they would have been on a past day, in a file of their own."""
    with _one_line_errors():
        from dagster_project import replay_command

        replay_command.replay(as_of_date, known_at)


@main.command()
@click.option("--from", "first_month", default="", metavar="MONTH", help="First month tested, as 2026-01.")
@click.option("--to", "last_month", default="", metavar="MONTH", help="Last month tested.")
def backtest(first_month: str, last_month: str) -> None:
    """Say how well each coefficient predicted the past months, against the alternatives."""
    with _one_line_errors():
        from dagster_project import backtest_command

        backtest_command.backtest(first_month, last_month)


@main.command()
def doctor() -> None:
    """Check settings, login, permissions and fields; changes nothing."""
    with _one_line_errors():
        from dagster_project.doctor_command import examine

        sys.exit(examine())


@main.command()
@click.option("--port", default=3000, show_default=True)
def serve(port: int) -> None:
    """Open Dagster's pages on 127.0.0.1."""
    with _one_line_errors():
        from dagster_project.serve import serve_dagster

        serve_dagster(port)
