"""What fct_forecast and dim_segment say of an organisation whose deals are few enough to add up by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.warehouse import cases, helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

AS_OF = date(2026, 5, 15)
ORGANIZATION = "scope_kind = 'organization'"


def closed_deals() -> Iterator[tuple[cases.Row, list[cases.Row]]]:
    """Sixty deals of a year, one every six days, won after 20 days and lost after 30 in turn."""
    for number in range(60):
        begun = datetime(2025, 4, 1) + timedelta(days=6 * number)
        is_won = number % 2 == 0
        yield closed(f"past{number:02}", begun, begun + timedelta(days=20 if is_won else 30), is_won)


def closed(
    name: str, begun: datetime, ended: datetime, is_won: bool, **fields: Any
) -> tuple[cases.Row, list[cases.Row]]:
    stage = "Closed Won" if is_won else "Closed Lost"
    created, modified = f"{begun.isoformat()}Z", f"{ended.isoformat()}Z"
    day = ended.date().isoformat()
    row = cases.deal(name, stage, created, modified=modified, CloseDate=day, AccountId="001acme", **fields)
    return row, cases.changes(name, ("Qualify", created), (stage, modified))


def open_deal(name: str, begun: str, **fields: Any) -> tuple[cases.Row, list[cases.Row]]:
    created = f"{begun}T00:00:00Z"
    return cases.deal(name, "Qualify", created, **fields), cases.changes(name, ("Qualify", created))


def deals() -> list[tuple[cases.Row, list[cases.Row]]]:
    commit = {"ForecastCategory": "Forecast", "Probability": "80"}
    best = {"ForecastCategory": "BestCase", "Probability": "50"}
    two = {"OwnerId": "005two"}
    may = datetime(2026, 5, 4)
    return [
        *closed_deals(),
        closed("won_in_may", may - timedelta(days=20), may, True, Amount="700"),
        closed("won_in_may_unpriced", may - timedelta(days=20), may, True, Amount=None, **two),
        closed("lost_in_may", may - timedelta(days=30), may, False, Amount="900"),
        open_deal("commit", "2026-05-01", Amount="5000", CloseDate="2026-05-31", **commit),
        open_deal("best", "2026-05-05", Amount="2000", CloseDate="2026-06-10", **best, **two),
        open_deal("overdue", "2026-04-20", Amount="3000", CloseDate="2026-03-31", **commit),
        open_deal("unpriced", "2026-05-02", Amount=None, CloseDate="2026-05-20", **best, **two),
        open_deal("far", "2026-05-10", Amount="100", CloseDate="2026-09-01", ForecastCategory="Pipeline"),
    ]


@pytest.fixture(scope="module")
def forecasted(new_warehouse: NewWarehouse) -> Warehouse:
    """The deals above as of the middle of May, with every model the forecast rests on and their data tests."""
    warehouse = new_warehouse("forecasted")
    rows = deals()
    helpers.land(
        warehouse,
        {
            **cases.people(),
            "OpportunityStage": cases.stages(),
            "Opportunity": [deal for deal, _ in rows],
            "OpportunityHistory": [change for _, changes in rows for change in changes],
        },
    )
    helpers.write_run(warehouse, AS_OF)
    selected = ("--select", "+fct_forecast", "+dim_segment")
    helpers.dbt(
        warehouse,
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "buildable",
        *selected,
    )
    return warehouse


def forecast(warehouse: Warehouse, period: str, scope: str = ORGANIZATION) -> dict[str, Any]:
    return warehouse.row(f"from fct_forecast where period_kind = '{period}' and {scope}")


def test_periods_are_the_calendar_month_and_quarter(forecasted: Warehouse) -> None:
    month, quarter = forecast(forecasted, "month"), forecast(forecasted, "quarter")
    assert (month["period_start_date"], month["period_end_date"], month["days_left"]) == (
        date(2026, 5, 1),
        date(2026, 5, 31),
        16,
    )
    assert (quarter["period_start_date"], quarter["period_end_date"]) == (date(2026, 4, 1), date(2026, 6, 30))
    assert month["as_of_date"] == AS_OF


def test_won_already(forecasted: Warehouse) -> None:
    month = forecast(forecasted, "month")
    assert (month["won"], month["won_amount"], month["won_without_amount"]) == (2, Decimal(700), 1)
    quarter = forecast(forecasted, "quarter")
    in_april = forecasted.row(
        "select count(*) as n from fct_opportunity where status = 'won' and closed_date between '2026-04-01' and '2026-05-15'"
    )
    assert quarter["won"] == in_april["n"] > 2


@pytest.mark.parametrize("period", ["month", "quarter"])
@pytest.mark.parametrize(
    "scope", [ORGANIZATION, "scope_id = '00Ewest'", "scope_id = '005one'", "scope_id = '005two'"]
)
def test_expected_is_chance_times_amount_of_the_deals_beneath(
    forecasted: Warehouse, period: str, scope: str
) -> None:
    row = forecast(forecasted, period, scope)
    beneath = forecasted.row(
        f"""
        select count(*) as deals, sum(p_win) as expected_deals, sum(p_win * coalesce(amount, 0)) as expected_amount
        from fct_opportunity
        inner join fct_win_ahead using (opportunity_id)
        where status = 'open' and horizon_kind = 'month_end' and horizon_date = '{row["period_end_date"]}'
            and '{row["scope_id"]}' in ('', rep_id, team_id)
        """
    )
    assert row["open_deals"] == beneath["deals"] > 0
    assert row["expected_open_deals"] == pytest.approx(beneath["expected_deals"])
    assert float(row["expected_open_amount"]) == pytest.approx(beneath["expected_amount"], abs=1e-3)
    assert row["expected_amount"] == row["won_amount"] + row["expected_open_amount"]
    assert row["open_deals_without_chance"] == 0


def test_missing_amounts_are_counted(forecasted: Warehouse) -> None:
    row = forecast(forecasted, "month")
    assert (row["open_deals"], row["open_amount"], row["open_deals_without_amount"]) == (5, 10_100, 1)


@pytest.mark.parametrize("period", ["month", "quarter"])
def test_intervals_lie_between_won_and_everything(forecasted: Warehouse, period: str) -> None:
    for row in forecasted.rows(f"from fct_forecast where period_kind = '{period}'"):
        for measure, least, all_open in (
            ("amount", row["won_amount"], row["open_amount"]),
            ("deals", row["won"], row["open_deals"]),
        ):
            bounds = [row[f"{measure}_{level}"] for level in ("lower_95", "lower_80", "upper_80", "upper_95")]
            assert bounds == sorted(bounds)
            assert least <= bounds[0]
            assert bounds[-1] <= least + all_open


@pytest.mark.parametrize("period", ["month", "quarter"])
def test_reps_add_up_to_teams_and_teams_to_the_organisation(forecasted: Warehouse, period: str) -> None:
    summed = [
        "won", "won_amount", "open_deals", "open_amount", "expected_open_deals", "expected_open_amount",
        "expected_new_deals", "dated_open_deals", "stage_probability_amount", "commit_amount",
    ]  # fmt: skip
    sums = ", ".join(f"sum({name})::double as {name}" for name in summed)
    organization, rep, team = forecasted.rows(
        f"select {sums} from fct_forecast where period_kind = '{period}' group by scope_kind order by scope_kind"
    )
    assert rep == pytest.approx(organization)
    assert team == pytest.approx(organization)


def test_what_the_crm_itself_says(forecasted: Warehouse) -> None:
    month, quarter = forecast(forecasted, "month"), forecast(forecasted, "quarter")
    # Of May: the commit of 5,000 at 80 % and one without an amount; the overdue one is dated in March.
    assert (month["dated_open_deals"], month["stage_probability_amount"], month["commit_amount"]) == (
        2,
        4000,
        5000,
    )
    assert month["best_case_amount"] == 0
    assert (quarter["stage_probability_amount"], quarter["best_case_amount"]) == (5000, 2000)


def test_new_deals_bring_the_flow_times_the_incidence_of_the_days_left(forecasted: Warehouse) -> None:
    row = forecast(forecasted, "quarter")
    curve = {
        each["horizon_days"]: each["win_incidence"]
        for each in forecasted.rows(
            f"select horizon_days, win_incidence from fct_win_by_horizon where {ORGANIZATION} "
            f"and window_name = '365d' and as_of_date = '{AS_OF}'"
        )
    }
    velocity = forecasted.rows(
        f"select window_name, created_per_day, average_price from fct_revenue_velocity where {ORGANIZATION} "
        f"and as_of_date = '{AS_OF}' and window_name in ('90d', '365d') order by window_name desc"
    )
    last = [max((days for days in curve if days <= left), default=None) for left in range(row["days_left"])]
    expected = velocity[0]["created_per_day"] * sum(curve[days] for days in last if days is not None)
    assert row["expected_new_deals"] == pytest.approx(expected)
    assert row["expected_new_deals"] > 0.5
    assert float(row["expected_new_amount"]) == pytest.approx(
        expected * float(velocity[1]["average_price"]), rel=1e-6
    )


def test_every_deal_is_in_one_segment_of_each_kind(forecasted: Warehouse) -> None:
    rows = forecasted.rows("select segment_kind, sum(deals)::int as deals from dim_segment group by all")
    assert {row["segment_kind"]: row["deals"] for row in rows} == dict.fromkeys(
        ("deal_type", "size_band", "lead_source", "business_kind"), len(deals())
    )


def test_the_customers_second_deal_is_no_new_business(forecasted: Warehouse) -> None:
    rows = forecasted.rows(
        "select opportunity_name, business_kind from fct_opportunity "
        "where opportunity_name in ('past00', 'past04', 'commit') order by 1"
    )
    # The first win falls on day 20, the fifth deal begins on day 24; the open one has no account.
    assert [row["business_kind"] for row in rows] == ["unknown", "new", "up_sell"]


def test_an_empty_org_has_an_empty_forecast(new_warehouse: NewWarehouse) -> None:
    warehouse = new_warehouse("nothing to forecast")
    helpers.accept(warehouse)
    helpers.write_run(warehouse, AS_OF)
    selected = ("--select", "+fct_forecast", "+fct_won_lost_drivers")
    helpers.dbt(
        warehouse,
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "buildable",
        *selected,
    )
    rows = warehouse.rows(
        "select scope_kind, open_deals, won, expected_amount, amount_upper_95 from fct_forecast"
    )
    nothing = {"open_deals": 0, "won": 0, "expected_amount": 0, "amount_upper_95": 0}
    assert rows == [{"scope_kind": "organization", **nothing}] * 2
    assert warehouse.rows("from fct_won_lost_drivers") == []
    assert warehouse.rows("from dim_segment") == []
