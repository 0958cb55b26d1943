"""What Dagster is told of dbt's models and tests, and what dbt is told to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.settings import Settings
from dagster_project.transform import dbt_child
from dagster_project.transform.dbt_child import TransformFailed, run_dbt

DEALS, STAGES = dg.AssetKey(["marts", "fct_opportunity"]), dg.AssetKey(["marts", "dim_stage"])
IDENTIFIED = dg.AssetCheckKey(DEALS, "records_are_identified")


def result(unique_id: str, status: str, **more: object) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "execution_time": 0.5, "failures": None, **more}


RESULTS = [
    result("model.gyakusan.dim_stage", "success"),
    result("model.gyakusan.fct_opportunity", "error", message="no such column"),
    result("model.gyakusan.fct_forecast", "skipped"),
    result("test.gyakusan.records_are_identified", "error"),
    result("test.gyakusan.spells_never_overlap", "skipped"),
    result("exposure.gyakusan.published_marts", "no-op"),
]


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GYAKUSAN_DATA_DIR", str(tmp_path))
    from dagster_project.transform import assets

    return assets


def test_what_was_built_and_tested_is_told_and_nothing_else(assets: Any) -> None:
    overlap = dg.AssetCheckKey(DEALS, "spells_never_overlap")
    told = list(assets.node_events(RESULTS, {DEALS, STAGES}, {IDENTIFIED, overlap}))
    assert [(type(each), each.asset_key) for each in told] == [
        (dg.MaterializeResult, STAGES),
        (dg.AssetCheckResult, DEALS),
    ]
    assert (told[1].check_name, told[1].passed) == ("records_are_identified", False)


def test_what_was_not_asked_for_is_not_told(assets: Any) -> None:
    assert list(assets.node_events(RESULTS, {DEALS}, set())) == []


def test_a_passed_test_is_a_passed_check(assets: Any) -> None:
    passed = result("test.gyakusan.records_are_identified", "pass", failures=0)
    (check,) = assets.node_events([passed], set(), {IDENTIFIED})
    assert check.passed
    assert check.metadata["Failed rows"] == dg.MetadataValue.int(0)


def test_a_part_of_the_graph_is_selected_by_name(assets: Any) -> None:
    chosen = assets.selection({DEALS, STAGES}, {IDENTIFIED})
    assert chosen == [
        *("--indirect-selection", "empty", "--select"),
        *("dim_stage", "fct_opportunity", "records_are_identified"),
    ]


def pretended_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Settings:
    """Settings of a data folder in which a script of ours stands for dbt."""
    program = tmp_path / "dbt"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(dbt_child, "dbt_executable", lambda: str(program))
    return Settings(data_dir=tmp_path / "data")


def test_dbt_is_told_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYAKUSAN_SALESFORCE_CLIENT_SECRET", "hush")
    settings = pretended_dbt(tmp_path, monkeypatch, "env")
    run_dbt(settings, ["build"])
    told = settings.dbt_output_file.read_text()
    assert f"GYAKUSAN_WAREHOUSE={settings.warehouse_file}" in told
    assert "hush" not in told


def test_a_dbt_that_never_began_is_not_told_by_the_record_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = pretended_dbt(tmp_path, monkeypatch, "exit 2")
    settings.dbt_target_dir.mkdir(parents=True)
    record = settings.dbt_target_dir / "run_results.json"
    record.write_text(json.dumps({"results": RESULTS}))
    with pytest.raises(TransformFailed, match="it says why in its output"):
        run_dbt(settings, ["build"], remedy="mend it")
    assert dbt_child.node_results(settings.dbt_target_dir) == []


def test_what_failed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.dumps({"results": RESULTS[1:2]})
    settings = pretended_dbt(
        tmp_path, monkeypatch, f"echo '{record}' > $DBT_TARGET_PATH/run_results.json; exit 1"
    )
    with pytest.raises(TransformFailed, match="fct_opportunity: no such column") as failed:
        run_dbt(settings, ["build"], remedy="mend it")
    assert failed.value.remedy == "mend it"
