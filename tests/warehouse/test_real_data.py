"""Figures of method.md and the oddities of the demo org, read from the marts."""

from __future__ import annotations

from datetime import date

import pytest

from tests.conftest import shared_data
from tests.datasets.demo_org import read_demo_org
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse


def test_maven_deals_by_status(maven: Warehouse) -> None:
    rows = maven.rows("select stage_name, count(*) as deals from fct_opportunity group by 1")
    assert {row["stage_name"]: row["deals"] for row in rows} == {
        "Won": 4238,
        "Lost": 2473,
        "Engaging": 1589,
        "Prospecting": 500,
    }


def test_maven_won_value_and_cycles(maven: Warehouse) -> None:
    won = maven.row(
        "select sum(amount) as value, avg(amount) as mean, avg(cycle_days) as days "
        "from fct_opportunity where status = 'won'"
    )
    lost = maven.row("select avg(cycle_days) as days from fct_opportunity where status = 'lost'")
    assert won["value"] == 10_005_534
    assert (round(won["mean"], 2), round(won["days"], 2), round(lost["days"], 2)) == (2360.91, 51.78, 41.48)


def test_maven_prospecting_deals_have_no_clock(maven: Warehouse) -> None:
    rows = maven.rows("select distinct stage_name from fct_opportunity where clock_started_date is null")
    assert rows == [{"stage_name": "Prospecting"}]


def test_maven_spells_are_what_the_deals_are(maven: Warehouse) -> None:
    rows = maven.rows("select stage_name, exit, count(*) as spells from fct_stage_spells group by all")
    assert {(row["stage_name"], row["exit"]): row["spells"] for row in rows} == {
        ("Engaging", "won"): 4238,
        ("Engaging", "lost"): 2473,
        ("Engaging", "open"): 1589,
        ("Prospecting", "open"): 500,
    }


def test_maven_teams_are_the_managers(maven: Warehouse) -> None:
    assert maven.row("select count(*) as reps, count(distinct team_id) as teams from dim_rep") == {
        "reps": 30,
        "teams": 6,
    }


ODDITIES = {
    "created_after_modified": (180, 180),
    "history_before_creation": (32, 43),
    "last_history_stage_differs": (21, 21),
    "closed_stage_not_flagged": (115, 115),
    "open_stage_flagged_closed": (5, 5),
    "backward_move": (55, 72),
    "same_stage_repeat": (72, 107),
    "amount_missing": (2, 2),
}


@pytest.mark.parametrize(("name", "counts"), ODDITIES.items())
def test_demo_org_oddities(demo_org: Warehouse, name: str, counts: tuple[int, int]) -> None:
    """Deals that show it, and rows of history or of the deal that do."""
    row = demo_org.row(f"""
        select
            count(*) as deals,
            sum(coalesce(try_cast(split_part(oddity, ':', 2) as integer), 1))::integer as times
        from (select unnest(string_split(oddities, ',')) as oddity from fct_opportunity)
        where split_part(oddity, ':', 1) = '{name}'""")
    assert (row["deals"], row["times"]) == counts


def test_demo_org_drops_nothing(demo_org: Warehouse) -> None:
    row = demo_org.row("""
        select count(*) as deals, count(*) filter (where status in ('won', 'lost')) as closed
        from fct_opportunity""")
    assert row == {"deals": 219, "closed": 146}
    assert demo_org.row("select count(*) as n from fct_stage_spells where exit = 'moved_back'") == {"n": 72}


def test_demo_org_in_the_middle_of_its_year(new_warehouse: NewWarehouse) -> None:
    """History bounds the state: a deal closed later is still open, in the stage it was in by then."""
    warehouse = new_warehouse("demo_org_in_may")
    helpers.land(warehouse, read_demo_org(shared_data("salesforce_demo_org")))
    helpers.write_run(warehouse, date(2022, 5, 1))
    helpers.build(warehouse)
    late = warehouse.row("select count(*) as n from fct_opportunity where closed_date > date '2022-05-01'")
    assert late == {"n": 0}
    row = warehouse.row("from fct_opportunity where opportunity_id = '0068d000002OrbYAAS'")
    assert (row["status"], row["stage_name"], row["basis"]) == ("open", "Negotiation/Review", "reconstructed")
