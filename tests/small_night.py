"""A small night without an org: hand-made marts, plans made and committed by the shipped functions, then published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from connectors.event_log import EventLog
from dagster_project.calendars import BusinessCalendar
from dagster_project.decisions import (
    ACTIONS_PLANNED,
    CANDIDATES,
    DAY_BLOCKS,
    PLAN_COEFFICIENTS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
    commit_decisions,
)
from dagster_project.plan.columns import COEFFICIENT_KEY, PLAN_KEY, STEP_KEY, WEEK_KEY
from dagster_project.plan.day.blocks import DAY_BLOCK_KEY
from dagster_project.plan.day.blocks_of_plans import blocks_of_plans
from dagster_project.plan.day.events import local_events, rep_zones
from dagster_project.plan.day.lists import day_list
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.reading import read_inputs
from tests.plan.day_frames import at, day_of, first_meeting
from tests.plan.test_inputs import AS_OF, MARTS, PLAN

CARD_KEY = ("plan_date", "action_key")
KEYS = {
    PLANS: PLAN_KEY, PLAN_STEPS: STEP_KEY, PLAN_WEEKS: WEEK_KEY, PLAN_COEFFICIENTS: COEFFICIENT_KEY,
    DAY_BLOCKS: DAY_BLOCK_KEY, ACTIONS_PLANNED: CARD_KEY, CANDIDATES: CARD_KEY,
}  # fmt: skip
HOSTILE = "Eve\x1b[31m\u202e\n<b>絵美</b> 🦊"
PEOPLE = f"""
create or replace table run_parameters as select date '{AS_OF}' as as_of_date, 'Asia/Tokyo' as time_zone,
    'JPY' as currency, 'JP' as country_code;
alter table dim_rep add column rep_name varchar;
alter table dim_rep add column team_name varchar;
update dim_rep set rep_name = '林 優子', team_name = '東日本営業部' where rep_id = 'A';
"""


DAY = day_of(
    [first_meeting(at(14, day=PLAN), at(15, day=PLAN), subject="北斗学園\u202e様 初回商談")],
    zones={"A": "Asia/Tokyo", "B": None},
    tasks=[("00T1", "A", "見積書を送る", PLAN)],
    day=PLAN,
    languages={"A": "ja"},
)
CARDS = pl.DataFrame(
    [
        ("k1", "「北斗\x1b[2J学園」様に電話する", "16日間、連絡の記録がありません。", "morning", 1, True, None, "2万円"),
        ("k2", "「東都物産」様の商談を前に進める", "26日間、同じフェーズです。", "afternoon", 2, True, None, "1万円"),
        ("k3", "「南海商事」様に電話する", "9日間、連絡の記録がありません。", "morning", None, False, "block_is_full", "1円"),
    ],
    schema=[
        "action_key", "subject", "fact", "block", "rank", "is_chosen", "left_out_reason", "description",
    ],
    orient="row",
).with_columns(
    rep_id=pl.lit("A"), plan_date=pl.lit(PLAN), fired_date=pl.lit(PLAN), gain_amount=pl.lit(1.0),
    description=pl.format("{}\n期待効果 {}。", "fact", "description"),
)  # fmt: skip


def make_small_night(data_dir: Path) -> Path:
    """The data folder of a night over two reps, one of them (林 優子) with a quota in a team; returns the published file."""
    published = data_dir / "published" / "marts.duckdb"
    published.parent.mkdir(parents=True)
    with duckdb.connect(str(published)) as connection:
        connection.execute(MARTS)
        connection.execute(PEOPLE)
        connection.execute("update dim_rep set rep_name = ? where rep_id = 'B'", [HOSTILE])
    inputs = read_inputs(
        published, as_of_date=AS_OF, plan_date=PLAN, calendar=BusinessCalendar(), currency="JPY"
    )
    tables = make_plans(inputs)
    kept = by_stream(tables) | {DAY_BLOCKS: blocks_of_plans(DAY, inputs, tables.plans, tables.steps)}
    cards = {ACTIONS_PLANNED: CARDS.filter(is_chosen=True), CANDIDATES: CARDS}
    _commit(EventLog(data_dir / "log"), kept | cards)
    _publish(published, kept | cards | {"day_list": _day_list(kept[DAY_BLOCKS])})
    return published


def by_stream(tables: PlanTables) -> dict[str, pl.DataFrame]:
    """The tables of a plan by the stream of the log they are kept in."""
    return {
        PLANS: tables.plans,
        PLAN_STEPS: tables.steps,
        PLAN_WEEKS: tables.weeks,
        PLAN_COEFFICIENTS: tables.coefficients,
    }


def _day_list(blocks: pl.DataFrame) -> pl.DataFrame:
    events = local_events(DAY, rep_zones(DAY, DAY.reps["rep_id"]))
    chosen, weighed = CARDS.filter(is_chosen=True), CARDS.filter(is_chosen=False)
    return day_list(PLAN, DAY.reps, blocks, chosen, weighed, events, DAY.tasks)


def _commit(log: EventLog, tables: Mapping[str, pl.DataFrame]) -> None:
    now = datetime(2026, 11, 16, 20, tzinfo=UTC)
    for stream, rows in tables.items():
        commit_decisions(log, stream, rows, key=KEYS[stream], plan_date=PLAN, run_id="night", now=now)


def _publish(published: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    names = {PLANS: "plan_today"}
    with duckdb.connect(str(published)) as connection:
        for stream, rows in tables.items():
            connection.register("decided", rows.to_arrow())
            connection.execute(f"create table {names.get(stream, stream)} as select * from decided")
            connection.unregister("decided")
