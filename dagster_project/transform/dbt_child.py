"""dbt's surroundings: environment, paths and the parsed project it can keep.

dbt runs as a child process: after it has run inside a process, that process can no longer open the warehouse read-only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from dagster_project.errors import GyakusanError
from dagster_project.settings import Settings

# Every log formats every event of every node, whatever its level: as JSON, or in a second file, two seconds a night.
_ONE_PLAIN_LOG = ("--no-use-colors", "--log-format", "text", "--log-level-file", "none")


class TransformFailed(GyakusanError):
    """dbt could not parse, build or test the models."""

    exit_code = 1


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that dbt's profile and sources read."""
    return {
        "GYAKUSAN_LOG": str(settings.log_dir),
        "GYAKUSAN_RUN": str(settings.run_dir),
        "GYAKUSAN_WAREHOUSE": str(settings.warehouse_file),
        "DBT_TARGET_PATH": str(settings.dbt_target_dir),
        "DBT_LOG_PATH": str(settings.dbt_target_dir / "logs"),
        "DBT_PROFILES_DIR": str(settings.dbt_dir),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # Its matrices are small; more threads only cost their start.
        "OPENBLAS_NUM_THREADS": "1",
    }


def dbt_executable() -> str:
    """dbt beside this interpreter, so that a run from cron finds it too."""
    beside = Path(sys.executable).parent / "dbt"
    found = str(beside) if beside.exists() else shutil.which("dbt")
    if found is None:
        raise TransformFailed(
            "dbt is not installed", where=str(beside), remedy="run make setup, or pip install dbt-duckdb"
        )
    return found


def ensure_manifest(settings: Settings) -> Path:
    """Parse the project once; later nights reuse what was parsed.

    Raises:
        TransformFailed: with dbt's own last lines.
    """
    # A copy of our own: dbt writes its manifest in place in every run, and another process may be reading.
    manifest = settings.dbt_target_dir / "parsed_manifest.json"
    settings.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(str(settings.dbt_target_dir / "parse.lock")):
        if not manifest.exists() or manifest.stat().st_mtime < newest_model_change(settings.dbt_dir):
            _parse(settings, manifest)
    return manifest


def _parse(settings: Settings, manifest: Path) -> None:
    finished = subprocess.run(
        [dbt_executable(), "--quiet", "parse", "--project-dir", str(settings.dbt_dir)],
        env={**os.environ, **dbt_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    parsed = settings.dbt_target_dir / "manifest.json"
    if finished.returncode != 0 or not parsed.exists():
        tail = (finished.stdout + finished.stderr).strip().splitlines()[-3:]
        raise TransformFailed(
            "dbt could not parse the models: " + " ".join(tail),
            where=str(settings.dbt_dir),
            remedy=f"see {settings.dbt_target_dir / 'logs' / 'dbt.log'}",
        )
    aside = manifest.with_suffix(".tmp")
    shutil.copyfile(parsed, aside)
    aside.replace(manifest)


def newest_model_change(project_dir: Path) -> float:
    """When a file of the dbt project last changed, in seconds since the epoch."""
    return max((path.stat().st_mtime for path in project_files(project_dir)), default=0.0)


def project_files(project_dir: Path) -> list[Path]:
    """The files that make the dbt project; not what dbt writes beside them when started by hand."""
    folders = ("models", "macros", "tests")
    found = [path for folder in folders for path in (project_dir / folder).rglob("*") if path.is_file()]
    return [path for path in [*found, *project_dir.glob("*.yml")] if path.suffix in {".sql", ".yml", ".py"}]


def results_file(target_dir: Path) -> Path:
    """dbt's own record of its last run."""
    return target_dir / "run_results.json"


def node_results(target_dir: Path) -> list[dict[str, Any]]:
    """What became of each model and test in dbt's last run, in the order they ended; empty where there is no record."""
    record = results_file(target_dir)
    found: list[dict[str, Any]] = json.loads(record.read_text())["results"] if record.exists() else []
    return found


def failed_nodes(target_dir: Path) -> str:
    """Which models and tests failed and why, from dbt's own record of its last run; empty where there is none."""
    failed = [each for each in node_results(target_dir) if each["status"] in ("error", "fail")]
    told = [
        f"{each['unique_id'].split('.')[2]}: {' '.join((each['message'] or each['status']).split())}"
        for each in failed
    ]
    return "; ".join(told[:3])


def run_dbt(
    workshop: Settings, command: Sequence[str], *, remedy: str = "the nightly marts are as they were"
) -> None:
    """Run one dbt command on the files of a data folder; what it prints and what became of each node lie there too.

    Raises:
        TransformFailed: naming what failed.
    """
    workshop.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    # A dbt that ends before its first model leaves the record of an earlier run.
    results_file(workshop.dbt_target_dir).unlink(missing_ok=True)
    with workshop.dbt_output_file.open("w") as output:
        finished = subprocess.run(
            [dbt_executable(), *_ONE_PLAIN_LOG, *command, "--project-dir", str(workshop.dbt_dir)],
            env={**_surroundings(), **dbt_environment(workshop)},
            stdout=output,
            stderr=output,
            check=False,
        )
    if finished.returncode:
        raise TransformFailed(
            f"dbt failed: {failed_nodes(workshop.dbt_target_dir) or 'it says why in its output'}",
            where=str(workshop.dbt_output_file),
            remedy=remedy,
        )


def _surroundings() -> dict[str, str]:
    """The environment without our own settings: the org's secrets are none of dbt's business."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GYAKUSAN_")}
