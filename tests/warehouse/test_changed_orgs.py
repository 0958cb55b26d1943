"""Orgs that changed under us: a field retyped, history tracking off, several currencies."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from tests.warehouse import helpers
from tests.warehouse.cases import deal
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

FIRST_NIGHT = datetime(2026, 6, 2, tzinfo=UTC)
SECOND_NIGHT = datetime(2026, 6, 12, tzinfo=UTC)
CREATED = "2026-06-01T00:00:00Z"
MOVED = "2026-06-10T00:00:00Z"


@pytest.fixture(scope="module")
def changed(new_warehouse: NewWarehouse) -> Warehouse:
    """Two nights: deals without history move on, in yen and dollars; then Amount becomes a text."""
    warehouse = new_warehouse("changed")
    stages = [
        {"Id": f"01J{order}", "MasterLabel": name, "ApiName": name, "SortOrder": order, "IsActive": True,
         "IsClosed": name.startswith("Closed"), "IsWon": name == "Closed Won"}
        for order, name in enumerate(["Qualify", "Propose", "Closed Won", "Closed Lost"], start=1)
    ]  # fmt: skip
    rates = [
        {"Id": "01Lj", "IsoCode": "JPY", "ConversionRate": "1", "IsCorporate": True},
        {"Id": "01Lu", "IsoCode": "USD", "ConversionRate": "0.01", "IsCorporate": False},
    ]
    yen = {"Amount": "1000", "CurrencyIsoCode": "JPY"}
    dollars = {"Amount": "10", "CurrencyIsoCode": "USD"}
    helpers.land(warehouse, {"OpportunityStage": stages, "CurrencyType": rates}, FIRST_NIGHT)
    first = [
        deal("moving", "Qualify", CREATED, **yen),
        deal("dollars", "Qualify", CREATED, **dollars),
        deal("still", "Qualify", CREATED, **yen),
    ]
    helpers.land(warehouse, {"Opportunity": first}, FIRST_NIGHT)
    warehouse.log.evolve("opportunity", pa.schema([("Amount", pa.string())]))
    second = [
        deal("moving", "Propose", CREATED, modified=MOVED, **yen | {"Amount": "a thousand"}),
        deal("still", "Qualify", CREATED, **yen | {"Amount": "1000 yen"}),
    ]
    helpers.land(warehouse, {"Opportunity": second}, SECOND_NIGHT)
    helpers.write_run(warehouse, date(2026, 6, 30), known_at=SECOND_NIGHT)
    helpers.build(warehouse)
    return warehouse


def of(warehouse: Warehouse, name: str, columns: str) -> dict[str, object]:
    return warehouse.row(f"select {columns} from fct_opportunity where opportunity_id = '006{name}'")


def test_a_night_after_a_retype_completes_and_does_not_use_the_old_amount(changed: Warehouse) -> None:
    assert of(changed, "still", "status, amount, amount_is_missing") == {
        "status": "open",
        "amount": None,
        "amount_is_missing": True,
    }


def test_a_change_only_the_log_saw_is_a_stage_change(changed: Warehouse) -> None:
    spells = changed.rows(
        """select stage_name, exit, entry_source, exit_source, entered_at::varchar as entered_at
        from fct_stage_spells where opportunity_id = '006moving' order by spell_number"""
    )
    assert spells == [
        {"stage_name": "Qualify", "exit": "advanced", "entry_source": "record", "exit_source": "observed",
         "entered_at": "2026-06-01 00:00:00+00"},
        {"stage_name": "Propose", "exit": "open", "entry_source": "observed", "exit_source": None,
         "entered_at": "2026-06-10 00:00:00+00"},
    ]  # fmt: skip


def test_dollars_are_not_added_to_yen(changed: Warehouse) -> None:
    found = of(changed, "dollars", "amount, currency, original_amount, original_currency")
    assert found == {
        "amount": Decimal(1000),
        "currency": "JPY",
        "original_amount": Decimal(10),
        "original_currency": "USD",
    }
