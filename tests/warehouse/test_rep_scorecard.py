"""The rep's scorecard: printed intervals, an organisation generated with quotas and activities, against plain recounts."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from scipy.stats import binomtest  # type: ignore[import-untyped,unused-ignore]

from connectors.sandbox.generate import OrganizationSpec, generate
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

SPEC = OrganizationSpec(reps=5, teams=2, months=8)
AS_OF = SPEC.local_today - timedelta(days=1)
WON_AND_CLOSED = {"few": (5, 45), "many": (62, 550), "rest": (169, 899)}


def build(warehouse: Warehouse, *models: str) -> None:
    """These models, what they read, and their data tests."""
    options = "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"
    helpers.dbt(warehouse, "build", *options, "--select", *models)


@pytest.fixture(scope="module")
def generated(new_warehouse: NewWarehouse) -> Warehouse:
    """Five reps, eight months, with quotas and activities; only what the scorecard reads is built."""
    warehouse = new_warehouse("scorecard")
    helpers.land(warehouse, generate(SPEC))
    helpers.write_run(warehouse, AS_OF, time_zone="Asia/Tokyo")
    build(warehouse, "+fct_rep_scorecard", "+fct_velocity_change", "+fct_logging_coverage")
    return warehouse


@pytest.fixture(scope="module")
def printed(new_warehouse: NewWarehouse) -> Warehouse:
    """One team: a rep with 5 of 45 won, one with 62 of 550, and the rest, so that the team has 236 of 1,494, 15.8 %."""
    at = "2026-06-10T03:00:00Z"
    stamps = {"CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at, "IsDeleted": False}
    users = [
        {"Id": f"005{rep}", "Name": rep, "UserRoleId": "00Eteam", "IsActive": True, **stamps}
        for rep in WON_AND_CLOSED
    ]
    stages = [
        {"Id": f"01J{order}", "MasterLabel": name, "ApiName": name, "SortOrder": order, "IsActive": True,
         "IsClosed": order > 1, "IsWon": order == 2}
        for order, name in enumerate(["Qualify", "Closed Won", "Closed Lost"], start=1)
    ]  # fmt: skip
    deals = [
        {"Id": f"006{rep}{number:04}", "Name": "deal", "OwnerId": f"005{rep}", "CloseDate": "2026-06-10",
         "StageName": "Closed Won" if number < won else "Closed Lost", "IsClosed": True, "IsWon": number < won,
         "Amount": "100", **stamps}
        for rep, (won, closed) in WON_AND_CLOSED.items()
        for number in range(closed)
    ]  # fmt: skip
    role = {"Id": "00Eteam", "Name": "Team", "SystemModstamp": at}
    warehouse = new_warehouse("printed")
    helpers.land(
        warehouse, {"User": users, "UserRole": [role], "OpportunityStage": stages, "Opportunity": deals}
    )
    helpers.write_run(warehouse, date(2026, 6, 30))
    build(warehouse, "+fct_rep_scorecard")
    return warehouse


def test_the_printed_intervals_and_what_they_say(printed: Warehouse) -> None:
    rows = printed.rows(
        """select rep_name, won_12_months as won, closed_12_months as closed,
            round(100 * win_rate, 1) as rate, round(100 * win_rate_lower_95, 1) as lower,
            round(100 * win_rate_upper_95, 1) as upper, round(100 * team_win_rate, 1) as team, differs_from_team
        from fct_rep_scorecard where rep_name <> 'rest' order by rep_name"""
    )
    assert [tuple(row.values()) for row in rows] == [
        ("few", 5, 45, 11.1, 4.8, 23.5, 15.8, False),
        ("many", 62, 550, 11.3, 8.9, 14.2, 15.8, True),
    ]


def test_the_interval_is_scipys(generated: Warehouse) -> None:
    rows = generated.rows(
        "select won_12_months, closed_12_months, win_rate_lower_95, win_rate_upper_95 from fct_rep_scorecard "
        "where closed_12_months > 0"
    )
    assert len(rows) > 30
    for won, closed, lower, upper in (row.values() for row in rows):
        exact = binomtest(won, closed).proportion_ci(0.95, method="wilson")
        assert (lower, upper) == (pytest.approx(exact.low, abs=1e-12), pytest.approx(exact.high, abs=1e-12))


def test_every_won_deal_and_every_touch_is_on_one_card(generated: Warehouse) -> None:
    row = generated.row(
        """select sum(won) as won, sum(won_amount) as amount, sum(touches) as touches,
            sum(first_meetings) as first_meetings from fct_rep_scorecard"""
    )
    deals = generated.row(
        "select count(*) as won, sum(amount) as amount from fct_opportunity where status = 'won'"
    )
    activities = generated.row(
        "select count(*) filter (where is_touch and is_done) as touches, "
        "count(*) filter (where is_first_meeting) as first_meetings from fct_activity"
    )
    assert row == {**deals, **activities}
    assert min(row.values()) > 0


def test_blocks_hold_every_own_activity_once(generated: Warehouse) -> None:
    blocks = "morning_activities", "afternoon_activities", "evening_activities", "untimed_activities"
    row = generated.row(
        "select " + ", ".join(f"sum({name}) as {name}" for name in blocks) + " from fct_rep_scorecard"
    )
    done = generated.row(
        "select count(*) as done from fct_activity where is_done and not is_inbound and not is_all_day"
    )
    assert sum(row.values()) == done["done"]
    assert row["morning_activities"] > row["evening_activities"]


def longest_run(attainments: list[float]) -> int:
    """Brute force: the longest stretch below one."""
    stretches = [
        end - begin
        for begin in range(len(attainments))
        for end in range(begin + 1, len(attainments) + 1)
        if all(each < 1 for each in attainments[begin:end])
    ]
    return max(stretches, default=0)


def test_means_and_runs_of_misses_recounted(generated: Warehouse) -> None:
    rows = pl.DataFrame(
        generated.rows(
            """select rep_id, month_start_date, is_complete, attainment, mean_attainment, months_missed,
                longest_run_of_misses, won_amount / quota_amount as recounted
            from fct_rep_scorecard order by rep_id, month_start_date"""
        )
    )
    checked = 0
    for (_,), months in rows.group_by("rep_id", maintain_order=True):
        for place, row in enumerate(months.to_dicts()):
            so_far = months[: place + 1].filter("is_complete")["attainment"].drop_nulls().to_list()
            assert row["longest_run_of_misses"] == longest_run(so_far)
            assert row["months_missed"] == sum(each < 1 for each in so_far)
            assert row["mean_attainment"] == (pytest.approx(sum(so_far) / len(so_far)) if so_far else None)
            if row["recounted"] is not None:
                assert row["attainment"] == pytest.approx(float(row["recounted"]), abs=1e-9)
                checked += 1
    assert checked > 20
    assert rows["longest_run_of_misses"].max() > 1


def test_the_month_of_last_night_is_there_and_not_over(generated: Warehouse) -> None:
    row = generated.row(
        "select max(month_start_date) as last, bool_or(is_complete) as is_complete, count(*) as reps "
        "from fct_rep_scorecard where month_start_date = (select max(month_start_date) from fct_rep_scorecard)"
    )
    assert row == {"last": AS_OF.replace(day=1), "is_complete": False, "reps": SPEC.reps}


def test_nobody_acted_on_a_list_that_was_never_written(generated: Warehouse) -> None:
    row = generated.row("select sum(cards) as cards, sum(weeks_acted_on) as weeks from fct_rep_scorecard")
    assert row == {"cards": 0, "weeks": 0}


def test_every_edit_and_every_activity_entered_is_in_one_month(generated: Warehouse) -> None:
    row = generated.row(
        """select sum(deal_edits) as edits, sum(activities_entered) as entered,
            sum(data_entry_hours) as hours from fct_rep_scorecard"""
    )
    saved = generated.row(
        """select count(distinct (opportunity_id, changed_by_id, date_trunc('minute', changed_at))) as edits from (
            select opportunity_id, changed_by_id, changed_at from staging.stg_opportunity_history
            union all select opportunity_id, changed_by_id, changed_at from staging.stg_opportunity_field_history
        ) where changed_by_id in (select rep_id from fct_rep_scorecard)"""
    )
    entered = generated.row("select count(*) as entered from fct_activity where not is_own_write")
    assert (row["edits"], row["entered"]) == (saved["edits"], entered["entered"])
    assert row["hours"] == pytest.approx(float(row["edits"] + 2 * row["entered"]) / 60)
    assert row["edits"] > 1000


def test_logging_coverage_holds_every_close_and_every_open_week_once(generated: Warehouse) -> None:
    months = generated.row(
        f"""select sum(closed_deals) as closed, sum(open_deal_weeks) as weeks,
            sum(open_deals) filter (where period_end_date = date '{AS_OF}') as open_deals,
            sum(meetings_held) as meetings
        from fct_logging_coverage where period_kind = 'month'"""
    )
    deals = generated.row(
        """select count(*) filter (where status in ('won', 'lost')) as closed,
            count(*) filter (where status = 'open') as open_deals from fct_opportunity"""
    )
    stays = generated.row(
        """select sum(days) / 7 as weeks from fct_stage_spells
        inner join fct_opportunity using (opportunity_id) where status <> 'deleted'"""
    )
    meetings = generated.row("select count(*) filter (where is_meeting_held) as meetings from fct_activity")
    assert months == {**deals, **meetings, "weeks": pytest.approx(stays["weeks"], rel=1e-9)}


def test_logging_coverage_recounted_deal_by_deal(generated: Warehouse) -> None:
    """The 90 days to last night, from rows: owner by owner, whether any activity of theirs came in time."""
    activities = generated.rows(
        "select rep_id, opportunity_id, activity_at, activity_date from fct_activity "
        "where is_done and not is_own_write and opportunity_id is not null"
    )
    first: dict[tuple[str, str], datetime] = {}
    for row in activities:
        key = row["rep_id"], row["opportunity_id"]
        first[key] = min(first.get(key, row["activity_at"]), row["activity_at"])
    since = AS_OF - timedelta(days=89)
    counted = {}
    for deal in generated.rows(
        """select opportunity_id, status, closed_at, closed_date, owner_id from fct_opportunity
        inner join intermediate.int_opportunity_owners using (opportunity_id)
        where status <> 'deleted' and (
            case when closed_at is null then owned_to_at is null
            else (owned_from_at is null or owned_from_at < closed_at)
                and (owned_to_at is null or owned_to_at >= closed_at) end
        )"""
    ):
        is_open = deal["closed_at"] is None
        if is_open or deal["closed_date"] >= since:
            logged_at = first.get((deal["owner_id"], deal["opportunity_id"]))
            is_logged = logged_at is not None and (is_open or logged_at <= deal["closed_at"])
            counts = counted.setdefault(deal["owner_id"], Counter())
            counts.update({f"{is_open}": 1, f"{is_open} logged": is_logged})
    rows = generated.rows(
        """select rep_id, closed_deals, closed_deals_logged, open_deals, open_deals_logged
        from fct_logging_coverage where period_kind = 'last_90_days'"""
    )
    names = "False", "False logged", "True", "True logged"
    assert {row.pop("rep_id"): tuple(row.values()) for row in rows} == {
        rep_id: tuple(counts[name] for name in names) for rep_id, counts in counted.items()
    }


def test_the_rep_who_logs_little_stands_out(generated: Warehouse) -> None:
    """The generator plants one; both shares and the pace say so, with intervals that do not meet."""
    quiet, *others = generated.rows(
        """select closed_share_upper_95, closed_share_lower_95, activities_per_open_deal_week as pace,
            team_activities_per_open_deal_week as team_pace, meetings_share_written_up, is_too_few
        from fct_logging_coverage where period_kind = 'last_90_days' order by pace"""
    )
    assert SPEC.quiet_reps == 1
    assert quiet["pace"] < 0.5 * quiet["team_pace"]
    assert quiet["closed_share_upper_95"] < min(row["closed_share_lower_95"] for row in others)
    assert min(row["pace"] for row in others) > 0.5 * max(row["team_pace"] for row in others)
    assert {row["is_too_few"] for row in (quiet, *others)} == {False}


def test_the_models_unit_tests(generated: Warehouse) -> None:
    """Awkward months and changes, each by name, in the YAML beside the models."""
    models = (
        "fct_rep_scorecard",
        "fct_velocity_change",
        "int_velocity_deals",
        "fct_logging_coverage",
        "dim_rep",
        "dim_calendar",
    )
    helpers.dbt(generated, "test", "--select", *(f"{model},test_type:unit" for model in models))
    run = [name for name in helpers.timings(generated) if name.startswith("unit_test")]
    assert {name.split(".")[2] for name in run} == set(models)
