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


def repriced() -> tuple[cases.Row, list[cases.Row]]:
    """Worth 400 and the first rep's at the end of March; won by the second for 4,000 at the end of April."""
    moves = [
        ("Qualify", "2026-03-20", 400),
        ("Qualify", "2026-04-10", 4000),
        ("Closed Won", "2026-04-28", 4000),
    ]
    changes = [
        {**row, "Amount": str(amount)}
        for row, (_, _, amount) in zip(
            cases.changes("repriced", *((stage, f"{day}T00:00:00Z") for stage, day, _ in moves)),
            moves,
            strict=True,
        )
    ]
    fields = {
        "modified": "2026-04-28T00:00:00Z",
        "Amount": "4000",
        "OwnerId": "005two",
        "CloseDate": "2026-04-28",
    }
    return cases.deal("repriced", "Closed Won", "2026-03-20T00:00:00Z", **fields), changes


HANDED_OVER = {
    "Id": "017repriced", "OpportunityId": "006repriced", "Field": "Owner", "OldValue": "005one", "NewValue": "005two",
    "CreatedDate": "2026-04-05T00:00:00Z",
}  # fmt: skip


def deals() -> list[tuple[cases.Row, list[cases.Row]]]:
    commit = {"ForecastCategory": "Forecast", "Probability": "80"}
    best = {"ForecastCategory": "BestCase", "Probability": "50"}
    two = {"OwnerId": "005two"}
    may = datetime(2026, 5, 4)
    return [
        *closed_deals(),
        repriced(),
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
            "OpportunityFieldHistory": [HANDED_OVER],
        },
    )
    helpers.write_run(warehouse, AS_OF)
    selected = ("--select", "+fct_forecast", "+fct_win_ahead", "+fct_hazard_choice", "+dim_segment")
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
    return warehouse.row(
        f"from fct_forecast where as_of_date = '{AS_OF}' and period_kind = '{period}' and {scope}"
    )


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
        f"select {sums} from fct_forecast where period_kind = '{period}' and as_of_date = '{AS_OF}' "
        "group by scope_kind order by scope_kind"
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


# First days of the months whose eves have thirty closes before them and no more than a year behind them.
PAST_MONTHS = [date(2025, 11, 1), date(2025, 12, 1), *(date(2026, month, 1) for month in range(1, 6))]


def lives() -> list[tuple[date, date, bool, float]]:
    """Of each deal: begun, ended (never, for the open ones), whether it was won, and its amount in the end."""
    found = []
    for row, changes in deals():
        begun, ended = (date.fromisoformat(changes[place]["CreatedDate"][:10]) for place in (0, -1))
        is_closed = row["StageName"].startswith("Closed")
        amount = float(row["Amount"] or 0)
        found.append((begun, ended if is_closed else date.max, row["StageName"] == "Closed Won", amount))
    return found


@pytest.mark.parametrize("period", ["month", "quarter"])
def test_past_forecasts_stand_beside_what_came(forecasted: Warehouse, period: str) -> None:
    rows = forecasted.rows(
        f"from fct_forecast where {ORGANIZATION} and period_kind = '{period}' and as_of_date < '{AS_OF}' order by as_of_date"
    )
    assert [row["as_of_date"] + timedelta(days=1) for row in rows] == PAST_MONTHS
    for row in rows:
        eve, start, end = row["as_of_date"], row["period_start_date"], row["period_end_date"]
        assert start <= eve + timedelta(days=1) <= end
        won = [
            (begun, ended, amount)
            for begun, ended, is_won, amount in lives()
            if is_won and start <= ended <= end
        ]
        assert row["won"] == sum(ended <= eve for _, ended, _ in won)
        assert row["open_deals"] == sum(begun <= eve < ended for begun, ended, *_ in lives())
        assert row["open_deals_without_chance"] == 0
        if end > AS_OF:
            assert (row["realised_deals"], row["realised_amount"], row["is_within_95"]) == (None, None, None)
            continue
        counted = [amount for begun, _, amount in won if begun <= eve]
        assert (row["realised_deals"], row["realised_amount"]) == (len(counted), sum(counted))
        new = [amount for begun, _, amount in won if begun > eve]
        assert (row["realised_new_deals"], row["realised_new_amount"]) == (len(new), sum(new))
        for level in (80, 95):
            lower, upper = row[f"amount_lower_{level}"], row[f"amount_upper_{level}"]
            assert row[f"is_within_{level}"] == (lower <= row["realised_amount"] <= upper)
    over = [row for row in rows if row["period_end_date"] <= AS_OF]
    assert sum(row["realised_deals"] for row in over) > 5
    # The quarter is forecast anew at each month's start, with what the months before brought.
    assert period == "month" or any(row["won"] for row in over)


