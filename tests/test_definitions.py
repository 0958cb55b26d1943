"""The asset graph as Dagster's server loads it: nothing hidden, everything in the order of the data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.nightly.harness import clean_environment

CHECKOUT = Path(__file__).parents[1]

DESCRIBE = """
import json
from dagster_project.definitions import defs

graph = defs.resolve_asset_graph()
keys = {key.to_user_string(): sorted(p.to_user_string() for p in graph.get(key).parent_keys) for key in graph.get_all_asset_keys()}
checks = sorted(f"{c.asset_key.to_user_string()}:{c.name}" for c in graph.asset_check_keys)
schedule = defs.resolve_schedule_def("nightly_schedule")
print(json.dumps({
    "parents": keys,
    "checks": checks,
    "schedule": [schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value],
}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    import json

    folder = tmp_path_factory.mktemp("code location")
    environment = clean_environment(
        GYAKUSAN_DATA_DIR=str(folder / "data"),
        GYAKUSAN_TIME_ZONE="America/New_York",
        GYAKUSAN_SCHEDULE="30 4 * * 1-5",
    )
    finished = subprocess.run(
        [sys.executable, "-c", DESCRIBE],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, object] = json.loads(finished.stdout.splitlines()[-1])
    return found


def test_every_step_stands_in_the_graph(loaded: dict[str, object]) -> None:
    parents = loaded["parents"]
    assert isinstance(parents, dict)
    wanted = {"log/opportunity", "staging/stg_opportunity", "marts/fct_opportunity", "plans", "candidates"}
    assert wanted | {"actions_planned", "published_marts", "tasks"} <= set(parents)


def test_the_data_flows_from_salesforce_to_salesforce(loaded: dict[str, object]) -> None:
    parents = loaded["parents"]
    assert isinstance(parents, dict)

    def upstream(key: str) -> set[str]:
        found = set(parents.get(key, []))
        return found.union(*(upstream(parent) for parent in found)) if found else found

    assert {"log/opportunity", "log/task", "marts/fct_opportunity", "plans", "candidates"} <= upstream(
        "tasks"
    )
    assert "tasks" not in upstream("log/opportunity")


def test_every_stream_has_a_blocking_gate_and_writing_a_permission(loaded: dict[str, object]) -> None:
    parents, checks = loaded["parents"], loaded["checks"]
    assert isinstance(parents, dict)
    assert isinstance(checks, list)
    from connectors.salesforce.schema.objects import OBJECTS

    assert {f"log/{each.stream}:gate" for each in OBJECTS} <= set(checks)
    assert "published_marts:permission_to_write" in checks


def test_the_schedule_is_off_until_turned_on_and_keeps_its_zone(loaded: dict[str, object]) -> None:
    assert loaded["schedule"] == ["30 4 * * 1-5", "America/New_York", "STOPPED"]


def test_workspace_yaml_names_the_code_location() -> None:
    import yaml

    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())
    [entry] = workspace["load_from"]
    assert entry["python_module"]["module_name"] == "dagster_project.definitions"
