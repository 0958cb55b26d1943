"""Inputs read from a small warehouse with the columns of the marts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.plan.calendars import BusinessCalendar
from dagster_project.plan.inputs import PlanInputError, PlanInputs
from dagster_project.plan.plan import make_plans
from dagster_project.plan.reading import read_inputs
from tests.plan.frames import inputs

MARTS = """
create table run_parameters as select 'Asia/Tokyo' as time_zone;
create table dim_rep as select * from (values
    ('A', 'team', 'ja', true, 'a@example.com'), ('B', null, null, true, null)
) as t(rep_id, team_id, language, is_active, email);
create table fct_quota as select 'A' as rep_id, m::date as month_start_date, 1000000::decimal(18, 4) as quota_amount,
    'JPY' as currency, 'forecasting_quota' as source
    from (values ('2026-10-01'), ('2026-11-01')) as t(m);
create table fct_opportunity as select *, date '2024-01-01' as created_date, now() as created_at, 'team' as team_id
from (values
    ('o1', 'A', 'open', 300000::decimal(18, 4), 'JPY', null::date),
    ('o2', 'A', 'won', 200000, 'JPY', '2026-11-10'),
    ('o3', 'A', 'lost', 900000, 'JPY', '2026-11-10'),
    ('o4', 'A', 'won', 700000, 'JPY', '2024-11-10')
) as t(opportunity_id, rep_id, status, amount, currency, closed_date);
create table fct_win_ahead as select * from (values
    ('o1', date '2026-11-30', 'month_end', .5, .3, .7), ('o1', date '2026-12-31', 'month_end', .8, .6, .9),
    ('o1', date '2026-11-30', '90_days', .9, .8, .95)
) as t(opportunity_id, horizon_date, horizon_kind, p_win, lower_80, upper_80);
create table fct_activity_conversion as select * from (values
    (date '2026-11-16', '180d', 'organization', '', 'meeting_to_won', 90, .25::double, .2, .3, false),
    (date '2026-11-09', '180d', 'organization', '', 'meeting_to_won', 90, .99, .2, .3, false),
    (date '2026-11-23', '180d', 'organization', '', 'meeting_to_won', 90, .98, .2, .3, false)
) as t(as_of_date, window_name, scope_kind, scope_id, step, entered, rate_shrunk, lower_80, upper_80, is_too_few);
create table fct_win_by_horizon as select date '2026-11-16' as as_of_date, '180d' as window_name,
    'organization' as scope_kind, '' as scope_id, 30 as horizon_days, 90 as deals, .4::double as win_incidence,
    null::double as win_incidence_shrunk, false as is_too_few;
create table fct_revenue_velocity as select date '2026-11-16' as as_of_date, '180d' as window_name,
    'organization' as scope_kind, '' as scope_id, 100000.0 as average_price, .5 as win_rate, 40.0 as average_cycle_days,
    9.0 as rv_realised, 50 as won, 50 as lost;
create table fct_activity (
    rep_id varchar, activity_kind varchar, subject varchar, activity_date date, activity_at timestamptz,
    created_at timestamptz,
    is_touch boolean default false, is_appointment boolean default false, is_first_meeting boolean default false,
    is_scheduled boolean default false, is_all_day boolean default false, opportunity_id varchar, duration_minutes int,
    result_text varchar
);
insert into fct_activity (rep_id, activity_date, created_at, is_touch) values
    ('A', '2026-11-05', '2026-11-05 03:00:00Z', true), ('A', '2026-10-30', '2026-10-30 03:00:00Z', true);
-- The first meeting of o2 was held on 4 November; what was set after it is a later meeting.
insert into fct_activity (rep_id, activity_date, activity_at, created_at, is_appointment, is_first_meeting, opportunity_id) values
    ('A', '2026-11-04', '2026-11-04 03:00:00Z', '2026-10-20 03:00:00Z', true, true, 'o2'),
    ('A', '2026-11-09', '2026-11-09 03:00:00Z', '2026-11-05 03:00:00Z', true, false, 'o2');
-- Late on 31 October in UTC is 1 November in Tokyo.
insert into fct_activity (rep_id, activity_date, created_at, is_appointment, is_first_meeting) values
    ('A', '2026-11-06', '2026-10-31 20:00:00Z', true, true), ('A', '2026-11-06', '2026-10-31 10:00:00Z', true, false);
