"""Every figure of method.md marked (M) that the marts hold, read from a warehouse that dbt built."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import shared_data
from tests.datasets.maven import write_maven_csv
from tests.warehouse import helpers
from tests.warehouse.helpers import Warehouse

AS_OF = date(2017, 12, 31)
SINCE_FIRST_CLOSE = "2017-02-28..2017-12-31"
THREE_QUARTERS = "2017-03-31..2017-12-31"
LAST_NIGHT = "as_of_date = date '2017-12-31' and scope_kind = 'organization'"


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("maven")
    write_maven_csv(shared_data("maven_crm"), folder / "csv")
    warehouse = Warehouse(folder, folder / "target")
    helpers.declare(warehouse)
    helpers.land(warehouse, helpers.read_salesforce_csv(folder / "csv"))
    chosen = [
        (SINCE_FIRST_CLOSE, None, date(2017, 2, 28), AS_OF),
        (THREE_QUARTERS, None, date(2017, 3, 31), AS_OF),
    ]
    helpers.write_run(
        warehouse, AS_OF, clock_stage_name="Engaging", windows=[*helpers.standard_windows(AS_OF), *chosen]
    )
    # Data tests of the marts run with them: rates within [0, 1], exits that add up, one row per grain.
    helpers.dbt(warehouse, "build", "--exclude-resource-type", "unit_test")
    return warehouse


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
def test_win_by_horizon(marts: Warehouse, window: str, printed: list[float]) -> None:
    rows = marts.rows(
        f"select win_incidence, still_open from fct_win_by_horizon where {LAST_NIGHT} "
        f"and window_name = '{window}' and horizon_days in (30, 90, 138) order by horizon_days"
    )
    assert [
        round(value, 4) for value in (*(row["win_incidence"] for row in rows), rows[-1]["still_open"])
    ] == printed


def test_thirty_days_by_day_thirty_are_too_few(marts: Warehouse) -> None:
    row = marts.row(
        f"select win_incidence, is_too_few from fct_win_by_horizon where {LAST_NIGHT} "
        "and window_name = '30d' and horizon_days = 30"
    )
    assert (round(row["win_incidence"], 3), row["is_too_few"]) == (0.673, True)


def test_close_month_rates(marts: Warehouse) -> None:
    rows = marts.rows(
        "select close_month_rate from fct_close_month_rate where scope_kind = 'organization' order by close_month"
    )
    found = [round(row["close_month_rate"], 3) for row in rows]
    assert found == [0.821, 0.486, 0.544, 0.828, 0.491, 0.568, 0.792, 0.493, 0.529, 0.785]


def test_win_rate_value_and_cycles(marts: Warehouse) -> None:
    row = marts.row(f"select * from fct_revenue_velocity where {LAST_NIGHT} and window_name = 'all'")
    assert (row["won"], row["lost"], row["won_amount"]) == (4238, 2473, 10_005_534)
    assert (round(row["win_rate"], 4), round(row["average_price"], 2)) == (0.6315, Decimal("2360.91"))
    assert (round(row["average_cycle_days"], 2), round(row["average_lost_cycle_days"], 2)) == (51.78, 41.48)


def test_revenue_velocity(marts: Warehouse) -> None:
    row = marts.row(
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


def test_rep_spread(marts: Warehouse) -> None:
    row = marts.row(
        "select * from fct_rep_spread where as_of_date = date '2017-12-31' and window_name = 'all'"
    )
    assert (row["reps"], row["degrees_of_freedom"], row["is_distinguishable"]) == (30, 29, False)
    assert (round(row["chi_square"], 1), round(row["p_value"], 2)) == (33.3, 0.26)
    assert (round(row["lowest_rate"], 3), round(row["highest_rate"], 3)) == (0.550, 0.704)


def test_a_reps_raw_curve_is_not_published(marts: Warehouse) -> None:
    row = marts.row(
        "select count(win_incidence) as raw, count(*) as rows, count(win_incidence_shrunk) as shrunk "
        "from fct_win_by_horizon where scope_kind = 'rep'"
    )
    assert row["raw"] == 0
    assert row["rows"] == row["shrunk"] > 0


def test_one_open_stage_has_no_bottleneck(marts: Warehouse) -> None:
    rows = marts.rows("select distinct verdict from fct_bottleneck where scope_kind = 'organization'")
    assert {row["verdict"] for row in rows} == {"", "no clear bottleneck"}


def test_every_open_deal_has_its_chances(marts: Warehouse) -> None:
    row = marts.row("select count(*) as rows, count(distinct opportunity_id) as deals from fct_win_ahead")
    assert (row["rows"], row["deals"]) == (2089 * 7, 2089)


def test_conversion_of_the_one_stage_is_its_win_by_longest_stay(marts: Warehouse) -> None:
    row = marts.row(
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


def test_activity_marts_build_without_activities(marts: Warehouse) -> None:
    assert marts.row("select count(*) as rows from fct_activity_conversion") == {"rows": 0}
