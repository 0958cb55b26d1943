"""Opens Dagster's pages on the run history of this project."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dagster_project.nightly import prepare_environment
from dagster_project.settings import load_settings_to_look_at
from dagster_project.transform.dbt_child import ensure_manifest


def serve_dagster(port: int) -> None:
    """Replace this process by ``dagster dev``, bound to loopback."""
    settings = load_settings_to_look_at()
    prepare_environment(settings)
    ensure_manifest(settings)
    click.echo(
        f"Dagster opens on http://127.0.0.1:{port} (stop with Ctrl-C); the schedule is off until turned on there"
    )
    dagster = Path(sys.executable).parent / "dagster"
    arguments = ["dev", "-m", "dagster_project.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(dagster, [str(dagster), *arguments])