insert into fct_activity (rep_id, activity_date, created_at, is_appointment, is_scheduled, opportunity_id) values
    ('A', '2026-11-20', '2026-10-01 03:00:00Z', true, true, null), ('A', '2026-11-20', '2026-10-01 03:00:00Z', true, true, 'o1'),
    ('A', '2026-12-01', '2026-10-01 03:00:00Z', true, true, null);
insert into fct_activity (rep_id, activity_kind, subject, activity_date, created_at, is_all_day, duration_minutes) values
    ('A', 'event', '夏季休暇', '2026-11-26', '2026-10-01 03:00:00Z', true, 2880),
    ('B', 'event', 'Out of Office', '2026-11-18', '2026-10-01 03:00:00Z', true, 1440),
    ('B', 'event', 'Private', '2026-11-25', '2026-10-01 03:00:00Z', true, 1440),
    ('B', 'event', 'Trade show', '2026-11-19', '2026-10-01 03:00:00Z', true, 1440),
    ('B', 'event', 'PTO', '2026-11-20', '2026-10-01 03:00:00Z', false, 60);
update fct_activity set result_text = 'OutOfOffice' where subject = 'Private';
"""
AS_OF, PLAN = date(2026, 11, 16), date(2026, 11, 17)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse with space.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(MARTS)
    return path


def read(warehouse: Path, quota_file: Path | None = None) -> PlanInputs:
    return read_inputs(
        warehouse,
        as_of_date=AS_OF,
        plan_date=PLAN,
        calendar=BusinessCalendar(),
        currency="JPY",
        quota_file=quota_file,
    )


def test_open_deals_and_a_year_of_won_ones(warehouse: Path) -> None:
    assert read(warehouse).opportunities["opportunity_id"].to_list() == ["o1", "o2"]


def test_win_ahead_at_this_month_s_end_once_per_deal(warehouse: Path) -> None:
    assert read(warehouse).win_ahead.rows() == [("o1", date(2026, 11, 30), 0.5, 0.3, 0.7)]


def test_coefficients_of_the_latest_date_not_in_the_future(warehouse: Path) -> None:
    assert read(warehouse).activity_conversion["rate_shrunk"].to_list() == [0.25]


def test_activity_to_date_counts_in_the_org_s_zone(warehouse: Path) -> None:
    row = read(warehouse).activity_to_date.row(by_predicate=pl.col("rep_id") == "A", named=True)
    assert row == {
        "rep_id": "A",
        "done_touches": 1,
        "done_appointments": 1,
        "done_meetings": 2,
        "booked_appointments": 1,
    }


def test_absences_are_all_day_events_that_say_so(warehouse: Path) -> None:
    assert read(warehouse).absences.rows() == [
        ("A", date(2026, 11, 26)),
        ("A", date(2026, 11, 27)),
        ("B", date(2026, 11, 18)),
        ("B", date(2026, 11, 25)),
    ]


def test_what_was_read_makes_a_plan(warehouse: Path) -> None:
    plan = make_plans(read(warehouse)).plans.row(0, named=True)
    assert (plan["quota_amount"], plan["won_amount_to_date"]) == (1_000_000, 200_000)
    assert plan["in_flight_expected_amount"] == 150_000
    # 16 to 30 November less two weekends' worth of days, a holiday and two days off.
    assert plan["business_days_left"] == 7


def test_a_quota_file_fills_in(warehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "quotas.csv"
    path.write_text("rep_email_or_id,month,quota_amount\na@example.com,2026-11,5\nB,2026-11,7\n")
    quotas = read(warehouse, path).quotas
    assert dict(quotas.select("rep_id", "quota_amount").iter_rows()) == {"A": 1_000_000, "B": 7}


def test_no_warehouse_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlanInputError, match=r"no warehouse.*gone\.duckdb.*gyakusan nightly"):
        read(tmp_path / "gone.duckdb")


def test_a_missing_mart_is_named(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table fct_win_ahead")
    with pytest.raises(PlanInputError, match="fct_win_ahead"):
        read(warehouse)


def test_a_missing_column_is_named() -> None:
    given = inputs()
    with pytest.raises(PlanInputError, match="quotas has no column quota_amount"):
        replace(given, quotas=given.quotas.drop("quota_amount"))


def test_a_column_of_the_wrong_type_is_named() -> None:
    given = inputs()
    with pytest.raises(PlanInputError, match="quotas"):
        replace(given, quotas=given.quotas.with_columns(quota_amount=pl.lit("lots")))