def test_a_past_forecast_counts_a_deal_as_it_was_then(forecasted: Warehouse) -> None:
    (then,) = forecasted.rows(
        "select amount, rep_id, won_amount from intermediate.int_forecast_deals "
        "where opportunity_id = '006repriced' and as_of_date = '2026-03-31' and period_kind = 'month'"
    )
    assert then == {"amount": 400.0, "rep_id": "005one", "won_amount": Decimal(4000)}
    sums = {
        row["scope_id"]: row["realised_amount"]
        for row in forecasted.rows(
            "select scope_id, realised_amount from fct_forecast "
            "where as_of_date = '2026-03-31' and period_kind = 'month' and scope_kind = 'rep'"
        )
    }
    won = [
        (begun, ended) for begun, ended, is_won, _ in lives()
        if is_won and begun <= date(2026, 3, 31) < ended <= date(2026, 4, 30)
    ]  # fmt: skip
    # All others are the first rep's and worth 1,000.
    assert sums["005one"] == 4000 + 1000 * (len(won) - 1)
    assert sums.get("005two", 0) == 0


def test_past_reps_add_up_to_the_organisation(forecasted: Warehouse) -> None:
    summed = ["won", "open_deals", "open_amount", "expected_open_deals", "realised_deals", "realised_amount"]
    sums = ", ".join(f"sum({name})::double as {name}" for name in summed)
    parts = forecasted.rows(
        f"select as_of_date, period_kind, scope_kind, {sums} from fct_forecast group by all order by all"
    )
    by_kind = {
        kind: [[row[name] for name in summed] for row in parts if row["scope_kind"] == kind]
        for kind in ("organization", "team", "rep")
    }
    for kind in ("team", "rep"):
        for whole, part in zip(by_kind["organization"], by_kind[kind], strict=True):
            assert part == pytest.approx(whole)


def test_hazards_are_chosen_by_the_months_before(forecasted: Warehouse) -> None:
    rows = forecasted.rows("from fct_hazard_choice order by as_of_date, window_name, calendar")
    eves = [month - timedelta(days=1) for month in PAST_MONTHS]
    assert sorted({row["as_of_date"] for row in rows}) == [*eves, AS_OF]
    for number, day in enumerate([*eves, AS_OF]):
        mine = [row for row in rows if row["as_of_date"] == day]
        chosen = next(row for row in mine if row["is_chosen"])
        scored = min(number, len(eves) - 1)
        assert {row["months_before"] for row in mine} == {scored}
        assert (chosen["log_loss"] is None) == (day >= eves[-1])
        if scored < 3:
            assert (chosen["window_name"], chosen["calendar"]) == ("365d", "factor")
        else:
            assert chosen["log_loss_before"] == min(row["log_loss_before"] for row in mine)


@pytest.mark.slow
def test_past_forecasts_do_not_see_what_came_after(
    forecasted: Warehouse, new_warehouse: NewWarehouse
) -> None:
    """The same organisation as of the end of March forecasts what the marts of May say was forecast then."""
    warehouse = new_warehouse("forecasted in March")
    eve = date(2026, 3, 31)
    rows = [(deal, changes) for deal, changes in deals() if changes[0]["CreatedDate"] < f"{eve}T23"]
    helpers.land(
        warehouse,
        {
            **cases.people(),
            "OpportunityStage": cases.stages(),
            "Opportunity": [deal for deal, _ in rows],
            "OpportunityHistory": [change for _, changes in rows for change in changes],
            "OpportunityFieldHistory": [HANDED_OVER],
        },
    )
    helpers.write_run(warehouse, eve)
    helpers.dbt(warehouse, "run", "--select", "+fct_forecast", "+fct_hazard_choice")
    columns = (
        "period_kind, scope_kind, scope_id, won, won_amount, open_deals, open_amount, expected_open_deals, "
        "expected_open_amount, dated_open_deals, stage_probability_amount"
    )
    # Whose a new deal is, is who owns it now.
    sql = (
        f"select {columns} from fct_forecast where as_of_date = '{eve}' and open_deals + won > 0 order by all"
    )
    then, now = (each.rows(sql) for each in (warehouse, forecasted))
    assert len(then) > 4
    for one, other in zip(then, now, strict=True):
        for name, value in one.items():
            assert other[name] == (value if isinstance(value, str) else pytest.approx(value)), name
    choice = f"select window_name, calendar, months_before from fct_hazard_choice where is_chosen and as_of_date = '{eve}'"
    assert warehouse.rows(choice) == forecasted.rows(choice)


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
