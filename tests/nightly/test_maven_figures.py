"""Every figure marked (M) in the method, read from the published marts to the digits printed there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nightly.harness import Workplace

LAST_NIGHT = "as_of_date = date '2017-12-31' and scope_kind = 'organization'"
SINCE_MARCH = "2017-02-28..2017-12-31"
SINCE_APRIL = "2017-03-31..2017-12-31"


def rounded(value: Any, digits: int) -> float:
    return round(float(value), digits)


def test_deals_by_status_and_stage(maven: Workplace) -> None:
    rows = maven.query("select status, stage_name, count(*) from fct_opportunity group by all")
    assert {(status, stage): count for status, stage, count in rows} == {
        ("won", "Won"): 4238,
        ("lost", "Lost"): 2473,
        ("open", "Engaging"): 1589,
        ("open", "Prospecting"): 500,
    }


def test_won_value(maven: Workplace) -> None:
    total, mean = maven.query("select sum(amount), avg(amount) from fct_opportunity where status = 'won'")[0]
    assert (rounded(total, 0), rounded(mean, 2)) == (10_005_534, 2_360.91)


def test_share_won_of_closed(maven: Workplace) -> None:
    sql = f"select win_rate from fct_revenue_velocity where {LAST_NIGHT} and window_name = 'all'"
    assert rounded(maven.value(sql), 4) == 0.6315


def test_close_month_rates(maven: Workplace) -> None:
    rows = maven.query(
        "select round(close_month_rate, 3) from fct_close_month_rate where scope_kind = 'organization' "
        "and close_month between date '2017-03-01' and date '2017-12-01' order by close_month"
    )
    expected = [0.821, 0.486, 0.544, 0.828, 0.491, 0.568, 0.792, 0.493, 0.529, 0.785]
    assert [rounded(rate, 3) for (rate,) in rows] == expected


@pytest.mark.parametrize(
    ("window", "incidences", "still_open"),
    [
        ("all", (0.2190, 0.3970, 0.5194), 0.1788),
        (SINCE_MARCH, (0.2473, 0.4195, 0.5290), 0.1556),
        ("365d", (0.2268, 0.4011, 0.5206), 0.1746),
        ("180d", (0.2637, 0.4090, 0.4913), 0.1840),
        ("90d", (0.3774, 0.4646, 0.5029), 0.1218),
    ],
)
def test_win_by_horizon(
    maven: Workplace, window: str, incidences: tuple[float, float, float], still_open: float
) -> None:
    rows = maven.query(
        f"select horizon_days, win_incidence, still_open from fct_win_by_horizon where {LAST_NIGHT} "
        f"and window_name = '{window}' and horizon_days in (30, 90, 138) order by horizon_days"
    )
    assert [days for days, _, _ in rows] == [30, 90, 138]
    assert tuple(rounded(incidence, 4) for _, incidence, _ in rows) == incidences
    assert rounded(rows[-1][2], 4) == still_open


def test_the_thirty_day_window_says_too_few(maven: Workplace) -> None:
    rows = maven.query(
        f"select win_incidence, is_too_few from fct_win_by_horizon where {LAST_NIGHT} and window_name = '30d' and horizon_days = 30"
    )
    assert [(rounded(incidence, 3), too_few) for incidence, too_few in rows] == [(0.673, True)]


def test_mean_cycles(maven: Workplace) -> None:
    rows = dict(
        maven.query(
            "select status, avg(cycle_days) from fct_opportunity where status in ('won', 'lost') group by all"
        )
    )
    assert (rounded(rows["won"], 2), rounded(rows["lost"], 2)) == (51.78, 41.48)


def test_reps_are_not_distinguishable(maven: Workplace) -> None:
    sql = (
        "select reps, round(lowest_rate, 3), round(highest_rate, 3), round(chi_square, 1), degrees_of_freedom, "
        "round(p_value, 2), is_distinguishable from fct_rep_spread where as_of_date = date '2017-12-31' and window_name = 'all'"
    )
    assert maven.query(sql) == [(30, 0.55, 0.704, 33.3, 29, 0.26, False)]


def test_revenue_velocity_april_to_december(maven: Workplace) -> None:
    [row] = maven.query(
        "select calendar_days, rv_realised, created_per_day, average_price, average_cycle_days, win_rate, "
        "rv_snapshot_with_zombies, rv_snapshot, open_deals, win_by_longest_cycle, rv_flow "
        f"from fct_revenue_velocity where scope_kind = 'organization' and window_name = '{SINCE_APRIL}'"
    )
    digits = (0, 2, 3, 2, 2, 4, 1, 1, 0, 4, -1)
    expected = (275, 32_257.68, 22.993, 2_393.00, 49.80, 0.6113, 46_677.7, 7_314.5, 249, 0.5027, 27_660)
    assert tuple(rounded(value, places) for value, places in zip(row, digits, strict=True)) == expected
