"""A warehouse built from tables alone: they land in a log, the gate accepts them, dbt builds in a child."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from connectors.event_log import EventLog
from connectors.salesforce.schema.objects import OBJECTS
from dagster_project.gate.verdicts import VERDICT_FIELDS
from dagster_project.transform.build_state import last_build_table
from dagster_project.transform.changed_records import CHANGED_SCHEMA
from dagster_project.transform.parameters import days_off_table

# A name that SQL text must survive. Relative to where dbt runs: all warehouses share one parsed project.
LOG_FOLDER = "the org's log"
PROJECT = Path(__file__).resolve().parents[2] / "dbt"
INSTANT = pa.timestamp("us", tz="UTC")
OBSERVED_AT = datetime(2100, 1, 1, tzinfo=UTC)

# What these tests are about; the estimates on top have tests of their own.
MODELS = [
    "+dim_rep",
    "+dim_stage",
    "+dim_sales_process",
    "+dim_calendar",
    "+fct_opportunity",
    "+fct_stage_spells",
    "+fct_activity",
    "+fct_crm_events",
    "+fct_quota",
    "+run_parameters",
    "+int_touch_appointments",
    "+dim_segment",
]


@dataclass(frozen=True)
class Warehouse:
    """Folders of one warehouse under `root`, and where dbt keeps its parsed project."""

    root: Path
    target: Path

    @property
    def log(self) -> EventLog:
        return EventLog(self.root / LOG_FOLDER)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "GYAKUSAN_LOG": LOG_FOLDER,
            "GYAKUSAN_RUN": "run",
            "GYAKUSAN_WAREHOUSE": "warehouse.duckdb",
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.root / "logs"),
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "PYTHONPATH": str(PROJECT.parent),
        }

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query on the built warehouse."""
        with duckdb.connect(str(self.root / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            found: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
            return found

    def row(self, sql: str) -> dict[str, Any]:
        """The only row of a query."""
        (row,) = self.rows(sql)
        return row


def declare(warehouse: Warehouse) -> None:
    """Every stream exists, empty, as after the first pull of an empty org."""
    for each in OBJECTS:
        warehouse.log.evolve(each.stream, each.base_contract())
    warehouse.log.evolve("gate_verdicts", VERDICT_FIELDS)


def land(
    warehouse: Warehouse,
    tables: Mapping[str, pa.Table | Sequence[Mapping[str, Any]]],
    observed_at: datetime = OBSERVED_AT,
) -> None:
    """Append objects (Salesforce names -> rows or tables) to the log and have the gate accept all of it."""
    append(warehouse, tables, observed_at)
    accept(warehouse, observed_at)


def append(
    warehouse: Warehouse,
    tables: Mapping[str, pa.Table | Sequence[Mapping[str, Any]]],
    observed_at: datetime = OBSERVED_AT,
) -> None:
    """Append objects (Salesforce names -> rows or tables) to the log; the gate has yet to see them."""
    streams = {each.name: each for each in OBJECTS}
    for name, rows in tables.items():
        table = rows if isinstance(rows, pa.Table) else table_of(rows)
        stream = streams[name].stream
        log = warehouse.log
        known = {field.name.lower() for field in log.contract(stream)}
        new = [
            field
            for field in table.schema
            if field.name.lower() not in known and not pa.types.is_null(field.type)
        ]
        log.evolve(stream, pa.schema(new))
        log.append_observed(
            stream,
            table,
            run_id="test",
            source="csv",
            observed_at=observed_at,
            window=observed_at.isoformat(),
        )


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table with every column that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def accept(warehouse: Warehouse, observed_at: datetime = OBSERVED_AT) -> None:
    """The gate's word that every stream was checked to its end."""
    streams = [each.stream for each in OBJECTS]
    checked: dict[str, Any] = {
        "record_id": streams,
        "kind": ["checked"] * len(streams),
        "occurred_at": pa.array([observed_at] * len(streams), INSTANT),
        "stream": streams,
        "checked_to_sequence": pa.array([warehouse.log.last_sequence(each) for each in streams], pa.int64()),
    }
    warehouse.log.append_facts(
        "gate_verdicts",
        pa.table(checked),
        run_id="test",
        observed_at=observed_at,
        key=["kind", "stream", "checked_to_sequence"],
    )


def refuse(
    warehouse: Warehouse,
    stream: str,
    event_ids: Iterable[str],
    kind: str = "refused",
    observed_at: datetime = OBSERVED_AT,
) -> None:
    """The gate's verdict on single facts."""
    judged = list(event_ids)
    sequence = warehouse.log.last_sequence("gate_verdicts")
    rows: dict[str, Any] = {
        "record_id": [f"{event_id}-{sequence}" for event_id in judged],
        "kind": [kind] * len(judged),
        "occurred_at": pa.array([observed_at] * len(judged), INSTANT),
        "stream": [stream] * len(judged),
        "event_id_judged": judged,
        "reason": ["a test says so"] * len(judged),
    }
    warehouse.log.append_facts(
        "gate_verdicts", pa.table(rows), run_id="test", observed_at=observed_at, key=["record_id", "kind"]
    )


def write_run(
    warehouse: Warehouse,
    as_of_date: date,
    *,
    known_at: datetime = OBSERVED_AT,
    time_zone: str = "UTC",
    clock_stage_name: str | None = None,
    windows: Sequence[tuple[str, int | None, date | None, date]] | None = None,
    country_code: str = "JP",
    company_holidays: Sequence[date] = (),
    are_review_reasons_open: bool = False,
) -> None:
    """The one-row parameters and the windows tonight's build reads."""
    folder = warehouse.root / "run"
    folder.mkdir(parents=True, exist_ok=True)
    parameters: dict[str, Any] = {
        "as_of_date": pa.array([as_of_date], pa.date32()),
        "known_at": pa.array([known_at], INSTANT),
        "time_zone": pa.array([time_zone]),
        "minimum_at_risk": pa.array([30], pa.int32()),
        "clock_stage_name": pa.array([clock_stage_name], pa.string()),
        "country_code": pa.array([country_code]),
        "currency": pa.array(["JPY"]),
        "are_review_reasons_open": pa.array([are_review_reasons_open]),
        "quota_spread": pa.array(["seasonal"]),
    }
    pq.write_table(pa.table(parameters), folder / "parameters.parquet")
    chosen = windows or standard_windows(as_of_date)
    columns: dict[str, Any] = {
        "window_name": pa.array([each[0] for each in chosen], pa.string()),
        "days": pa.array([each[1] for each in chosen], pa.int32()),
        "from_date": pa.array([each[2] for each in chosen], pa.date32()),
        "to_date": pa.array([each[3] for each in chosen], pa.date32()),
    }
    pq.write_table(pa.table(columns), folder / "windows.parquet")
    days_off = days_off_table(country_code, company_holidays, as_of_date)
    pq.write_table(days_off, folder / "days_off.parquet")
    pq.write_table(last_build_table(None), folder / "last_build.parquet")
    pq.write_table(CHANGED_SCHEMA.empty_table(), folder / "changed_records.parquet")


def standard_windows(as_of_date: date) -> list[tuple[str, int | None, date | None, date]]:
    rolling: list[tuple[str, int | None, date | None, date]] = [
        (f"{days}d", days, as_of_date - timedelta(days=days), as_of_date) for days in (30, 90, 180, 365)
    ]
    return [*rolling, ("all", None, None, as_of_date)]


def dbt(
    warehouse: Warehouse, *arguments: str, changes_only: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run dbt as a child, building everything unless told otherwise; its output is in the assertion when it fails."""
    executable = Path(sys.executable).parent / "dbt"
    whole = [] if changes_only or arguments[0] not in ("build", "run") else ["--full-refresh"]
    finished = subprocess.run(
        [str(executable), "--no-use-colors", *arguments, *whole],
        env=warehouse.environment,
        cwd=warehouse.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    return finished


def build(warehouse: Warehouse, *, with_unit_tests: bool = False) -> None:
    """Build the models below the estimates with their data tests, and their unit tests when asked."""
    unit_tests = [] if with_unit_tests else ["--exclude-resource-type", "unit_test"]
    dbt(warehouse, "build", "--indirect-selection", "buildable", *unit_tests, "--select", *MODELS)


def timings(warehouse: Warehouse) -> dict[str, float]:
    """Seconds per node of the last dbt run."""
    results = json.loads((warehouse.target / "run_results.json").read_text())["results"]
    return {each["unique_id"]: float(each["execution_time"]) for each in results}


def read_salesforce_csv(folder: Path) -> dict[str, pa.Table]:
    """CSV files named after objects, every column as text; the log casts."""
    names = {each.name for each in OBJECTS}
    tables = {}
    for path in sorted(folder.glob("*.csv")):
        if path.stem in names:
            with path.open("rb") as file:
                columns = file.readline().decode("utf-8-sig").strip().split(",")
            options = pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                strings_can_be_null=True,
                null_values=[""],
            )
            tables[path.stem] = pa.csv.read_csv(path, convert_options=options)
    return tables
