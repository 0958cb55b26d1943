"""dbt's surroundings: environment, paths and the parsed project it can keep.

dbt runs as a child process: after it has run inside a process, that process can no longer open the warehouse read-only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from dagster_project.errors import GyakusanError
from dagster_project.settings import Settings


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


def failed_nodes(target_dir: Path) -> str:
    """Which models and tests failed and why, from dbt's own record of its last run; empty where there is none."""
    record = target_dir / "run_results.json"
    if not record.exists():
        return ""
    results = json.loads(record.read_text())["results"]
    failed = [each for each in results if each["status"] in ("error", "fail")]
    told = [
        f"{each['unique_id'].split('.')[2]}: {' '.join((each['message'] or each['status']).split())}"
        for each in failed
    ]
    return "; ".join(told[:3])
