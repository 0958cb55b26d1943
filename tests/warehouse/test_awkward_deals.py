"""What the marts say of each awkward deal in cases.py."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.warehouse.helpers import Warehouse


def opportunity(warehouse: Warehouse, name: str) -> dict[str, Any]:
    return warehouse.row(f"from fct_opportunity where opportunity_name = '{name}'")


def spells(warehouse: Warehouse, name: str) -> list[tuple[str, str, Any]]:
    rows = warehouse.rows(f"from fct_stage_spells where opportunity_id = '006{name}' order by spell_number")
    return [(row["stage_name"], row["exit"], row["days"]) for row in rows]


def test_plain_deal(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "plain")
    assert (deal["status"], deal["stage_name"], deal["basis"], deal["oddities"]) == (
        "open",
        "Analyse",
        "observed",
        None,
    )
    assert spells(awkward, "plain") == [
        ("Qualify", "advanced", 9.0),
        ("Analyse", "open", pytest.approx(20.625)),
    ]


def test_fact_observed_after_known_at_does_not_count(awkward: Warehouse) -> None:
    assert opportunity(awkward, "plain")["status"] == "open"


def test_day_of_the_organisation_not_of_utc(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "late_evening")
    assert (deal["created_date"], deal["closed_date"], deal["cycle_days"]) == (
        date(2026, 6, 10),
        date(2026, 6, 21),
        11,
    )


def test_deal_created_after_as_of_date_does_not_exist(awkward: Warehouse) -> None:
    assert awkward.rows("from fct_opportunity where opportunity_name = 'tomorrow_in_tokyo'") == []


def test_won_on_its_first_day(awkward: Warehouse) -> None:
    assert opportunity(awkward, "won_on_day_0")["cycle_days"] == 0
    assert spells(awkward, "won_on_day_0") == [("Qualify", "won", pytest.approx(1 / 24))]


def test_created_closed_has_no_open_stay(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "born_won")
    assert (deal["status"], deal["cycle_days"], spells(awkward, "born_won")) == ("won", 0, [])


def test_reopened_deal_continues(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "reopened")
    assert (deal["status"], deal["closed_at"], deal["cycle_days"]) == ("open", None, None)
    assert spells(awkward, "reopened") == [
        ("Qualify", "lost", 10.0),
        ("Analyse", "open", pytest.approx(18.625)),
    ]


def test_stage_name_outranks_is_closed(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "flag_says_open")
    assert (deal["status"], deal["oddities"]) == ("won", "closed_stage_not_flagged,won_flag_differs")


def test_history_bounds_creation(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "history_first")
    assert deal["created_at"] == datetime(2026, 6, 4, tzinfo=UTC)
    assert deal["oddities"] == "created_after_modified,history_before_creation:1,same_stage_repeat:1"


def test_current_stage_wins_from_the_last_known_change(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "history_elsewhere")
    assert (deal["stage_name"], deal["stage_entered_at"]) == ("Propose", datetime(2026, 6, 15, tzinfo=UTC))
    assert deal["oddities"] == "last_history_stage_differs"
    assert spells(awkward, "history_elsewhere")[:2] == [
        ("Qualify", "advanced", 4.0),
        ("Analyse", "advanced", 10.0),
    ]


def test_no_history_closed(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "no_history_lost")
    assert (deal["status"], deal["closed_date"], deal["closed_date_basis"]) == (
        "lost",
        date(2026, 6, 20),
        "close_date",
    )
    assert [each[:2] for each in spells(awkward, "no_history_lost")] == [("Qualify", "lost")]


def test_no_history_open(awkward: Warehouse) -> None:
    assert opportunity(awkward, "no_history_open")["oddities"] == "no_history"
    row = awkward.row("from fct_stage_spells where opportunity_id = '006no_history_open'")
    assert (row["stage_name"], row["exit"], row["basis"]) == ("Analyse", "open", "reconstructed")


def test_amount_missing_is_not_zero(awkward: Warehouse) -> None:
    missing, zero = opportunity(awkward, "no_amount"), opportunity(awkward, "amount_zero")
    assert (missing["amount"], missing["amount_is_missing"], missing["oddities"]) == (
        None,
        True,
        "amount_missing",
    )
    assert (zero["amount"], zero["amount_is_missing"]) == (0, False)


def test_owner_change_in_mid_stage(awkward: Warehouse) -> None:
    row = awkward.row("from fct_stage_spells where opportunity_id = '006handed_over'")
    assert (row["rep_id"], row["team_id"]) == ("005two", "00Ewest")


def test_deleted_deal_ends(awkward: Warehouse) -> None:
    assert opportunity(awkward, "in_the_bin")["status"] == "deleted"
    assert spells(awkward, "in_the_bin") == [("Qualify", "deleted", 20.0)]


def test_undeleted_deal_goes_on_without_a_hole(awkward: Warehouse) -> None:
    assert opportunity(awkward, "undeleted")["status"] == "open"
    assert [each[:2] for each in spells(awkward, "undeleted")] == [("Qualify", "open")]


def test_state_before_a_change_that_came_after_as_of_date(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "changed_after")
    assert (deal["status"], deal["stage_name"], deal["basis"]) == ("open", "Qualify", "reconstructed")
    assert (deal["amount"], deal["close_date"]) == (500, date(2026, 6, 15))


def test_refused_fact_is_left_out_and_readmitted_one_is_not(awkward: Warehouse) -> None:
    rows = awkward.rows(
        "select opportunity_name from fct_opportunity where opportunity_name in ('refused', 'readmitted')"
    )
    assert rows == [{"opportunity_name": "readmitted"}]


def test_what_activities_say_of_a_deal(awkward: Warehouse) -> None:
    deal = opportunity(awkward, "plain")
    assert (deal["meetings_held"], deal["contact_count"], deal["has_decision_maker"]) == (2, 1, True)
    assert deal["last_meeting_at"] == datetime(2026, 6, 15, 2, tzinfo=UTC)
    assert deal["next_meeting_at"] == datetime(2026, 7, 2, 1, tzinfo=UTC)


def test_first_held_meeting_only(awkward: Warehouse) -> None:
    rows = awkward.rows("from fct_activity where opportunity_id = '006plain' order by activity_at")
    flags = [
        (row["activity_id"], row["is_meeting_held"], row["is_first_meeting"], row["is_scheduled"])
        for row in rows
    ]
    assert flags == [
        ("00Uheld", True, True, False),
        ("00Usecond", True, False, False),
        ("00Uplanned", False, False, True),
    ]


def test_appointment_credited_to_the_last_touch_by_anyone(awkward: Warehouse) -> None:
    rows = awkward.rows("from intermediate.int_touch_appointments order by set_at")
    credited = [
        (row["appointment_activity_id"], row["touch_activity_id"], row["touch_rep_id"]) for row in rows
    ]
    assert credited == [
        ("00Uheld", "00Tsecond", "005two"),
        ("00Usecond", "00Tsecond", "005two"),
        ("00Uplanned", "00Tsecond", "005two"),
    ]


def test_quarter_quota_is_spread_and_a_months_own_goes_before(awkward: Warehouse) -> None:
    rows = awkward.rows("select month_start_date, quota_amount from fct_quota order by 1")
    assert [(row["month_start_date"].month, int(row["quota_amount"])) for row in rows] == [
        (7, 1000),
        (8, 1500),
        (9, 1000),
    ]


def test_reps_are_those_who_own_something(awkward: Warehouse) -> None:
    rows = awkward.rows("select rep_name, team_name, language from dim_rep order by rep_id")
    assert rows == [
        {"rep_name": "小野 一", "team_name": "East", "language": "ja"},
        {"rep_name": "Tina Two", "team_name": "West", "language": "en"},
    ]
