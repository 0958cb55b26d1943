"""The marts of a sales organisation of 10,000 to a million opportunities: seconds and rows per model, peak memory.

Run by ``make bench-marts`` (sizes S and M; ``SIZES=S,M,L`` for others); prints tables and judges nothing. A full build
into a new file comes first, then the night after it, in which half a per cent of the opportunities changed; dbt runs as a
child, as a night runs it. With a folder in ``KEEP`` the data folders stay there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benches import large_log
from connectors.event_log import EventLog
from dagster_project.settings import Settings
from dagster_project.transform.dbt_child import dbt_environment, dbt_executable, ensure_manifest
from dagster_project.transform.marts_build import begin_build, finish_build
from dagster_project.transform.parameters import RunParameters, last_complete_day

DEALS = {"S": 10_000, "M": 100_000, "L": 1_000_000}
TIME_ZONE = "Asia/Tokyo"
TESTS = "data tests"
# Aim and limit at size L; the night's at every size.
FULL_SECONDS, FULL_GIBIBYTES, NIGHT_SECONDS = (60, 120), (4.0, 6.0), 15
HEADS = ("model", "rows", "full s", "night s")


@dataclass(frozen=True)
class Built:
    """One dbt child: wall and CPU seconds, peak memory, seconds by model (all tests together), rows by table."""

    seconds: float
    cpu_seconds: float
    peak_gibibytes: float
    seconds_by_node: Mapping[str, float]
    rows_by_table: Mapping[str, int]


def build(settings: Settings, now: datetime) -> Built:
    """Build every model and run every data test, as a night does. Raises RuntimeError with dbt's last lines."""
    output = settings.dbt_target_dir / "output.txt"
    started = time.perf_counter()
    made = begin_build(settings, EventLog(settings.log_dir), _parameters(now))
    with output.open("w") as printed:
        child = subprocess.Popen(
            [dbt_executable(), "--quiet", *made.command],
            cwd=settings.dbt_dir,
            env={**os.environ, **dbt_environment(settings)},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise RuntimeError("dbt failed: " + " ".join(output.read_text().splitlines()[-8:]))
    finish_build(settings, made)
    return Built(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_gibibytes=usage.ru_maxrss / 2**20,
        seconds_by_node=_seconds_by_node(settings.dbt_target_dir / "run_results.json"),
        rows_by_table=_rows_by_table(settings.warehouse_file),
    )


def _parameters(now: datetime) -> RunParameters:
    return RunParameters(
        as_of_date=last_complete_day(now, TIME_ZONE),
        known_at=now,
        time_zone=TIME_ZONE,
        minimum_at_risk=30,
        clock_stage_name=None,
        country_code="JP",
        currency="JPY",
    )


def _seconds_by_node(run_results: Path) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    for each in json.loads(run_results.read_text())["results"]:
        kind, _, name, *_ = each["unique_id"].split(".")
        spent[name if kind == "model" else TESTS] += each["execution_time"]
    return dict(spent)


def _rows_by_table(warehouse: Path) -> dict[str, int]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return dict(connection.sql("select table_name, estimated_size from duckdb_tables()").fetchall())


def measured(deals: int, folder: Path) -> tuple[Built, Built]:
    """A full build, and the night after it on the same warehouse. The project is parsed before."""
    cached = large_log.cached_log(deals)
    settings = Settings(data_dir=folder)
    settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
    ensure_manifest(settings)
    large_log.first_night_log(cached, settings.log_dir)
    full = build(settings, large_log.FIRST_NIGHT)
    large_log.second_night_log(cached, settings.log_dir)
    return full, build(settings, large_log.SECOND_NIGHT)


def show(size: str, full: Built, night: Built) -> None:
    """Print one size: its models, slowest first, and the totals beside their limits (which hold at L)."""
    print(f"\n### {size}: {DEALS[size]:,} opportunities\n")
    print(_line(HEADS))
    print(_line(["---", *["---:"] * (len(HEADS) - 1)]))
    for name in sorted(full.seconds_by_node, key=full.seconds_by_node.__getitem__, reverse=True):
        rows = full.rows_by_table.get(name)
        told = "" if rows is None else f"{rows:,}"
        print(
            _line(
                [name, told, f"{full.seconds_by_node[name]:.2f}", f"{night.seconds_by_node.get(name, 0):.2f}"]
            )
        )
    print(f"\n- full build: {_totals(full)}; at L the aim is {_aims()}")
    print(f"- night with 0.5 % changed: {_totals(night)}; the aim is {NIGHT_SECONDS} s")


def _totals(built: Built) -> str:
    in_models = sum(built.seconds_by_node.values())
    return (
        f"{built.seconds:.1f} s ({in_models:.1f} s in models and tests, on two threads), "
        f"{built.cpu_seconds:.1f} s of CPU, peak {built.peak_gibibytes:.2f} GiB"
    )


def _aims() -> str:
    (seconds, slowest), (memory, most) = FULL_SECONDS, FULL_GIBIBYTES
    return f"{seconds} s and {memory:g} GiB, the limit {slowest} s and {most:g} GiB"


def show_growth(sizes: Sequence[str], builds: Mapping[str, tuple[Built, Built]]) -> None:
    """Print how seconds grow beside how opportunities do."""
    for smaller, larger in pairwise(sizes):
        linear = DEALS[larger] / DEALS[smaller]
        full, night = (
            after.seconds / before.seconds
            for before, after in zip(builds[smaller], builds[larger], strict=True)
        )
        print(
            f"- {smaller} to {larger}: full build × {full:.1f}, night × {night:.1f}; linear would be × {linear:g}"
        )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure and print the sizes asked for."""
    sizes = [each.strip() for each in os.environ.get("SIZES", "S,M").split(",")]
    builds = {}
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            folder = Path(os.environ.get("KEEP", name)) / size
            builds[size] = measured(DEALS[size], folder)
            show(size, *builds[size])
    print()
    show_growth(sizes, builds)


if __name__ == "__main__":
    main()
