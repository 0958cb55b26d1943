"""Runs a job of the asset graph once, in this process, from a shell or cron."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dagster_project.progress import Progress
from dagster_project.settings import Settings
from dagster_project.transform.dbt_child import dbt_environment, ensure_manifest

DAGSTER_YAML = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True)
class NightResult:
    """How a run ended."""

    run_id: str
    published_file: Path


def prepare_environment(settings: Settings) -> None:
    """Give Dagster and dbt their folders; their children inherit them."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    instance_file = settings.dagster_home / "dagster.yaml"
    if not instance_file.exists():
        instance_file.write_text(DAGSTER_YAML)
    settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ.update(dbt_environment(settings))


def run_night(
    settings: Settings, progress: Progress, *, dry_run: bool = False, job_name: str = "nightly"
) -> NightResult:
    """Run every asset and check of a job once; ``nightly`` is the whole night, ``evening`` the review of the day.

    Raises:
        Exception: whatever a step raised, as ``errors.explain`` puts into words; all that landed is kept.
    """
    prepare_environment(settings)
    with progress.step("Start-up"):
        ensure_manifest(settings)
        from dagster_project.definitions import defs
        from dagster_project.run_history import instance_for_a_run

        job = defs.resolve_job_def(job_name)
        instance = instance_for_a_run(settings.dagster_home)
    run_config = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "resources": {"night": {"config": {"dry_run": dry_run}}},
    }
    with instance:
        result = job.execute_in_process(run_config=run_config, instance=instance)
    return NightResult(result.run_id, settings.published_file)
