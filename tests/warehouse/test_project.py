"""How the dbt project is built: who reads what, and that everything says what it is."""

from __future__ import annotations

import ast
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.salesforce.schema.objects import OBJECTS
from dagster_project.gate.verdicts import VERDICT_FIELDS
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

MODELS = helpers.PROJECT / "models"


@pytest.fixture(scope="module")
def manifest(awkward: Warehouse) -> dict[str, Any]:
    """The project as dbt parsed it for any of the warehouses."""
    loaded: dict[str, Any] = json.loads((awkward.target / "manifest.json").read_text())
    return loaded


def models(manifest: dict[str, Any], folder: str) -> dict[str, Any]:
    nodes = manifest["nodes"].values()
    return {
        node["name"]: node for node in nodes if node["resource_type"] == "model" and node["fqn"][1] == folder
    }


def parents(node: dict[str, Any]) -> list[str]:
    return list(node["depends_on"]["nodes"])


def test_staging_reads_sources_only(manifest: dict[str, Any]) -> None:
    read = {parent for node in models(manifest, "staging").values() for parent in parents(node)}
    assert read
    assert {parent for parent in read if not parent.startswith("source.")} == set()


def test_nothing_after_staging_reads_sources(manifest: dict[str, Any]) -> None:
    later = [node for folder in ("intermediate", "marts") for node in models(manifest, folder).values()]
    assert [
        node["name"] for node in later if any(parent.startswith("source.") for parent in parents(node))
    ] == []


def test_contracts_are_enforced_on_marts(manifest: dict[str, Any]) -> None:
    marts = models(manifest, "marts")
    assert marts
    assert [name for name, node in marts.items() if not node["config"]["contract"]["enforced"]] == []


def test_constraints_hold_in_the_tables_themselves(awkward: Warehouse, tmp_path: Path) -> None:
    """What the YAML promises of a column, the table refuses to break: no data test needs to ask again."""
    copy = shutil.copy(awkward.root / "warehouse.duckdb", tmp_path / "copy.duckdb")
    with duckdb.connect(str(copy)) as connection:
        for broken in ("channel = 'fax'", "activity_id = null"):
            with pytest.raises(duckdb.ConstraintException):
                connection.execute(f"update fct_activity set {broken}")


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("insert into dim_stage from dim_stage limit 1", "dim_stage: stage_(name|order) held twice"),
        ("update fct_opportunity set rep_id = 'nobody'", "fct_opportunity: rep_id not in dim_rep"),
    ],
)
def test_a_key_that_is_held_twice_or_leads_nowhere_is_named(
    awkward: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, named: str
) -> None:
    # Views read the log from where dbt was started.
    monkeypatch.chdir(awkward.root)
    (compiled,) = awkward.target.glob("compiled/*/tests/records_are_identified.sql")
    # The name of the file is that of the database in dbt's statements.
    copy = shutil.copy(awkward.root / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(copy)) as connection:
        assert connection.execute(compiled.read_text()).fetchall() == []
        connection.execute(broken)
        with pytest.raises(duckdb.Error, match=named):
            connection.execute(compiled.read_text()).fetchall()


def test_rates_and_their_bounds_are_constrained(manifest: dict[str, Any]) -> None:
    unbound = [
        f"{name}.{column['name']}"
        for name, node in models(manifest, "marts").items()
        for column in node["columns"].values()
        if re.match(r"(lower|upper)_\d\d$|win_rate|rate_(raw|shrunk)$|p_win$", column["name"])
        and not any("between 0 and 1" in str(each.get("expression")) for each in column["constraints"])
    ]
    assert unbound == []


def test_durations_are_constrained(manifest: dict[str, Any]) -> None:
    """No span of time in a mart can be negative: the table refuses it."""
    unbound = [
        f"{name}.{column['name']}"
        for name, node in models(manifest, "marts").items()
        for column in node["columns"].values()
        if re.search(r"(^|_)(days|minutes|hours)(_before|_after|_left|_ahead)?$", column["name"])
        and not any(
            re.search(r">=? 0|between 0 and", str(each.get("expression"))) for each in column["constraints"]
        )
    ]
    assert unbound == []


