"""What a day is made around, read from a small warehouse with the columns of the marts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.plan.day.reading import DayInputs, read_day
from dagster_project.plan.input_frames import PlanInputError

PLAN = date(2026, 11, 24)
MARTS = """
create table dim_rep as select * from (values
    ('A', 'Asia/Tokyo', 'ja', true), ('gone', 'Asia/Tokyo', 'ja', false)
) as t(rep_id, time_zone, language, is_active);
create table fct_activity (
    activity_id varchar, activity_kind varchar default 'event', rep_id varchar default 'A',
    subject varchar default 'Meeting', activity_at timestamptz, activity_date date, duration_minutes integer,
    created_at timestamptz default '2026-11-01 00:00:00Z', is_done boolean default false,
    is_all_day boolean default false, is_cancelled boolean default false, is_own_write boolean default false,
    is_appointment boolean default false, is_first_meeting boolean default false, opportunity_id varchar,
    account_id varchar, who_id varchar
);
insert into fct_activity (activity_id, activity_at, activity_date, duration_minutes) values
    ('timed', '2026-11-24 01:00:00Z', '2026-11-24', 90),
    ('no length', '2026-11-24 02:00:00Z', '2026-11-24', null),
    ('over night', '2026-11-23 13:00:00Z', '2026-11-23', 720),
    ('last week', '2026-11-17 01:00:00Z', '2026-11-17', 60),
    ('next week', '2026-12-01 01:00:00Z', '2026-12-01', 60);
insert into fct_activity (activity_id, activity_at, activity_date, duration_minutes, is_cancelled, is_own_write) values
    ('cancelled', '2026-11-24 01:00:00Z', '2026-11-24', 60, true, false),
    ('ours', '2026-11-24 01:00:00Z', '2026-11-24', 60, false, true);
insert into fct_activity (activity_id, activity_at, activity_date, duration_minutes, is_all_day, account_id) values
    ('fair, second day', '2026-11-22 15:00:00Z', '2026-11-23', 2880, true, '001'),
    ('fair, over', '2026-11-21 15:00:00Z', '2026-11-22', 2880, true, '001'),
    ('no length, all day', '2026-11-23 15:00:00Z', '2026-11-24', null, true, null);
insert into fct_activity (activity_id, activity_at, activity_date, duration_minutes, is_appointment, is_first_meeting, opportunity_id) values
    ('met before', '2026-10-24 01:00:00Z', '2026-10-24', 60, true, true, '006met'),
    ('second', '2026-11-24 05:00:00Z', '2026-11-24', 60, true, false, '006met'),
    ('first', '2026-11-24 06:00:00Z', '2026-11-24', 60, true, false, '006new');
insert into fct_activity (activity_id, activity_kind, activity_at, activity_date, is_done, is_own_write) values
    ('due', 'task', '2026-11-23 15:00:00Z', '2026-11-24', false, false),
    ('overdue', 'task', '2026-11-09 15:00:00Z', '2026-11-10', false, false),
    ('tomorrow', 'task', '2026-11-24 15:00:00Z', '2026-11-25', false, false),
    ('done', 'task', '2026-11-23 15:00:00Z', '2026-11-24', true, false),
    ('our task', 'task', '2026-11-23 15:00:00Z', '2026-11-24', false, true),
    ('no due date', 'task', '2026-11-01 00:00:00Z', '2026-11-01', false, false);
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(MARTS)
    return path


@pytest.fixture
def day(warehouse: Path) -> DayInputs:
    return read_day(warehouse, plan_date=PLAN, time_zone="Asia/Tokyo")


def test_events_that_may_touch_the_day_whatever_the_zone(day: DayInputs) -> None:
    assert set(day.events["activity_id"]) == {
        "timed",
        "no length",
        "over night",
        "fair, second day",
        "no length, all day",
        "second",
        "first",
    }


def test_customers_and_first_meetings_are_told_apart(day: DayInputs) -> None:
    customers = day.events.filter(pl.col("has_customer"))["activity_id"]
    assert set(customers) == {"fair, second day", "second", "first"}
    assert day.events.filter(pl.col("is_first_meeting"))["activity_id"].to_list() == ["first"]


def test_lengths(day: DayInputs) -> None:
    minutes = (pl.col("ends_at") - pl.col("starts_at")).dt.total_minutes()
    found = dict(day.events.select("activity_id", minutes).iter_rows())
    assert (found["timed"], found["no length"]) == (90, 0)


def test_promised_for_today_are_the_rep_s_own_open_tasks_with_a_due_date(day: DayInputs) -> None:
    assert day.tasks.select("activity_id", "due_date").rows() == [
        ("due", PLAN),
        ("overdue", date(2026, 11, 10)),
    ]


def test_only_active_reps_have_a_day(day: DayInputs) -> None:
    assert day.reps.rows() == [("A", "Asia/Tokyo", "ja")]


def test_a_missing_warehouse_or_column_says_what_to_do(tmp_path: Path, warehouse: Path) -> None:
    with pytest.raises(PlanInputError, match="no warehouse yet"):
        read_day(tmp_path / "none.duckdb", plan_date=PLAN, time_zone="Asia/Tokyo")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("alter table fct_activity drop column is_cancelled")
    with pytest.raises(PlanInputError, match="is_cancelled"):
        read_day(warehouse, plan_date=PLAN, time_zone="Asia/Tokyo")
