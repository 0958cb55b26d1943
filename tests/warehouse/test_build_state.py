"""When a night may start from the marts of the last one, and when everything is built again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.event_log import EventLog
from dagster_project.gate import verdicts
from dagster_project.gate.batch import UNMET
from dagster_project.settings import Settings
from dagster_project.transform.build_state import (
    BuildState,
    choices_fingerprint,
    code_fingerprint,
    must_rebuild,
    read_state,
    state_of,
    write_state,
)
from dagster_project.transform.marts_build import begin_build, finish_build
from dagster_project.transform.parameters import RunParameters
from tests.warehouse import helpers
from tests.warehouse.helpers import Warehouse

NIGHT = datetime(2026, 7, 1, 20, tzinfo=UTC)
PARAMETERS = RunParameters(
    as_of_date=date(2026, 6, 30),
    known_at=NIGHT,
    time_zone="Asia/Tokyo",
    minimum_at_risk=30,
    clock_stage_name=None,
    country_code="JP",
    currency="JPY",
)
STATE = BuildState(
    code="code",
    choices="choices",
    as_of_date=PARAMETERS.as_of_date,
    known_at=NIGHT,
    built_to={"task": 10},
    erasures=0,
    verdicts=5,
    judged_again=0,
)


def test_more_facts_a_later_day_and_later_knowledge_start_from_the_last_build() -> None:
    later = replace(
        STATE,
        as_of_date=STATE.as_of_date + timedelta(days=1),
        known_at=NIGHT + timedelta(days=1),
        built_to={"task": 12, "event": 3},
        verdicts=9,
    )
    assert must_rebuild(STATE, later) is None


def test_a_second_night_of_the_same_day_starts_from_the_last_build() -> None:
    assert must_rebuild(STATE, STATE) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code": "other"}, "the models or what runs them changed"),
        ({"choices": "other"}, "settings changed"),
        ({"erasures": 1}, "records were erased"),
        ({"judged_again": 1}, "facts were judged again"),
        ({"as_of_date": date(2026, 6, 29)}, "the last build was of a later day"),
        ({"known_at": NIGHT - timedelta(seconds=1)}, "the last build knew more"),
        ({"built_to": {"task": 9}}, "the log is shorter than it was"),
        ({"built_to": {}}, "the log is shorter than it was"),
    ],
)
def test_all_else_builds_everything_again(change: Mapping[str, object], reason: str) -> None:
    assert must_rebuild(STATE, replace(STATE, **change)) == reason  # type: ignore[arg-type]


def test_without_a_build_before_everything_is_built() -> None:
    assert must_rebuild(None, STATE) == "there is no whole build to start from"


@pytest.fixture
def landed(tmp_path: Path) -> Warehouse:
    """A log with one task and one contact, judged."""
    warehouse = Warehouse(tmp_path, tmp_path)
    helpers.declare(warehouse)
    helpers.land(
        warehouse,
        {"Task": [{"Id": "00T1", "Subject": "Call"}], "Contact": [{"Id": "0031"}]},
        observed_at=NIGHT,
    )
    return warehouse


def now(warehouse: Warehouse) -> BuildState:
    return state_of(warehouse.log, helpers.PROJECT, PARAMETERS, (), ())


def test_an_erasure_builds_everything_the_next_night(landed: Warehouse) -> None:
    before = now(landed)
    landed.log.erase(["0031"], run_id="test", observed_at=NIGHT)
    assert must_rebuild(before, now(landed)) == "records were erased"


def test_a_readmission_builds_everything_the_next_night(landed: Warehouse) -> None:
    fact = landed.log.read("task", ["event_id", "record_id"]).to_pylist()[0]
    row = {**dict.fromkeys(UNMET.names), **fact, "expectation": "e", "reason": "r", "refuses": True}
    unmet = UNMET.empty_table().from_pylist([row], schema=UNMET)
    refusal = verdicts.refused_rows("task", verdicts.refusals(unmet))
    verdicts.record(landed.log, [refusal], run_id="test", now=NIGHT)
    before = now(landed)
    readmission = verdicts.readmitted_rows(verdicts.refused(landed.log))
    verdicts.record(landed.log, [readmission], run_id="test", now=NIGHT)
    assert must_rebuild(before, now(landed)) == "facts were judged again"


def test_another_macro_is_another_code_and_what_dbt_writes_is_none(tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(helpers.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    same = code_fingerprint(project)
    (project / "target").mkdir()
    (project / "target" / "compiled.sql").write_text("select 1")
    assert code_fingerprint(project) == same
    macro = project / "macros" / "facts.sql"
    macro.write_text(macro.read_text() + "\n")
    assert code_fingerprint(project) != same


def test_every_choice_but_the_day_and_the_instant_of_knowledge_counts() -> None:
    chosen = choices_fingerprint(PARAMETERS, ("w",), (date(2026, 1, 2),))
    tomorrow = replace(PARAMETERS, as_of_date=date(2026, 7, 1), known_at=NIGHT + timedelta(days=1))
    assert choices_fingerprint(tomorrow, ("w",), (date(2026, 1, 2),)) == chosen
    assert choices_fingerprint(PARAMETERS, (), (date(2026, 1, 2),)) != chosen
    assert choices_fingerprint(PARAMETERS, ("w",), ()) != chosen
    assert choices_fingerprint(replace(PARAMETERS, currency="USD"), ("w",), (date(2026, 1, 2),)) != chosen


def touched(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize(
    "harm",
    [touched, Path.unlink, lambda path: path.with_name("last_build.json").write_text("{}")],
    ids=["written by another", "gone", "unreadable memory"],
)
def test_another_warehouse_is_none_to_start_from(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    warehouse, memory = tmp_path / "warehouse.duckdb", tmp_path / "last_build.json"
    warehouse.write_bytes(b"tables")
    write_state(memory, STATE, warehouse)
    assert read_state(memory, warehouse) == STATE
    harm(warehouse)
    assert read_state(memory, warehouse) is None


def test_a_night_that_fails_leaves_none_to_start_from(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    log = EventLog(settings.log_dir)
    log.evolve(verdicts.GATE_VERDICTS, verdicts.VERDICT_FIELDS)
    whole = begin_build(settings, log, PARAMETERS)
    assert (whole.why_whole, whole.command[-1]) == ("there is no whole build to start from", "--full-refresh")
    settings.warehouse_file.write_bytes(b"half of the tables")
    assert begin_build(settings, log, PARAMETERS).why_whole == "there is no whole build to start from"
    finish_build(settings, whole)
    settings.warehouse_file.write_bytes(b"all of the tables, by another hand")
    assert begin_build(settings, log, PARAMETERS).why_whole == "there is no whole build to start from"
