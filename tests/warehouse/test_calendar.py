"""Business days and fiscal years of dim_calendar, as the settings and the org say, against the plan's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project.calendars import BusinessCalendar, CalendarError
from dagster_project.transform.parameters import RunParameters, days_off_table, write_run_files
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

AS_OF = date(2026, 6, 30)
YEAR_END = [date(2026, 12, 29), date(2026, 12, 30), date(2026, 12, 31)]


@pytest.fixture(scope="module")
def calendar(new_warehouse: NewWarehouse) -> Warehouse:
    """Los Angeles, Japan's holidays, three days off of the company, a fiscal year from April."""
    made = new_warehouse("calendar")
    organization = {
        "Id": "00D000000000001AAA",
        "Name": "Org",
        "FiscalYearStartMonth": 4,
        "UsesStartDateAsFiscalYearName": True,
        "SystemModstamp": datetime(2026, 1, 1, tzinfo=UTC),
    }
    fair = {
        "Id": "00Ufair",
        "OwnerId": "005one",
        "WhoId": "003boss",
        "Subject": "展示会",
        "IsAllDayEvent": True,
        "StartDateTime": "2026-06-10T00:00:00Z",
        "EndDateTime": "2026-06-10T00:00:00Z",
        "DurationInMinutes": 1440,
        "ActivityDate": "2026-06-10",
        "CreatedDate": "2026-06-01T00:00:00Z",
        "SystemModstamp": "2026-06-01T00:00:00Z",
        "IsDeleted": False,
    }
    helpers.land(made, {"Organization": [organization], "Event": [fair]})
    helpers.write_run(made, AS_OF, time_zone="America/Los_Angeles", company_holidays=YEAR_END)
    helpers.dbt(
        made,
        *("build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"),
        *("--select", "+dim_calendar", "+fct_activity"),
    )
    return made


def test_business_days_are_those_the_plan_counts(calendar: Warehouse) -> None:
    rows = calendar.rows("select date_day, is_business_day from dim_calendar order by 1")
    oracle = BusinessCalendar("JP", company_days_off=frozenset(YEAR_END))
    assert (rows[0]["date_day"], rows[-1]["date_day"]) == (date(2025, 6, 29), date(2027, 7, 1))
    assert [row["is_business_day"] for row in rows] == [
        oracle.is_business_day(row["date_day"]) for row in rows
    ]


def test_days_off_say_why(calendar: Warehouse) -> None:
    days = "date_day in (date '2026-05-06', date '2026-12-30', date '2026-12-27')"
    columns = "is_weekend, public_holiday_name, is_company_holiday"
    rows = calendar.rows(f"select {columns} from dim_calendar where {days} order by date_day")
    assert [tuple(row.values()) for row in rows] == [
        (False, "振替休日", False),
        (True, None, False),
        (False, None, True),
    ]


def test_fiscal_year_follows_the_organisation(calendar: Warehouse) -> None:
    row = calendar.row("from dim_calendar where date_day = date '2026-03-31'")
    assert (row["fiscal_year_number"], row["fiscal_quarter_number"]) == (2025, 4)
    assert row["fiscal_year_end_date"] == date(2026, 3, 31)


def test_all_day_event_lies_on_its_own_date_west_of_utc(calendar: Warehouse) -> None:
    row = calendar.row("from fct_activity")
    assert (row["activity_date"], row["activity_at"]) == (
        date(2026, 6, 10),
        datetime(2026, 6, 10, 7, tzinfo=UTC),
    )


def test_weekend_is_the_countrys() -> None:
    """Saudi Arabia rests on Friday and Saturday."""
    off = set(days_off_table("SA", (), AS_OF, first_year=2026)["date_day"].to_pylist())
    friday, sunday = date(2026, 6, 5), date(2026, 6, 7)
    assert (friday in off, sunday in off) == (True, False)


def test_every_day_off_stands_once_and_is_none_of_the_business_days() -> None:
    table = days_off_table("JP", YEAR_END, AS_OF, first_year=2025)
    days = table["date_day"].to_pylist()
    open_days = BusinessCalendar("JP", company_days_off=frozenset(YEAR_END)).business_days(
        date(2025, 1, 1), date(2028, 12, 31)
    )
    assert len(days) == len(set(days))
    assert len(days) + len(open_days) == (date(2029, 1, 1) - date(2025, 1, 1)).days
    assert not set(days) & set(open_days)


def test_run_files_carry_the_days_off(tmp_path: Path) -> None:
    known_at = datetime(2026, 7, 1, tzinfo=UTC)
    parameters = RunParameters(AS_OF, known_at, "Asia/Tokyo", 30, None, "JP", "JPY")
    write_run_files(tmp_path, parameters, (), YEAR_END)
    table = pq.read_table(tmp_path / "days_off.parquet")
    company = table.filter(table["is_company_holiday"])["date_day"].to_pylist()
    assert company == YEAR_END
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "days_off.parquet",
        "parameters.parquet",
        "windows.parquet",
    ]


def test_run_files_carry_the_holidays_of_the_region(tmp_path: Path) -> None:
    known_at = datetime(2026, 7, 1, tzinfo=UTC)
    epiphany = date(2027, 1, 6)
    for region, is_off in (("BY", True), ("BE", False)):
        parameters = RunParameters(AS_OF, known_at, "Europe/Berlin", 30, None, "DE", "EUR", region=region)
        write_run_files(tmp_path, parameters, ())
        days = pq.read_table(tmp_path / "days_off.parquet")["date_day"].to_pylist()
        assert (epiphany in days) == is_off


def test_country_without_known_holidays_is_refused() -> None:
    with pytest.raises(CalendarError, match="ZZ"):
        days_off_table("ZZ", (), AS_OF)
