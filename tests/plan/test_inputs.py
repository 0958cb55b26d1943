"""Inputs read from a small warehouse with the columns of the marts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.calendars import BusinessCalendar
from dagster_project.plan.input_frames import PlanInputError
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.night_inputs import inputs_of_night
from dagster_project.plan.plan import make_plans
from dagster_project.plan.reading import read_inputs
from dagster_project.settings import load_settings
from dagster_project.transform.run import RunDates
from tests.plan.frames import inputs

MARTS = """
create table run_parameters as select 'Asia/Tokyo' as time_zone, 'JPY' as currency;
create table dim_calendar as select d::date as date_day, true as is_business_day, 2026 as fiscal_year_number,
    3 as fiscal_quarter_number, date '2026-10-01' as fiscal_quarter_start_date, date '2026-12-31' as fiscal_quarter_end_date
    from generate_series(date '2026-10-01', date '2026-12-31', interval 1 day) as t(d);
create table dim_rep as select * from (values
    ('A', 'team', 'ja', true, 'a@example.com', 'Asia/Tokyo', date '2024-04-01', date '2024-04-02'),
    ('B', null, null, true, null, null, null, null)
) as t(rep_id, team_id, language, is_active, email, time_zone, user_created_date, first_activity_date);
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
create table fct_calendar_factor as select * from (values (1, .8, 1.0), (2, .9, 1.0), (3, 1.3, 1.0))
    as t(month_of_quarter, win_factor, loss_factor);
create table fct_hazard_choice as select * from (values
    (date '2026-11-16', 'factor', true), (date '2026-11-16', 'none', false), (date '2026-11-20', 'none', true)
) as t(as_of_date, calendar, is_chosen);
create table fct_forecast as select * from (values
    (date '2026-09-30', date '2026-10-31', 'organization', 'month', 40, 12.5, 0, 9), (date '2026-11-16', date '2026-11-30',
    'organization', 'month', 30, 8.0, 2, null), (date '2026-09-30', date '2026-10-31', 'rep', 'month', 4, 1.5, 0, 1),
    (date '2026-09-30', date '2026-12-31', 'organization', 'quarter', 40, 20.0, 0, null)
) as t(as_of_date, period_end_date, scope_kind, period_kind, open_deals, expected_open_deals, won, realised_deals);
create table fct_activity_conversion as select *, rate_shrunk as rate_raw from (values
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
    channel varchar, is_meeting_held boolean default false, is_done boolean default true,
    is_own_write boolean default false, is_cancelled boolean default false, is_out_of_office boolean default false,
    result_text varchar, created_by_id varchar
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


def read(warehouse: Path, quota_file: Path | None = None, **files: Any) -> PlanInputs:
    return read_inputs(
        warehouse,
        as_of_date=AS_OF,
        plan_date=PLAN,
        calendar=BusinessCalendar(),
        currency="JPY",
        quota_file=quota_file,
        **files,
    )


def test_open_deals_and_a_year_of_won_ones(warehouse: Path) -> None:
    assert read(warehouse).opportunities["opportunity_id"].to_list() == ["o1", "o2"]


def test_win_ahead_at_this_and_later_months_ends_once_per_deal(warehouse: Path) -> None:
    assert read(warehouse).win_ahead.rows() == [
        ("o1", date(2026, 11, 30), 0.5, 0.3, 0.7),
        ("o1", date(2026, 12, 31), 0.8, 0.6, 0.9),
    ]


def test_calendar_factors_where_the_chosen_hazards_have_a_calendar(warehouse: Path) -> None:
    assert read(warehouse).calendar_factors.rows() == [(1, 0.8), (2, 0.9), (3, 1.3)]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update fct_hazard_choice set is_chosen = (calendar = 'none')")
    assert read(warehouse).calendar_factors.is_empty()


def test_past_months_are_the_organisation_s_with_what_came(warehouse: Path) -> None:
    assert read(warehouse).past_months.rows() == [(date(2026, 9, 30), 40, 12.5, 9)]


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
        "recent_meetings": 0,
    }


def test_what_was_done_day_by_day_adds_up_to_the_month_to_date(warehouse: Path) -> None:
    given = read(warehouse)
    november = given.activity_by_day.filter(pl.col("activity_date") >= date(2026, 11, 1))
    sums = dict(november.group_by("measure").agg(pl.col("done").sum()).iter_rows())
    to_date = given.activity_to_date.row(by_predicate=pl.col("rep_id") == "A", named=True)
    assert sums == {
        measure: to_date[f"done_{measure}"] for measure in ("touches", "appointments", "meetings")
    }


@pytest.mark.parametrize(("team", "counts_for"), [("team", "C"), ("other team", "A")])
def test_an_appointment_counts_for_who_of_the_team_set_it(
    warehouse: Path, team: str, counts_for: str
) -> None:
    before = done_appointments(warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"""
            insert into dim_rep by name select 'C' as rep_id, '{team}' as team_id;
            insert into fct_activity by name select 'A' as rep_id, 'C' as created_by_id, date '2026-11-25' as activity_date,
                timestamptz '2026-11-12 03:00:00Z' as created_at, true as is_appointment, true as is_scheduled;
        """)
    assert done_appointments(warehouse) == before | {counts_for: before.get(counts_for, 0) + 1}


