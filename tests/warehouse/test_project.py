"""How the dbt project is built: who reads what, and that everything says what it is."""

from __future__ import annotations

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


def test_rates_and_their_bounds_are_constrained(manifest: dict[str, Any]) -> None:
    unbound = [
        f"{name}.{column['name']}"
        for name, node in models(manifest, "marts").items()
        for column in node["columns"].values()
        if re.match(r"(lower|upper)_\d\d$|win_rate|rate_(raw|shrunk)$|p_win$", column["name"])
        and not any("between 0 and 1" in str(each.get("expression")) for each in column["constraints"])
    ]
    assert unbound == []


def test_every_model_and_column_is_described(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    empty = [node["name"] for node in nodes if not node["description"].strip()]
    columns = [
        f"{node['name']}.{column['name']}"
        for node in nodes
        for column in node["columns"].values()
        if not column["description"].strip()
    ]
    assert (empty, columns, [node["name"] for node in nodes if not node["columns"]]) == ([], [], [])


def test_every_source_is_described(manifest: dict[str, Any]) -> None:
    assert [
        source["name"] for source in manifest["sources"].values() if not source["description"].strip()
    ] == []


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
