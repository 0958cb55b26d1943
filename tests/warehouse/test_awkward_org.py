"""Nothing won, nothing done, clocks put forward, accounts merged, dates to come: what the marts say of a winless organisation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.warehouse import winless_org
from tests.warehouse.helpers import Warehouse

LAST_NIGHT = f"as_of_date = date '{winless_org.AS_OF_DATE}'"
ALL_TIME = f"{LAST_NIGHT} and window_name = 'all'"


def opportunity(warehouse: Warehouse, name: str) -> dict[str, Any]:
    return warehouse.row(f"from fct_opportunity where opportunity_id = '006{name}'")


def test_day_of_twenty_three_hours(winless: Warehouse) -> None:
    """Two dates apart, but 47 hours: clocks went forward in New York on 8 March."""
    deal = opportunity(winless, "over_the_clock_change")
    dates = (deal["created_date"], deal["closed_date"], deal["cycle_days"])
    assert dates == (date(2026, 3, 7), date(2026, 3, 9), 2)
    stay = winless.row("from fct_stage_spells where opportunity_id = '006over_the_clock_change'")
    assert stay["days"] == pytest.approx(47 / 24)


def test_last_second_before_midnight_on_both_sides_of_the_clock_change(winless: Warehouse) -> None:
    deal = opportunity(winless, "before_midnight")
    dates = (deal["created_date"], deal["closed_date"], deal["cycle_days"])
    assert dates == (date(2026, 3, 7), date(2026, 3, 8), 1)


@pytest.mark.parametrize(
    ("activity", "morning"),
    [
        ("00Tclocks_change", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("00Tday_after", datetime(2026, 3, 9, 4, tzinfo=UTC)),
    ],
)
def test_a_dates_morning_is_that_of_its_own_clock(
    winless: Warehouse, activity: str, morning: datetime
) -> None:
    row = winless.row(f"from fct_activity where activity_id = '{activity}'")
    assert (row["activity_at"], row["activity_date"]) == (morning, morning.date())


def test_as_of_date_ends_at_midnight_in_summer_time(winless: Warehouse) -> None:
    assert winless.row("from run_parameters")["as_of_end_at"] == datetime(2026, 4, 16, 4, tzinfo=UTC)


def test_merged_account_and_contact(winless: Warehouse) -> None:
    """The deal is the winner's, and the person counts once, with the title the winner took over."""
    deal = opportunity(winless, "merged")
    assert (deal["account_id"], deal["account_name"]) == ("001winner", "Winner")
    assert (deal["contact_count"], deal["has_decision_maker"]) == (1, True)


def test_touch_of_the_merged_contact_leads_to_the_winners_appointment(winless: Warehouse) -> None:
    row = winless.row(
        "select touch_activity_id, appointment_activity_id from intermediate.int_touch_appointments"
    )
    assert tuple(row.values()) == ("00Tmerged", "00Umerged")


def test_close_date_to_come_does_not_close_a_deal_in_the_future(winless: Warehouse) -> None:
    deal = opportunity(winless, "closes_in_the_future")
    assert (deal["status"], deal["closed_date"]) == ("lost", date(2026, 4, 2))


def test_history_to_come_has_not_happened(winless: Warehouse) -> None:
    deal = opportunity(winless, "history_of_tomorrow")
    assert (deal["status"], deal["stage_name"]) == ("open", "Qualify")


def test_task_done_before_its_date(winless: Warehouse) -> None:
    """Done when the rep closed it, not on the day it was due."""
    row = winless.row("from fct_activity where activity_id = '00Tdue_later'")
    assert (row["activity_date"], row["is_touch"], row["is_scheduled"]) == (date(2026, 3, 11), True, False)


def test_no_win_has_no_price_no_cycle_and_no_velocity(winless: Warehouse) -> None:
    """Zero denominators: with nothing won, mean value and cycle are unknown, and so is what they multiply to."""
    row = winless.row(f"from fct_revenue_velocity where {ALL_TIME} and scope_kind = 'organization'")
    unknown = ("average_price", "average_cycle_days", "rv_snapshot", "rv_flow")
    assert [row[name] for name in unknown] == [None] * 4
    assert (row["win_rate"], row["rv_realised"]) == (0, 0)


def test_nothing_closed_has_no_close_month_rate(winless: Warehouse) -> None:
    months = winless.rows(
        "select distinct close_month, close_month_rate from fct_close_month_rate order by 1"
    )
    assert [row["close_month_rate"] for row in months] == [0.0] * 3
    assert winless.rows("from fct_close_month_rate where won + lost = 0") == []


def test_rep_without_a_deal_has_no_rate(winless: Warehouse) -> None:
    row = winless.row("from fct_rep_scorecard where rep_id = '005idle'")
    assert (row["quota_amount"], row["attainment"]) == (0, None)
    assert (row["win_rate"], row["win_rate_lower_95"], row["win_rate_upper_95"]) == (None, None, None)


def test_no_touch_in_a_window_has_no_rate_of_its_own(winless: Warehouse) -> None:
    """A step nobody began in the window has no raw rate; a rate of none is not a rate of zero."""
    rows = winless.rows(f"select rate_raw from fct_activity_conversion where {LAST_NIGHT} and at_risk = 0")
    assert all(row["rate_raw"] is None for row in rows)


def test_every_figure_is_a_number_or_unknown(winless: Warehouse) -> None:
    doubles = winless.rows(
        """select table_name, string_agg('isfinite("' || column_name || '")', ' and ') as are_numbers
        from information_schema.columns where table_schema = 'main' and data_type = 'DOUBLE' group by 1"""
    )
    assert len(doubles) > 10
    counts = [
        f"select '{each['table_name']}' as mart from {each['table_name']} where not ({each['are_numbers']})"
        for each in doubles
    ]
    assert winless.rows(" union all ".join(counts)) == []
