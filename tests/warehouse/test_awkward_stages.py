"""Stages skipped, moved back, renamed, retired, in two sales processes, changed twice in a second; in from the log, out at the marts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.warehouse.helpers import Warehouse

DAYS_TO_APRIL = 58.0


def stays(warehouse: Warehouse, name: str) -> list[tuple[str, str]]:
    rows = warehouse.rows(f"from fct_stage_spells where opportunity_id = '006{name}' order by spell_number")
    return [(row["stage_name"], row["exit"]) for row in rows]


def events(warehouse: Warehouse, name: str) -> list[tuple[str, Any, Any]]:
    rows = warehouse.rows(
        f"""from fct_crm_events where opportunity_id = '006{name}' and activity_id is null
        order by occurred_at"""
    )
    return [(row["event_type"], row["before_value"], row["after_value"]) for row in rows]


def test_skipped_stage(winless: Warehouse) -> None:
    assert stays(winless, "skipped") == [("Qualify", "skipped_ahead"), ("Proposal", "open")]


def test_moved_back(winless: Warehouse) -> None:
    assert stays(winless, "moved_back") == [
        ("Qualify", "advanced"),
        ("Analyse", "moved_back"),
        ("Qualify", "advanced"),
        ("Analyse", "open"),
    ]
    oddities = winless.row("select oddities from fct_opportunity where opportunity_id = '006moved_back'")
    assert oddities["oddities"] == "backward_move:1"


def test_retired_stage_is_not_skipped(winless: Warehouse) -> None:
    assert stays(winless, "over_a_retired_stage") == [("Qualify", "advanced"), ("Analyse", "open")]


def test_deal_left_in_a_retired_stage(winless: Warehouse) -> None:
    assert stays(winless, "in_a_retired_stage") == [("Qualify", "advanced"), ("Demo", "open")]
    assert winless.row("from dim_stage where stage_name = 'Demo'")["is_active"] is False


def test_renamed_stage_is_the_same_stage(winless: Warehouse) -> None:
    """Nobody moved when an administrator renamed Quote: one stay, under the name of today, and no event."""
    assert stays(winless, "renamed_while_open") == [("Qualify", "skipped_ahead"), ("Proposal", "open")]
    row = winless.row(
        "from fct_opportunity where opportunity_id = '006renamed_while_open'",
    )
    assert row["stage_entered_at"].isoformat() == "2026-02-10T15:00:00+00:00"
    assert [name for name, *_ in events(winless, "renamed_while_open")] == [
        "OpportunityCreated",
        "StageChanged",
    ]
    assert winless.rows("from dim_stage where stage_name in ('Quote', 'Dropped')") == []


def test_history_under_both_names_is_one_stay(winless: Warehouse) -> None:
    assert stays(winless, "back_at_quote") == [("Qualify", "advanced"), ("Proposal", "open")]


def test_renamed_closed_stage_stays_closed(winless: Warehouse) -> None:
    """Lost when it was lost, not when the stage got another name."""
    assert stays(winless, "renamed_when_lost") == [("Qualify", "lost")]
    assert events(winless, "renamed_when_lost")[1:] == [("Lost", "Qualify", "Given up")]
    row = winless.row("from fct_opportunity where opportunity_id = '006renamed_when_lost'")
    assert (row["closed_date"].isoformat(), row["cycle_days"]) == ("2026-02-10", 8)


def test_sales_process_per_record_type(winless: Warehouse) -> None:
    """The move that skips Analyse in new business skips nothing in renewals, which have no Analyse."""
    assert stays(winless, "skipped")[0] == ("Qualify", "skipped_ahead")
    assert stays(winless, "renewal")[0] == ("Qualify", "advanced")


def test_record_types_share_a_sales_process(winless: Warehouse) -> None:
    """Only deals of the other record type were ever in Proposal, and yet leaping over it is a skip."""
    assert stays(winless, "renewal_of_another_type")[0] == ("Qualify", "skipped_ahead")


@pytest.mark.parametrize(
    ("record_type", "stages"),
    [
        ("012new", ["Qualify", "Demo", "Analyse", "Proposal", "Negotiate", "Given up"]),
        ("012renewal", ["Qualify", "Proposal", "Negotiate"]),
        ("012other_renewal", ["Qualify", "Proposal", "Negotiate"]),
    ],
)
def test_stages_of_a_sales_process(winless: Warehouse, record_type: str, stages: list[str]) -> None:
    rows = winless.rows(f"from dim_sales_process where record_type_id = '{record_type}' order by stage_order")
    assert [row["stage_name"] for row in rows] == stages


def test_one_process_needs_no_list_of_its_own(awkward: Warehouse) -> None:
    assert awkward.rows("from dim_sales_process") == []


def test_two_changes_in_one_second(winless: Warehouse) -> None:
    """Both count, in the order they landed; the stay in between took no time."""
    rows = winless.rows("from fct_stage_spells where opportunity_id = '006same_second' order by spell_number")
    found = [(row["stage_name"], row["exit"], row["days"]) for row in rows]
    assert found[:2] == [("Qualify", "advanced", DAYS_TO_APRIL), ("Analyse", "skipped_ahead", 0.0)]
    assert found[2][:2] == ("Negotiate", "open")
