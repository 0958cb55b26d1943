"""Why Revenue Velocity changed, in warehouses that dbt built: the Maven data, every factor and date it is compared on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.warehouse.helpers import Warehouse

PARTS = (
    "contribution_of_mix + contribution_of_deals + contribution_of_average_price + contribution_of_win_rate"
    " + contribution_of_average_cycle"
)
KEYS = "window_name, scope_kind, scope_id"


def test_contributions_add_up_to_the_last_place(maven: Warehouse) -> None:
    row = maven.row(
        f"select count(rv_change) as compared, count(*) filter (where {PARTS} <> rv_change) as off, "
        "count(*) filter (where rv_after - rv_before <> rv_change) as no_difference, "
        f"count(*) filter (where (rv_change is null) <> ({PARTS} is null)) as half from fct_velocity_change"
    )
    assert row["compared"] > 5000
    assert (row["off"], row["no_difference"], row["half"]) == (0, 0, 0)


@pytest.mark.parametrize(("side", "date_name"), [("after", "as_of_date"), ("before", "before_date")])
def test_both_sides_are_the_snapshot_as_it_is_published(maven: Warehouse, side: str, date_name: str) -> None:
    row = maven.row(
        f"""
        select
            count(*) as compared,
            max(abs(changes.rv_{side} - velocity.rv_snapshot)) as rv,
            max(abs(changes.deals_{side} - velocity.open_deals)) as deals,
            max(abs(changes.win_rate_{side} - velocity.win_rate)) as win_rate,
            max(abs(changes.average_price_{side} - velocity.average_price)) as price,
            max(abs(changes.average_cycle_days_{side} - velocity.average_cycle_days)) as cycle,
            -- Where deals closed and none was won the snapshot has no price to multiply by; nothing is what it is.
            count(*) filter (
                where velocity.rv_snapshot is null and changes.rv_{side} <> 0 and velocity.win_rate is not null
            ) as unknown
        from fct_velocity_change as changes
        inner join fct_revenue_velocity as velocity
            on changes.{date_name} = velocity.as_of_date and changes.window_name = velocity.window_name
            and changes.scope_kind = velocity.scope_kind and changes.scope_id = velocity.scope_id
        """
    )
    assert row["compared"] > 4000
    assert row["rv"] <= Decimal("0.0001")
    assert (row["deals"], row["unknown"]) == (0, 0)
    assert max(row["win_rate"], row["cycle"], row["price"]) < 1e-3


def test_the_dates_that_are_compared(maven: Warehouse) -> None:
    found = maven.rows(
        """
        select distinct comparison, as_of_date - before_date as days, dayname(as_of_date) as weekday
        from fct_velocity_change where comparison = 'week_over_week' and as_of_date < date '2017-12-31'
        """
    )
    assert found == [{"comparison": "week_over_week", "days": 7, "weekday": "Monday"}]
    ends = maven.row(
        """
        select bool_and(as_of_date = last_day(as_of_date) and before_date = last_day(before_date)) as are_ends,
            count(distinct as_of_date) as months
        from fct_velocity_change where comparison = 'month_over_month'
        """
    )
    assert ends == {"are_ends": True, "months": 10}


def test_an_interval_and_its_verdict_are_last_nights(maven: Warehouse) -> None:
    rows = maven.rows(
        """
        select as_of_date = date '2017-12-31' as is_last_night, count(*) as rows, count(is_within_noise) as judged,
            count(*) filter (where is_within_noise <> (rv_change_lower_95 <= 0 and rv_change_upper_95 >= 0)) as off
        from fct_velocity_change where scope_kind = 'organization' group by 1 order by 1
        """
    )
    assert [(row["judged"], row["off"]) for row in rows] == [(0, 0), (10, 0)]


def test_from_to_windows_are_compared_with_nothing(maven: Warehouse) -> None:
    found = maven.rows("select distinct window_name from fct_velocity_change order by 1")
    assert [row["window_name"] for row in found] == ["180d", "30d", "365d", "90d", "all"]


def test_mavens_december(maven: Warehouse) -> None:
    """The worked example of the metric's page: five sixths of the open deals became zombies, and nothing else moved."""
    row = maven.row(
        f"""select deals_before, deals_after, average_price_before, average_price_after,
            round(win_rate_before, 4) as win_rate_before, round(win_rate_after, 4) as win_rate_after,
            round(average_cycle_days_before, 2) as cycle_before, round(average_cycle_days_after, 2) as cycle_after,
            rv_before, rv_after, rv_change, contribution_of_mix, contribution_of_deals,
            contribution_of_average_price, contribution_of_win_rate, contribution_of_average_cycle, {PARTS} as parts,
            is_within_noise
        from fct_velocity_change
        where comparison = 'month_over_month' and as_of_date = date '2017-12-31' and window_name = '90d'
            and scope_kind = 'organization'"""
    )
    assert [float(value) for value in row.values()] == [
        1094, 254, 2441.9328, 2343.6037, 0.6013, 0.6032, 47.66, 50.09,
        33704.1323, 7168.6202, -26535.5121, -759.9286, -25033.0194, -15.5059, 70.7772, -797.8354, -26535.5121,
        False,
    ]  # fmt: skip
