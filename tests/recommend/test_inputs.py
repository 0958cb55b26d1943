"""Reading the warehouse and what earlier nights left in the log."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.recommend.inputs import own_tasks, past_actions, read_inputs
from dagster_project.recommend.recommend import RecommendSettings, recommend
from tests.recommend.frames import (
    ACTIVITY,
    AS_OF,
    OPPORTUNITY,
    PLAN,
    REP,
    SPELL,
    WIN_AHEAD,
    frame,
    opportunity,
    reps,
    spell,
    touch,
    win_ahead,
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    marts = {
        "fct_opportunity": frame([opportunity()], OPPORTUNITY),
        "fct_stage_spells": frame([spell(20)], SPELL),
        "fct_activity": frame([touch(16)], ACTIVITY),
        "fct_win_ahead": frame([win_ahead(0.2)], WIN_AHEAD),
        "dim_rep": reps(),
        "run_parameters": pl.DataFrame({"as_of_date": [AS_OF], "time_zone": ["Asia/Tokyo"]}),
    }
    with duckdb.connect(str(path)) as connection:
        for name, rows in marts.items():
            connection.register("given", rows.to_arrow())
            connection.execute(f"create table {name} as select * from given")
            connection.unregister("given")
    return path


def test_a_night_from_the_warehouse(warehouse: Path) -> None:
    settings = RecommendSettings(held_out_share=0.0)
    inputs = read_inputs(warehouse, plan_date=PLAN, settings=settings)
    tables = recommend(inputs)
    assert inputs.facts.as_of_date == AS_OF
    assert tables.actions.select("rep_id", "action_type").rows() == [(REP, "break_silence")]


def test_what_a_night_chose_is_the_past_of_the_next(warehouse: Path) -> None:
    settings = RecommendSettings(held_out_share=0.0)
    first = recommend(read_inputs(warehouse, plan_date=PLAN, settings=settings))
    later = date(2026, 11, 24)
    second = recommend(
        read_inputs(warehouse, plan_date=later, past_candidates=first.candidates, settings=settings)
    )
    assert second.actions.is_empty()
    assert second.candidates["left_out_reason"].to_list() == ["still_on_list"]


def test_withheld_cards_are_part_of_the_past() -> None:
    candidates = pl.DataFrame(
        {
            "action_key": ["shown", "withheld", "waiting"],
            "action_type": ["a"] * 3,
            "opportunity_id": ["006"] * 3,
            "plan_date": [PLAN] * 3,
            "is_chosen": [True, False, False],
            "left_out_reason": [None, "held_out", "can_wait"],
        }
    )
    found = past_actions(candidates)
    assert found.select("action_key", "is_held_out").rows() == [("shown", False), ("withheld", True)]


def test_tasks_tell_done_deleted_and_dismissed() -> None:
    tasks = pl.DataFrame(
        {
            "GyakusanActionKey__c": ["k1", "k2", "k3", None],
            "GyakusanDismissedBecause__c": [None, None, "Not now", None],
            "kind": ["observed", "deleted", "observed", "observed"],
            "occurred_at": [datetime(2026, 11, 18, 20, tzinfo=UTC)] * 4,
            "IsClosed": [True, False, False, False],
        }
    )
    assert own_tasks(tasks, "Asia/Tokyo").rows() == [
        ("k1", True, False, None),
        ("k2", False, True, None),
        ("k3", False, False, date(2026, 11, 19)),
    ]


@pytest.mark.parametrize("facts", [None, pl.DataFrame({"Id": ["00T"]})])
def test_an_org_without_our_fields_has_no_task_states(facts: pl.DataFrame | None) -> None:
    assert own_tasks(facts, "Asia/Tokyo").is_empty()


def test_an_empty_warehouse_is_an_error(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from run_parameters")
    with pytest.raises(ValueError, match="run_parameters"):
        read_inputs(warehouse, plan_date=PLAN)
