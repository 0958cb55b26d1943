"""fct_won_lost_drivers of an organisation whose won deals had their next meeting in the calendar early on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from scipy.stats import fisher_exact  # type: ignore[import-untyped,unused-ignore]

from tests.warehouse import cases, helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

AS_OF = date(2026, 6, 30)
DEALS = 120


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def meeting(number: int, name: str, set_at: datetime, starts_at: datetime) -> cases.Row:
    return {
        "Id": f"00U{number:06}{name[-6:]}",
        "OwnerId": "005one",
        "WhoId": "003boss",
        "WhatId": f"006{name}",
        "IsAllDayEvent": False,
        "IsDeleted": False,
        "CreatedDate": instant(set_at),
        "StartDateTime": instant(starts_at),
        "EndDateTime": instant(starts_at + timedelta(hours=1)),
    }


def organization() -> dict[str, list[cases.Row]]:
    """Deals closed from April to June, every other one won.

    Of the won, three in four had by day 10 a meeting set for day 20; of the lost one in four. Every won deal has meetings
    from day 15 on as well, which no deal had at the landmark. Ten more were lost on day 5.
    """
    tables: dict[str, list[cases.Row]] = {name: [] for name in ("Opportunity", "OpportunityHistory", "Event")}
    for number in range(DEALS + 10):
        name = f"deal{number:03}"
        is_won, is_quick = number % 2 == 0 and number < DEALS, number >= DEALS
        begun = datetime(2026, 3, 5, 3, tzinfo=UTC) + timedelta(days=40 if is_quick else number % 60)
        ended = begun + timedelta(days=5 if is_quick else 40)
        stage = "Closed Won" if is_won else "Closed Lost"
        tables["Opportunity"].append(
            cases.deal(
                name,
                stage,
                instant(begun),
                modified=instant(ended),
                CloseDate=ended.date().isoformat(),
                Amount="1000",
            )
        )
        tables["OpportunityHistory"].extend(
            cases.changes(name, ("Qualify", instant(begun)), (stage, instant(ended)), Amount="1000")
        )
        if not is_quick and (number // 2 % 4 != 0 if is_won else number // 2 % 4 == 0):
            at = begun + timedelta(days=20)
            tables["Event"].append(meeting(number, name, begun + timedelta(days=10), at))
        if is_won:
            at = begun + timedelta(days=25)
            tables["Event"].append(meeting(1000 + number, name, begun + timedelta(days=15), at))
    return tables


@pytest.fixture(scope="module")
def warehouse(new_warehouse: NewWarehouse) -> Warehouse:
    made = new_warehouse("drivers")
    helpers.land(made, {**cases.people(), "OpportunityStage": cases.stages(), **organization()})
    helpers.write_run(made, AS_OF)
    helpers.dbt(
        made, "build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test",
        "--select", "+fct_won_lost_drivers",
    )  # fmt: skip
    helpers.dbt(made, "test", "--select", "int_closed_deal_features,test_type:unit")
    return made


def driver(warehouse: Warehouse, feature: str) -> dict[str, Any]:
    return warehouse.row(f"from fct_won_lost_drivers where feature = '{feature}'")


def test_counts_odds_and_test_of_the_planted_trait(warehouse: Warehouse) -> None:
    row = driver(warehouse, "has_next_meeting")
    table = [[row["won_with"], row["lost_with"]], [row["won_without"], row["lost_without"]]]
    assert table == [[45, 15], [15, 45]]
    assert row["odds_ratio"] == pytest.approx((45.5 / 15.5) ** 2)
    assert row["odds_ratio_lower_95"] < 9 < row["odds_ratio_upper_95"]
    assert row["p_value"] == pytest.approx(fisher_exact(table).pvalue)
    assert (row["win_rate_with"], row["win_rate_without"], row["base_win_rate"]) == (0.75, 0.25, 0.5)
    assert row["detectable_odds_ratio"] == pytest.approx(3.02, abs=0.01)
    assert row["basis"] == "landmark"


def test_the_one_thing_to_try(warehouse: Warehouse) -> None:
    row = warehouse.row("from fct_won_lost_drivers where is_suggestion")
    assert (row["feature"], row["level"], row["suggestion_evidence"]) == (
        "has_next_meeting",
        "yes",
        "association",
    )


def test_nothing_leaks_from_after_the_landmark(warehouse: Warehouse) -> None:
    """Only won deals have the later meetings: were they counted, they would tell who won."""
    features = {row["feature"] for row in warehouse.rows("select distinct feature from fct_won_lost_drivers")}
    assert not features & {"meetings_held", "contacts", "has_decision_maker"}
    assert driver(warehouse, "has_next_meeting")["lost_with"] > 0


def test_window_and_what_is_left_out(warehouse: Warehouse) -> None:
    row = driver(warehouse, "has_next_meeting")
    assert (row["window_from_date"], row["window_to_date"]) == (date(2026, 3, 30), AS_OF)
    assert (row["deals"], row["closed_before_landmark"]) == (DEALS, 10)
