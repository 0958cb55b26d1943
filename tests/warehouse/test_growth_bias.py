"""A growing pipeline biases the close-month figure, and not the win by horizon (method §2): p = .20, 10 % growth a month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest

from tests.warehouse import cases, helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

AS_OF = date(2026, 6, 30)
MONTHS = 18
SLOW_LOSSES, FAST_LOSSES = "00Eeast", "00Ewest"
MONTHS_TO_LOSS = {"005one": 6, "005two": 1}
CREATED, CLOSED, WON_AFTER = 10, 20, 3


def instant(month: int, day: int) -> datetime:
    """A day of the month so many months after January 2025."""
    return datetime(2025 + month // 12, month % 12 + 1, day)


def deals_of(owner: str) -> Iterator[tuple[cases.Row, list[cases.Row]]]:
    """Created on one day of each month, one tenth more than the month before; every fifth is won, the others lost."""
    for month in range(MONTHS):
        for number in range(5 * round(6 * 1.1**month)):
            is_won = number % 5 == 0
            closes = instant(month + (WON_AFTER if is_won else MONTHS_TO_LOSS[owner]), CLOSED)
            yield deal(f"{owner[3:]}{month:02}{number:04}", owner, instant(month, CREATED), closes, is_won)


def deal(
    name: str, owner: str, created: datetime, closes: datetime, is_won: bool
) -> tuple[cases.Row, list[cases.Row]]:
    is_open = closes.date() > AS_OF
    stage = "Qualify" if is_open else "Closed Won" if is_won else "Closed Lost"
    begun, modified = f"{created.isoformat()}Z", f"{(created if is_open else closes).isoformat()}Z"
    day = closes.date().isoformat()
    row = cases.deal(name, stage, begun, modified=modified, CloseDate=day, OwnerId=owner)
    return row, cases.changes(name, ("Qualify", begun), *([] if is_open else [(stage, modified)]))


@pytest.fixture(scope="module")
def growing(new_warehouse: NewWarehouse) -> Warehouse:
    warehouse = new_warehouse("growing")
    rows = [each for owner in MONTHS_TO_LOSS for each in deals_of(owner)]
    helpers.land(
        warehouse,
        {
            **cases.people(),
            "OpportunityStage": cases.stages(),
            "Opportunity": [row for row, _ in rows],
            "OpportunityHistory": [change for _, changes in rows for change in changes],
        },
    )
    helpers.write_run(warehouse, AS_OF)
    helpers.dbt(warehouse, "run", "--select", "+fct_close_month_rate", "+fct_win_by_horizon")
    return warehouse


@pytest.mark.parametrize(("team", "biased"), [(SLOW_LOSSES, 0.250), (FAST_LOSSES, 0.171)])
def test_the_close_month_rate_is_biased_by_growth(growing: Warehouse, team: str, biased: float) -> None:
    rows = growing.rows(
        f"select close_month_rate from fct_close_month_rate where scope_id = '{team}' "
        "order by close_month desc limit 6"
    )
    # Deals are whole: a tenth more is not always quite a tenth.
    assert sum(row["close_month_rate"] for row in rows) / len(rows) == pytest.approx(biased, abs=0.002)


@pytest.mark.parametrize("window", ["180d", "365d", "all"])
@pytest.mark.parametrize("scope", [f"'{SLOW_LOSSES}'", f"'{FAST_LOSSES}'", "''"])
def test_the_win_by_horizon_is_not(growing: Warehouse, window: str, scope: str) -> None:
    row = growing.row(
        f"select win_incidence from fct_win_by_horizon where as_of_date = date '{AS_OF}' "
        f"and window_name = '{window}' and scope_id = {scope} and horizon_days = 120"
    )
    assert row["win_incidence"] == pytest.approx(0.20, abs=0.001)
