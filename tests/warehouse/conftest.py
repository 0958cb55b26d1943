"""Warehouses that several tests read: each is built once per session by dbt in a child process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import shared_data
from tests.datasets.demo_org import read_demo_org
from tests.datasets.maven import write_maven_csv
from tests.warehouse import cases, helpers, winless_org
from tests.warehouse.helpers import Warehouse

NewWarehouse = Callable[[str], Warehouse]
MAVEN_AS_OF = date(2017, 12, 31)
SINCE_FIRST_CLOSE = "2017-02-28..2017-12-31"
THREE_QUARTERS = "2017-03-31..2017-12-31"


@pytest.fixture(scope="session")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory) -> NewWarehouse:
    """Makes a warehouse with empty streams; all share the parsed dbt project."""
    target = tmp_path_factory.mktemp("dbt_target")

    def make(name: str) -> Warehouse:
        warehouse = Warehouse(tmp_path_factory.mktemp(name), target)
        helpers.declare(warehouse)
        return warehouse

    return make


@pytest.fixture(scope="session")
def awkward(new_warehouse: NewWarehouse) -> Warehouse:
    """Deals that are each awkward in one way, in an organisation in Tokyo, as of 30 June 2026."""
    warehouse = new_warehouse("awkward")
    cases.land_cases(warehouse)
    helpers.write_run(warehouse, cases.AS_OF_DATE, time_zone="Asia/Tokyo", known_at=cases.KNOWN_AT)
    helpers.build(warehouse, with_unit_tests=True)
    return warehouse


@pytest.fixture(scope="session")
def winless(new_warehouse: NewWarehouse) -> Warehouse:
    """An organisation in New York that never won a deal, as of 15 April 2026, every model with its data tests."""
    warehouse = new_warehouse("winless")
    winless_org.build(warehouse)
    return warehouse


@pytest.fixture(scope="session")
def maven(new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The Maven data as of 2017-12-31, clock starting at the engage date, every model with its data tests."""
    folder: Path = tmp_path_factory.mktemp("maven_csv")
    write_maven_csv(shared_data("maven_crm"), folder)
    warehouse = new_warehouse("maven")
    helpers.land(warehouse, helpers.read_salesforce_csv(folder))
    chosen = [
        (SINCE_FIRST_CLOSE, None, date(2017, 2, 28), MAVEN_AS_OF),
        (THREE_QUARTERS, None, date(2017, 3, 31), MAVEN_AS_OF),
    ]
    windows = [*helpers.standard_windows(MAVEN_AS_OF), *chosen]
    helpers.write_run(warehouse, MAVEN_AS_OF, clock_stage_name="Engaging", windows=windows)
    helpers.dbt(warehouse, "build", "--exclude-resource-type", "unit_test")
    return warehouse


@pytest.fixture(scope="session")
def demo_org(new_warehouse: NewWarehouse) -> Warehouse:
    """The exported demo org as of the end of its year."""
    warehouse = new_warehouse("demo_org")
    helpers.land(warehouse, read_demo_org(shared_data("salesforce_demo_org")))
    helpers.write_run(warehouse, date(2022, 12, 31))
    helpers.build(warehouse)
    return warehouse
