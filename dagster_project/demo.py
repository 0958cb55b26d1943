"""``make run``: the bundled sandbox with a generated organisation, one whole night on it, what came of it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dagster_project.night_command import night_with_summary
from dagster_project.settings import Settings, demo_data_dir, load_settings


def demo_settings() -> Settings:
    """The settings of the demo, in its own data folder."""
    settings = load_settings()
    os.environ["GYAKUSAN_DATA_DIR"] = str(demo_data_dir(settings))
    return load_settings()


def ensure_org(settings: Settings, *, today: str, seed: int) -> Path:
    """The generated org's file, made once for each day and seed."""
    from dagster_project import sandbox_command

    path = settings.data_dir / "sandbox" / f"org_{today}_{seed}.duckdb"
    if not path.exists():
        click.echo(f"Generating a sales organisation as of {today} …", err=True)
        aside = path.with_suffix(".making")
        aside.unlink(missing_ok=True)
        sandbox_command.fill_generated(aside, seed=seed, today=today)
        aside.rename(path)
    return path


def sandbox_clock(url: str) -> str:
    """The sandbox's instant, which is the night's too."""
    import requests

    return str(requests.get(f"{url}/sandbox/clock", timeout=10).json()["now"])


def run_demo(*, today: str, seed: int) -> None:
    """Start the sandbox, run the night on it at its own clock, stop it."""
    from connectors.sandbox.process import start

    settings = demo_settings()
    org = ensure_org(settings, today=today, seed=seed)
    with start(org) as sandbox:
        click.echo(f"Salesforce sandbox at {sandbox.url}, reachable from this machine only", err=True)
        os.environ |= {
            "GYAKUSAN_SALESFORCE_URL": sandbox.url,
            "GYAKUSAN_SALESFORCE_CLIENT_ID": sandbox.client_id,
            "GYAKUSAN_SALESFORCE_CLIENT_SECRET": sandbox.client_secret,
            "GYAKUSAN_NOW": sandbox_clock(sandbox.url),
        }
        night_with_summary(show_rep=True)