def done_appointments(warehouse: Path) -> dict[str, int]:
    """Of this month so far, by rep; the same by day and in all."""
    given = read(warehouse)
    of_month = given.activity_to_date.filter(pl.col("done_appointments") > 0)
    in_all = dict(of_month.select("rep_id", "done_appointments").iter_rows())
    by_day = given.activity_by_day.filter(
        pl.col("measure") == "appointments", pl.col("activity_date") >= date(2026, 11, 1)
    )
    assert dict(by_day.group_by("rep_id").agg(pl.col("done").sum()).iter_rows()) == in_all
    return in_all


def test_what_was_done_is_read_as_far_back_as_a_promise_may_be(warehouse: Path) -> None:
    rows = read(warehouse).activity_by_day.filter(pl.col("activity_date") < date(2026, 11, 1)).rows()
    # Tokyo's October: the touch of the 30th, two appointments; those of the first of the month lie within 45 days too.
    assert ("A", date(2026, 10, 30), "touches", 1) in rows
    assert ("A", date(2026, 10, 20), "appointments", 1) in rows
    assert min(day for _, day, _, _ in rows) >= date(2026, 10, 3)


def test_last_month_s_figures_are_those_of_its_last_day(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("""
            insert into fct_activity_conversion by name
            select '2026-10-31'::date as as_of_date, '30d' as window_name, 'rep' as scope_kind, 'A' as scope_id,
                'meeting_to_won' as step, 7 as entered, .5 as rate_raw, .3 as rate_shrunk;
            insert into fct_revenue_velocity by name
            select '2026-10-31'::date as as_of_date, '30d' as window_name, 'rep' as scope_kind, 'A' as scope_id,
                90000.0 as average_price, 33.5 as average_cycle_days, 4 as won, 1 as lost;
        """)
    assert read(warehouse).last_month.sort("measure").rows() == [
        ("rep", "A", "average_cycle_days", 33.5, 4),
        ("rep", "A", "average_price", 90_000.0, 4),
        ("rep", "A", "win_rate", 0.5, 7),
    ]


def test_absences_are_all_day_events_that_say_so(warehouse: Path) -> None:
    assert read(warehouse).absences.rows() == [
        ("A", date(2026, 11, 26), "day"),
        ("A", date(2026, 11, 27), "day"),
        ("B", date(2026, 11, 18), "day"),
        ("B", date(2026, 11, 25), "day"),
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


def test_people_are_like_the_organisation_unless_told_otherwise(warehouse: Path, tmp_path: Path) -> None:
    columns = ("rep_id", "role", "time_zone", "country_code", "working_share", "last_date")
    assert read(warehouse).reps.select(columns).rows() == [
        ("A", "full", "Asia/Tokyo", None, 1.0, None),
        ("B", "full", None, None, 1.0, None),
    ]
    path = tmp_path / "reps.csv"
    path.write_text(
        "rep_email_or_id,country,working_share,last_day,role\na@example.com,US,60%,2026-11-16,field\n"
    )
    found = read(warehouse, rep_file=path).reps
    assert found.filter(pl.col("rep_id") == "A").select(columns).rows() == [
        ("A", "field", "Asia/Tokyo", "US", 0.6, date(2026, 11, 16))
    ]
    assert found.filter("is_active")["rep_id"].to_list() == ["B"]


def test_an_absence_file_adds_to_the_calendar_s_own(warehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "absences.csv"
    path.write_text("rep_email_or_id,from_date,part\nA,2026-11-27,\nA,2026-11-30,morning\n,2026-10-01,\n")
    given = read(warehouse, absence_file=path)
    assert (None, date(2026, 10, 1), "day") in given.absences.rows()
    plan = make_plans(given).plans.row(by_predicate=pl.col("scope_id") == "A", named=True)
    # The 27th was off already, half of the 30th is new.
    assert (plan["business_days_left"], plan["days_left"]) == (7, 6.5)


def test_a_night_reads_the_files_of_its_settings(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reps.csv").write_text("rep_email_or_id,working_share\nA,60%\n")
    (tmp_path / "absences.csv").write_text("rep_email_or_id,from_date\nA,2026-11-24\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GYAKUSAN_REP_FILE", "reps.csv")
    monkeypatch.setenv("GYAKUSAN_ABSENCE_FILE", "absences.csv")
    settings = load_settings()
    monkeypatch.chdir("/")
    given = inputs_of_night(
        warehouse, settings, RunDates(AS_OF, PLAN, "Asia/Tokyo", "JPY", BusinessCalendar())
    )
    assert given.reps.sort("rep_id")["working_share"].to_list() == [0.6, 1.0]
    assert ("A", date(2026, 11, 24), "day") in given.absences.rows()


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
