"""A run's record in Dagster's own files, however its storage keeps them open."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dagster_project.run_history import KeptOpenEventLog, instance_for_a_run


@dg.asset
def figures() -> None:
    """Stands for a mart."""


@dg.asset_check(asset=figures)
def figures_add_up() -> dg.AssetCheckResult:
    """Stands for a data test."""
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_dagsters_own_storage_reads_what_a_run_has_written(home: Path) -> None:
    with instance_for_a_run(home) as instance:
        assert isinstance(instance.event_log_storage, KeptOpenEventLog)
        runs = [dg.materialize([figures, figures_add_up], instance=instance).run_id for _ in range(2)]
    with dg.DagsterInstance.get() as later:
        assert not isinstance(later.event_log_storage, KeptOpenEventLog)
        assert {run.run_id for run in later.get_runs()} == set(runs)
        latest = later.get_latest_materialization_event(figures.key)
        assert latest is not None
        assert latest.run_id == runs[-1]
        for run in runs:
            assert any(entry.is_dagster_event for entry in later.all_logs(run))


def test_no_file_stays_open_after_a_run(home: Path) -> None:
    with instance_for_a_run(home) as instance:
        dg.materialize([figures], instance=instance)
    assert list((home / "history" / "runs").glob("*.db-wal")) == []


def test_a_storage_the_team_has_named_is_left_alone(home: Path) -> None:
    (home / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {home / 'elsewhere'}\n")
    with instance_for_a_run(home) as instance:
        assert not isinstance(instance.event_log_storage, KeptOpenEventLog)