def own(manifest: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """What the project itself defines; tests that hang on a column speak through their names."""
    nodes = [node for kind in kinds for node in manifest[kind].values()]
    return [node for node in nodes if node["package_name"] == "gyakusan" and not node.get("test_metadata")]


DESCRIBED = "nodes", "sources", "macros", "exposures", "unit_tests"


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    """What the docs show: models, sources, columns, macros and their arguments, exposures, tests by name."""
    everything = own(manifest, *DESCRIBED)
    shown = {node["resource_type"]: node for node in everything}
    assert shown.keys() == {"model", "test", "source", "macro", "exposure", "unit_test"}
    empty = [node["name"] for node in everything if not (node.get("description") or "").strip()]
    parts = [
        f"{node['name']}.{part['name']}"
        for node in everything
        for part in [*node.get("columns", {}).values(), *node.get("arguments", [])]
        if not part["description"].strip()
    ]
    assert (empty, parts) == ([], [])


def test_models_name_their_columns(manifest: dict[str, Any]) -> None:
    models = [node for node in own(manifest, "nodes") if node["resource_type"] == "model"]
    assert [node["name"] for node in models if not node["columns"]] == []


def test_macros_name_their_arguments(manifest: dict[str, Any]) -> None:
    signature = re.compile(r"{%-?\s*(?:macro|test)\s+\w+\(([^)]*)\)")
    wrong = []
    for macro in own(manifest, "macros"):
        if macro["name"].startswith("materialization_"):
            continue
        (found,) = signature.findall(macro["macro_sql"])
        arguments = [each.split("=")[0].strip() for each in found.split(",") if each.strip()]
        named = [argument["name"] for argument in macro["arguments"]]
        # What an engine has of its own is hidden in the docs behind the macro that dispatches to it.
        if named != arguments and macro["docs"]["show"]:
            wrong.append((macro["name"], named, arguments))
    assert wrong == []


FACT_COLUMNS = {"event_id", "record_id", "kind", "occurred_at", "observed_at", "sequence"}


def test_every_source_column_that_is_read_is_named(manifest: dict[str, Any]) -> None:
    """The fields a staging model asks a stream for, and those every fact has."""
    named = {
        (source["source_name"], source["name"]): set(source["columns"])
        for source in manifest["sources"].values()
    }
    read = {key: FACT_COLUMNS for key in named if key[0] == "log" and key[1] != "gate_verdicts"}
    for model in models(manifest, "staging").values():
        asked = re.findall(r"'(\w+)':\s*'", model["raw_code"])
        for stream in re.findall(r"(?:state_as_of|last_state|accepted_facts)\('(\w+)'", model["raw_code"]):
            read["log", stream] = read["log", stream] | set(asked)
    assert len(read) > 15
    lacking = {key: columns - named[key] for key, columns in read.items() if not columns <= named[key]}
    assert lacking == {}


def mentioned(names: set[str], *paths: str) -> set[str]:
    """Which of `names` the code (not its docstrings) of files and folders of dagster_project speaks of."""
    folder = helpers.PROJECT.parent / "dagster_project"
    files = [file for path in paths for file in sorted((folder / path).rglob("*.py")) or [folder / path]]
    texts = []
    for file in files:
        tree = ast.parse(file.read_text())
        statements = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # a docstring is a statement of its own
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements
        ]
    return names & set(re.findall(r"\w+", " ".join(texts)))


EXPOSED = {
    "next_actions_in_salesforce": ("plan", "recommend"),
    "night_report": ("publish/figures.py", "publish/today.py", "publish/summary.py"),
    "evening_review": ("review",),
    "backtest": ("backtest_command.py",),
}


def test_exposures_depend_on_the_marts_that_are_read(manifest: dict[str, Any]) -> None:
    marts = set(models(manifest, "marts"))
    stated = {
        exposure["name"]: {node.rsplit(".", 1)[1] for node in parents(exposure)}
        for exposure in manifest["exposures"].values()
    }
    read = {name: mentioned(marts, *paths) for name, paths in EXPOSED.items()}
    # People may query any mart of the published file.
    assert stated == {**read, "published_marts": marts}


def test_exposures_say_whose_and_how_ripe_they_are(manifest: dict[str, Any]) -> None:
    lacking = [
        exposure["name"]
        for exposure in manifest["exposures"].values()
        if not (exposure["owner"]["name"] and exposure["type"] and exposure["maturity"])
    ]
    assert lacking == []


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_one_model_one_yaml_beside_it(path: Path) -> None:
    assert f"- name: {path.stem}\n" in path.with_suffix(".yml").read_text()


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_no_select_star_outside_staging(path: Path) -> None:
    star = re.search(r"select\s+(\w+\.)?\*", path.read_text())
    assert path.parent.name == "staging" or star is None


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_only_macros_hold_what_engines_write_differently(path: Path) -> None:
    found = re.findall(
        r"\b(arg_max|arg_min|datediff|date_diff|unnest|array_agg|hugeint|struct_pack|timezone)\s*\(",
        path.read_text(),
    )
    assert found == []


def test_an_empty_org_without_our_fields_builds(new_warehouse: NewWarehouse) -> None:
    """Not one field and not one record is in the log: columns come as null, and every mart builds."""
    prepared = new_warehouse("prepared")
    warehouse = Warehouse(prepared.root / "bare", prepared.target)
    for each in OBJECTS:
        warehouse.log.evolve(each.stream, pa.schema([pa.field("Id", pa.string())]))
    warehouse.log.evolve("gate_verdicts", VERDICT_FIELDS)
    helpers.accept(warehouse)
    helpers.write_run(warehouse, date(2026, 6, 30))
    helpers.build(warehouse)
    assert warehouse.row("select count(*) as activities from fct_activity") == {"activities": 0}
