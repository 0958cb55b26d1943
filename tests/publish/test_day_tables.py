"""The day's published tables: blocks with the chosen actions in them, and lists without what is withheld."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from connectors.event_log import EventLog
from dagster_project.calendars import BusinessCalendar
from dagster_project.decisions import ACTIONS_PLANNED, CANDIDATES, DAY_BLOCKS, commit_decisions
from dagster_project.plan.day.blocks import DAY_BLOCK_KEY
from dagster_project.publish.day_tables import day_tables
from dagster_project.settings import Settings
from dagster_project.transform.run import RunDates
from tests.plan.day_frames import DAY, NUMBERS, blocks_of, day_of, numbers_of
from tests.plan.test_day_inputs import MARTS

DATES = RunDates(date(2026, 11, 23), DAY, "Asia/Tokyo", "JPY", BusinessCalendar())
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
SCHEMA = {
    "plan_date": pl.Date(), "action_key": pl.String(), "rep_id": pl.String(), "opportunity_id": pl.String(),
    "action_type": pl.String(), "episode": pl.String(), "subject": pl.String(), "fact": pl.String(),
    "block": pl.String(), "minutes": pl.Int64(), "rank": pl.Int64(), "gain_amount": pl.Decimal(18, 4),
    "left_out_reason": pl.String(),
}  # fmt: skip


def cards(*keys: str, reason: str | None = None) -> pl.DataFrame:
    rows: Sequence[dict[str, object]] = [
        {
            "plan_date": DAY, "action_key": key, "rep_id": "A", "opportunity_id": f"006{key}", "episode": "once",
            "action_type": "unstick_stage", "subject": key, "fact": "a fact", "block": "afternoon", "minutes": 30,
            "rank": place if reason is None else None, "gain_amount": 1, "left_out_reason": reason,
        }
        for place, key in enumerate(keys, start=1)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path / "data", held_out_share=0.5)
    made.warehouse_file.parent.mkdir(parents=True)
    with duckdb.connect(str(made.warehouse_file)) as connection:
        connection.execute(MARTS)
    return made


@pytest.fixture
def tables(tmp_path: Path, settings: Settings) -> dict[str, pl.DataFrame]:
    log = EventLog(tmp_path / "log")
    waiting = cards(*(f"waiting {n}" for n in range(40)), reason="can_wait")
    chosen = cards("one", "two")
    decided = {
        DAY_BLOCKS: (blocks_of(day_of(), numbers=numbers_of(NUMBERS)), DAY_BLOCK_KEY),
        CANDIDATES: (pl.concat([chosen, waiting]), ("plan_date", "action_key")),
        ACTIONS_PLANNED: (chosen, ("plan_date", "action_key")),
    }
    for stream, (rows, key) in decided.items():
        commit_decisions(log, stream, rows, key=key, plan_date=DAY, run_id="r", now=NOW)
    made = day_tables(log, settings, DATES)
    return {name: pl.DataFrame(pl.from_arrow(table)) for name, table in made.items()}


def test_blocks_carry_the_day_s_chosen_actions(tables: dict[str, pl.DataFrame]) -> None:
    blocks = tables["day_blocks"].sort("start_time")
    assert blocks.select("block", "action_keys", "action_minutes").rows() == [
        ("morning", "", 0),
        ("afternoon", "one, two", 60),
        ("evening", "", 0),
    ]
    assert "record_id" not in blocks.columns


def test_the_list_is_in_order_and_in_the_rep_s_language(tables: dict[str, pl.DataFrame]) -> None:
    must = tables["day_list"].filter(pl.col("list") == "must_do")
    assert must["text"].to_list() == [
        "one",
        "two",
        "Meeting",
        "14:00–15:00 Meeting",
        "15:00–16:00 Meeting",
        "Meeting",
        "Meeting",
        "接触(架電・メール) 15件",
        "アポ獲得 5件",
    ]


def test_what_would_be_withheld_is_not_in_the_list_either(tables: dict[str, pl.DataFrame]) -> None:
    wait = tables["day_list"].filter(pl.col("list") == "can_wait")
    shown, rest = wait.filter(pl.col("action_key").is_not_null()), wait["text"].last()
    assert shown.height == 10
    # About half of the forty are of the withheld half, and not counted either.
    assert 1 <= int("".join(filter(str.isdigit, str(rest)))) <= 20
