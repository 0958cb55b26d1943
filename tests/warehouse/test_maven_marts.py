"""Every figure of method.md marked (M) that the marts hold, read from a warehouse that dbt built."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.warehouse.conftest import SINCE_FIRST_CLOSE, THREE_QUARTERS
from tests.warehouse.helpers import Warehouse

LAST_NIGHT = "as_of_date = date '2017-12-31' and scope_kind = 'organization'"


@pytest.mark.parametrize(
    ("window", "printed"),
    [
        ("all", [0.2190, 0.3970, 0.5194, 0.1788]),
        (SINCE_FIRST_CLOSE, [0.2473, 0.4195, 0.5290, 0.1556]),
        ("365d", [0.2268, 0.4011, 0.5206, 0.1746]),
        ("180d", [0.2637, 0.4090, 0.4913, 0.1840]),
        ("90d", [0.3774, 0.4646, 0.5029, 0.1218]),
    ],
)
def test_win_by_horizon(maven: Warehouse, window: str, printed: list[float]) -> None:
    rows = maven.rows(
        f"select win_incidence, still_open from fct_win_by_horizon where {LAST_NIGHT} "
        f"and window_name = '{window}' and horizon_days in (30, 90, 138) order by horizon_days"
    )
    assert [
        round(value, 4) for value in (*(row["win_incidence"] for row in rows), rows[-1]["still_open"])
    ] == printed


def test_thirty_days_by_day_thirty_are_too_few(maven: Warehouse) -> None:
    row = maven.row(
        f"select win_incidence, is_too_few from fct_win_by_horizon where {LAST_NIGHT} "
        "and window_name = '30d' and horizon_days = 30"
    )
    assert (round(row["win_incidence"], 3), row["is_too_few"]) == (0.673, True)


def test_close_month_rates(maven: Warehouse) -> None:
    rows = maven.rows(
        "select close_month_rate from fct_close_month_rate where scope_kind = 'organization' order by close_month"
    )
    found = [round(row["close_month_rate"], 3) for row in rows]
    assert found == [0.821, 0.486, 0.544, 0.828, 0.491, 0.568, 0.792, 0.493, 0.529, 0.785]


def test_win_rate_value_and_cycles(maven: Warehouse) -> None:
    row = maven.row(f"select * from fct_revenue_velocity where {LAST_NIGHT} and window_name = 'all'")
    assert (row["won"], row["lost"], row["won_amount"]) == (4238, 2473, 10_005_534)
    assert (round(row["win_rate"], 4), round(row["average_price"], 2)) == (0.6315, Decimal("2360.91"))
    assert (round(row["average_cycle_days"], 2), round(row["average_lost_cycle_days"], 2)) == (51.78, 41.48)


def test_revenue_velocity(maven: Warehouse) -> None:
    row = maven.row(
        f"select * from fct_revenue_velocity where {LAST_NIGHT} and window_name = '{THREE_QUARTERS}'"
    )
    assert (row["calendar_days"], row["open_deals"], row["open_deals"] + row["zombie_deals"]) == (
        275,
        249,
        1589,
    )
    assert (round(row["created_per_day"], 3), round(row["average_price"], 2)) == (22.993, Decimal("2393.00"))
    assert (round(row["average_cycle_days"], 2), round(row["win_rate"], 4)) == (49.80, 0.6113)
    assert round(row["win_by_longest_cycle"], 4) == 0.5027
    assert round(row["rv_realised"], 2) == Decimal("32257.68")
    assert round(row["rv_snapshot"], 1) == Decimal("7314.5")
    assert round(row["rv_snapshot_with_zombies"], 1) == Decimal("46677.7")
    assert round(row["rv_flow"], -1) == 27_660
    assert row["rv_realised_lower_95"] < row["rv_realised"] < row["rv_realised_upper_95"]


def test_rep_spread(maven: Warehouse) -> None:
    row = maven.row(
        "select * from fct_rep_spread where as_of_date = date '2017-12-31' and window_name = 'all'"
    )
    assert (row["reps"], row["degrees_of_freedom"], row["is_distinguishable"]) == (30, 29, False)
    assert (round(row["chi_square"], 1), round(row["p_value"], 2)) == (33.3, 0.26)
    assert (round(row["lowest_rate"], 3), round(row["highest_rate"], 3)) == (0.550, 0.704)


def test_a_reps_raw_curve_is_not_published(maven: Warehouse) -> None:
    row = maven.row(
        "select count(win_incidence) as raw, count(*) as rows, count(win_incidence_shrunk) as shrunk "
        "from fct_win_by_horizon where scope_kind = 'rep'"
    )
    assert row["raw"] == 0
    assert row["rows"] == row["shrunk"] > 0


def test_one_open_stage_has_no_bottleneck(maven: Warehouse) -> None:
    rows = maven.rows("select distinct verdict from fct_bottleneck where scope_kind = 'organization'")
    assert {row["verdict"] for row in rows} == {"", "no clear bottleneck"}


def test_every_open_deal_has_its_chances(maven: Warehouse) -> None:
    row = maven.row("select count(*) as rows, count(distinct opportunity_id) as deals from fct_win_ahead")
    assert (row["rows"], row["deals"]) == (2089 * 7, 2089)


def test_conversion_of_the_one_stage_is_its_win_by_longest_stay(maven: Warehouse) -> None:
    row = maven.row(
        f"select rate_raw, won, lost, advanced, at_risk from fct_conversion_rolling where {LAST_NIGHT} "
        "and window_name = 'all' and stage_name = 'Engaging'"
    )
    assert (round(row["rate_raw"], 4), row["won"], row["lost"], row["advanced"], row["at_risk"]) == (
        0.5194,
        4238,
        2473,
        0,
        8300,
    )


def test_activity_marts_build_without_activities(maven: Warehouse) -> None:
    assert maven.row("select count(*) as rows from fct_activity_conversion") == {"rows": 0}
