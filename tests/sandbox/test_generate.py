"""The generator of organisations: repeatable, consistent with its own past, true to Salesforce and to its parameters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from connectors.sandbox.generate import (
    OrganizationSpec,
    generate,
    generate_spells,
    write_csv,
)
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.schema.standard_objects import STANDARD_OBJECTS

SPEC = OrganizationSpec()
BEFORE_HISTORY = {"Organization", "UserRole", "OpportunityStage", "Period"}
ROLLED_UP = {"LastActivityDate", "HasOpenActivity", "HasOverdueTask"}


@cache
def frames(spec: OrganizationSpec) -> dict[str, pl.DataFrame]:
    return {name: pl.DataFrame(rows) for name, rows in generate(spec).items()}


@cache
def default_frames() -> dict[str, pl.DataFrame]:
    return frames(SPEC)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    spec = replace(SPEC, months=6)
    first, again, other = generate(spec), generate(spec), generate(replace(spec, seed=7))
    assert list(first) == list(again)
    assert all(first[name].equals(again[name]) for name in first)
    assert not first["Opportunity"].equals(other["Opportunity"])


def test_the_default_organisation_has_the_size_that_was_asked_for() -> None:
    tables = default_frames()
    sellers = tables["User"].filter(pl.col("Title") == "Account Executive")
    assert sellers["IsActive"].sum() == 12
    assert (~sellers["IsActive"]).sum() == 1
    assert sellers["UserRoleId"].n_unique() == 2
    assert set(sellers["LanguageLocaleKey"]) == {"ja", "en_US"}
    assert tables["Opportunity"]["CreatedDate"].min() > datetime(2025, 4, 1, tzinfo=UTC) - timedelta(days=1)
    assert 3000 < len(tables["Opportunity"]) < 5000
    assert 20_000 < len(tables["Task"]) + len(tables["Event"]) < 45_000


def test_columns_are_those_of_the_sandbox_schema() -> None:
    for name, rows in default_frames().items():
        assert set(rows.columns) <= set(STANDARD_OBJECTS[name].fields), name


def test_ids_are_valid_unique_and_start_with_the_prefix_of_their_object() -> None:
    for name, rows in default_frames().items():
        assert rows["Id"].n_unique() == len(rows), name
        assert rows["Id"].str.starts_with(STANDARD_OBJECTS[name].key_prefix).all(), name
        assert all(normalized(record_id[:15]) == record_id for record_id in rows["Id"].head(200)), name


@pytest.mark.parametrize(
    ("child", "column", "parents"),
    [
        ("User", "ManagerId", ["User"]),
        ("User", "UserRoleId", ["UserRole"]),
        ("Account", "OwnerId", ["User"]),
        ("Contact", "AccountId", ["Account"]),
        ("Opportunity", "AccountId", ["Account"]),
        ("Opportunity", "OwnerId", ["User"]),
        ("Opportunity", "ContactId", ["Contact"]),
        ("OpportunityHistory", "OpportunityId", ["Opportunity"]),
        ("OpportunityFieldHistory", "OpportunityId", ["Opportunity"]),
        ("OpportunityContactRole", "OpportunityId", ["Opportunity"]),
        ("OpportunityContactRole", "ContactId", ["Contact"]),
        ("Task", "WhatId", ["Opportunity", "Account"]),
        ("Task", "WhoId", ["Contact", "Lead"]),
        ("Task", "AccountId", ["Account"]),
        ("Task", "OwnerId", ["User"]),
        ("Event", "WhatId", ["Opportunity"]),
        ("Event", "WhoId", ["Contact"]),
        ("Event", "OwnerId", ["User"]),
        ("Lead", "ConvertedOpportunityId", ["Opportunity"]),
        ("Lead", "ConvertedContactId", ["Contact"]),
        ("ForecastingQuota", "PeriodId", ["Period"]),
        ("ForecastingQuota", "QuotaOwnerId", ["User"]),
    ],
)
@pytest.mark.parametrize("seen_at", [SPEC.now, datetime(2025, 11, 5, 4, 30, tzinfo=UTC)])
def test_every_reference_leads_to_a_record(
    child: str, column: str, parents: list[str], seen_at: datetime
) -> None:
    tables = frames(SPEC.until(seen_at))
    known = pl.concat([tables[parent]["Id"] for parent in parents])
    assert set(tables[child][column].drop_nulls()) <= set(known)


def test_nothing_is_known_later_than_the_clock_and_no_stamp_runs_backwards() -> None:
    for name, rows in default_frames().items():
        for column in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            if column in rows.columns:
                assert rows[column].max() <= SPEC.now, (name, column)
        if {"CreatedDate", "SystemModstamp"} <= set(rows.columns):
            assert (rows["SystemModstamp"] >= rows["CreatedDate"]).all(), name


def test_deals_come_after_their_account_and_their_contact() -> None:
    tables = default_frames()
    deals = tables["Opportunity"].select("AccountId", "ContactId", at="CreatedDate")
    for parent, column in (("Account", "AccountId"), ("Contact", "ContactId")):
        joined = deals.join(tables[parent].select(pl.col("Id").alias(column), born="CreatedDate"), on=column)
        assert len(joined) == len(deals)
        assert (joined["born"] <= joined["at"]).all()


def test_history_begins_with_the_creation_stage_and_ends_with_the_current_state() -> None:
    tables = default_frames()
    history = tables["OpportunityHistory"].sort("OpportunityId", "CreatedDate")
    deals = tables["Opportunity"].select("Id", "StageName", "Amount", "CloseDate", "CreatedDate", "IsDeleted")
    ends = history.group_by("OpportunityId", maintain_order=True)
    joined = deals.join(ends.first(), left_on="Id", right_on="OpportunityId", suffix="_first")
    joined = joined.join(ends.last(), left_on="Id", right_on="OpportunityId", suffix="_last")
    assert len(joined) == len(deals)
    assert (joined["StageName_first"] == SPEC.stages[0].name).all()
    assert (joined["CreatedDate_first"] == joined["CreatedDate"]).all()
    assert (joined["StageName_last"] == joined["StageName"]).all()
    assert joined["Amount_last"].eq_missing(joined["Amount"]).all()
    assert (joined["CloseDate_last"] == joined["CloseDate"]).all()


def test_history_rows_of_a_deal_never_share_an_instant() -> None:
    history = default_frames()["OpportunityHistory"]
    assert history.select("OpportunityId", "CreatedDate").is_unique().all()


def test_closed_stages_are_closed_and_only_won_ones_won() -> None:
    tables = default_frames()
    stages = tables["OpportunityStage"].select("ApiName", "IsClosed", "IsWon", "DefaultProbability")
    deals = tables["Opportunity"].join(stages, left_on="StageName", right_on="ApiName", suffix="_stage")
    assert len(deals) == len(tables["Opportunity"])
    assert (deals["IsClosed"] == deals["IsClosed_stage"]).all()
    assert (deals["IsWon"] == deals["IsWon_stage"]).all()
    assert (deals["Probability"] == deals["DefaultProbability"]).all()


def test_the_mess_of_real_organisations_is_there() -> None:
    tables = default_frames()
    deals, today = tables["Opportunity"], SPEC.local_today
    open_deals = deals.filter(~pl.col("IsClosed") & ~pl.col("IsDeleted"))
    assert deals["IsDeleted"].sum() > 5
    assert deals["Amount"].is_null().sum() > 30
    assert (deals["Amount"] == 0).sum() > 5
    assert (open_deals["CloseDate"] < today).sum() > 20
    assert (open_deals["CreatedDate"] < SPEC.now - timedelta(days=270)).sum() > 10
    assert tables["Task"]["IsDeleted"].sum() > 20
    assert not tables["User"]["IsActive"].all()
    assert tables["Account"]["Name"].n_unique() < len(tables["Account"])
    notes = " ".join(tables["Event"]["Description"].drop_nulls())
    assert "😊" in notes
    assert "<b>" in notes
    assert "弊社" in notes
    assert "とのこと" in notes


def test_stages_are_skipped_moved_back_and_deals_reopened() -> None:
    order = {name: place for place, name in enumerate([*SPEC.stage_names, "Closed Won", "Closed Lost"])}
    history = default_frames()["OpportunityHistory"].sort("OpportunityId", "CreatedDate")
    place = history["StageName"].replace_strict(order, return_dtype=pl.Int64)
    steps = history.with_columns(step=place - place.shift(), at=place).filter(
        pl.col("OpportunityId") == pl.col("OpportunityId").shift()
    )
    open_steps = steps.filter(pl.col("at") < len(SPEC.stages))
    assert (open_steps["step"] == 0).sum() > 1000
    assert (open_steps["step"] == 2).sum() > 20
    assert (open_steps["step"] == -1).sum() > 50
    assert (open_steps["step"] <= -2).sum() > 3


def test_an_owner_change_is_in_the_field_history_and_ends_at_the_current_owner() -> None:
    tables = default_frames()
    changes = tables["OpportunityFieldHistory"].filter(pl.col("Field") == "Owner")
    joined = changes.join(tables["Opportunity"], left_on="OpportunityId", right_on="Id")
    assert len(changes) > 50
    assert (changes["OldValue"] != changes["NewValue"]).all()
    assert (joined["NewValue"] == joined["OwnerId"]).all()


def test_people_work_on_business_days() -> None:
    tables = default_frames()
    for name in ("Opportunity", "OpportunityHistory", "Task"):
        days = tables[name]["CreatedDate"].dt.convert_time_zone("Asia/Tokyo").dt.date()
        assert days.dt.weekday().max() <= 5, name
        assert not set(days) & {date(2025, 5, 5), date(2026, 1, 1), date(2026, 9, 21), date(2026, 9, 22)}, (
            name
        )


def test_appointments_lie_ahead_and_days_off_are_all_day() -> None:
    events = default_frames()["Event"]
    ahead = events.filter(pl.col("StartDateTime") > SPEC.now)
    assert ahead.filter(pl.col("WhatId").is_not_null()).height > 50
    assert (events["EndDateTime"] >= events["StartDateTime"]).all()
    off = events.filter(pl.col("ShowAs") == "OutOfOffice")
    assert off["IsAllDayEvent"].all()
    assert off.height > 50
    customer = events.filter(pl.col("WhatId").is_not_null())
    assert (customer["CreatedDate"] < customer["StartDateTime"]).all()


def test_the_quiet_rep_hardly_logs_and_sells_well() -> None:
    tables = default_frames()
    quiet = tables["User"].filter(pl.col("Title") == "Account Executive")["Id"][0]
    per_rep = (
        tables["Task"]
        .group_by("OwnerId")
        .len()
        .join(
            tables["Opportunity"].group_by("OwnerId").agg(deals=pl.len(), wins=pl.col("IsWon").sum()),
            on="OwnerId",
        )
    )
    rate = per_rep.with_columns(
        touches=pl.col("len") / pl.col("deals"), win_rate=pl.col("wins") / pl.col("deals")
    )
    row = rate.filter(pl.col("OwnerId") == quiet)
    assert row["touches"][0] < 0.3 * rate["touches"].median()
    assert row["win_rate"][0] > rate["win_rate"].median()


def _attainment(tables: dict[str, pl.DataFrame], before: date) -> pl.DataFrame:
    won = tables["Opportunity"].filter(pl.col("IsWon") & ~pl.col("IsDeleted"))
    sums = won.group_by(QuotaOwnerId="OwnerId", StartDate=pl.col("CloseDate").dt.truncate("1mo")).agg(
        pl.col("Amount").sum()
    )
    quotas = tables["ForecastingQuota"].filter(pl.col("StartDate") < before)
    joined = quotas.join(sums, on=["QuotaOwnerId", "StartDate"], how="left")
    return joined.with_columns(
        attainment=pl.col("Amount").cast(pl.Float64).fill_null(0) / pl.col("QuotaAmount").cast(pl.Float64)
    )


def test_quotas_are_what_reps_reach_four_fifths_of() -> None:
    attained = _attainment(default_frames(), date(2026, 10, 1))
    assert 0.65 < attained["attainment"].mean() < 0.95  # type: ignore[operator]
    big = frames(replace(SPEC, reps=60, teams=6, late_joiners=0, former_reps=0))
    assert abs(float(_attainment(big, date(2026, 10, 1))["attainment"].mean()) - 0.8) < 0.06  # type: ignore[arg-type]


def test_every_working_rep_has_one_quota_for_the_current_month_and_periods_tile_the_year() -> None:
    tables = default_frames()
    current = tables["ForecastingQuota"].filter(pl.col("StartDate") == date(2026, 10, 1))
    assert len(current) == 12
    assert current["QuotaOwnerId"].n_unique() == 12
    for kind in ("Month", "Quarter", "Year"):
        periods = tables["Period"].filter(pl.col("Type") == kind).sort("StartDate")
        assert (periods["StartDate"][1:] == periods["EndDate"][:-1] + timedelta(days=1)).all()


@pytest.mark.parametrize(
    "earlier",
    [
        datetime(2026, 7, 31, 20, 0, tzinfo=UTC),
        datetime(2026, 3, 12, 5, 17, tzinfo=UTC),
        datetime(2025, 10, 2, 6, 0, tzinfo=UTC),
    ],
)
def test_going_on_leaves_the_past_as_it_was(earlier: datetime) -> None:
    past, present = (
        frames(SPEC.until(earlier)),
        frames(replace(SPEC, start_date=SPEC.first_date)),
    )
    for name in set(past) - BEFORE_HISTORY:
        before, after = past[name], present[name]
        assert set(before["Id"]) == set(after.filter(pl.col("CreatedDate") <= earlier)["Id"]), name
        stamp = "SystemModstamp" if "SystemModstamp" in after.columns else "CreatedDate"
        immutable = name in {"OpportunityHistory", "OpportunityFieldHistory"}
        unchanged = after.filter(pl.col(stamp) <= earlier)
        columns = [c for c in before.columns if c not in ROLLED_UP and not (immutable and c == "IsDeleted")]
        expected = before.filter(pl.col("Id").is_in(unchanged["Id"].to_list())).select(columns).sort("Id")
        assert expected.equals(unchanged.select(columns).sort("Id")), name


def test_a_changed_parameter_leaves_all_other_draws() -> None:
    base = pl.DataFrame(generate_spells(SPEC)["deals"])
    spells = pl.DataFrame(generate_spells(SPEC)["stage_spells"])
    changed = generate_spells(SPEC.with_stage("Proposal", lost_per_day=0.08))
    deals, other = pl.DataFrame(changed["deals"]), pl.DataFrame(changed["stage_spells"])
    fixed = ["opportunity_key", "rep_number", "created_date", "amount"]
    assert base.select(fixed).equals(deals.select(fixed))
    reached = pl.concat([spells, other]).filter(pl.col("stage_order") >= 4)["opportunity_key"].unique()
    untouched = ~pl.col("opportunity_key").is_in(reached.to_list())
    assert spells.filter(untouched).equals(other.filter(untouched))
    assert (deals["status"] == "won").sum() < (base["status"] == "won").sum()


def test_spells_and_history_tell_the_same_story() -> None:
    spells = pl.DataFrame(generate_spells(SPEC)["stage_spells"])
    history = default_frames()["OpportunityHistory"].sort("OpportunityId", "CreatedDate")
    entries = history.filter(
        pl.col("StageName").ne_missing(pl.col("StageName").shift())
        | pl.col("OpportunityId").ne_missing(pl.col("OpportunityId").shift())
    )
    counted = (
        entries.filter(pl.col("StageName").is_in(SPEC.stage_names))
        .group_by("StageName")
        .len()
        .sort("StageName")
    )
    assert counted["len"].to_list() == spells.group_by("stage_name").len().sort("stage_name")["len"].to_list()
    assert (
        spells["left_date"].drop_nulls() > spells.filter(pl.col("left_date").is_not_null())["entered_date"]
    ).all()


def test_inside_sales_make_the_first_touches() -> None:
    tables = frames(replace(SPEC, inside_sales_reps=4))
    inside = tables["User"].filter(pl.col("Title") == "インサイドセールス")["Id"]
    assert len(inside) == 4
    owned = tables["Task"]["OwnerId"].is_in(inside.to_list())
    assert owned.mean() > 0.3  # type: ignore[operator]
    assert not tables["Opportunity"]["OwnerId"].is_in(inside.to_list()).any()
    # They set first meetings in the calendar of the deal's owner.
    assert tables["Event"]["CreatedById"].is_in(inside.to_list()).any()
    assert not tables["Event"]["OwnerId"].is_in(inside.to_list()).any()


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, reps=1, teams=1, former_reps=0, late_joiners=0),
        replace(SPEC, months=1),
        replace(SPEC, opportunities_per_rep_month=0.0),
        replace(SPEC, country="US", time_zone="America/New_York", currency="USD", fiscal_year_start_month=1),
        replace(SPEC, mess=0.0),
    ],
    ids=["one rep", "one month", "no intake", "New York", "tidy"],
)
def test_unusual_organisations_can_be_generated(spec: OrganizationSpec) -> None:
    tables = generate(spec)
    for name, rows in tables.items():
        assert rows.column("Id").null_count == 0, name
    if spec.mess == 0.0:
        assert not pl.DataFrame(tables["Opportunity"])["IsDeleted"].any()


def test_a_spec_that_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown action types"):
        replace(SPEC, action_effects={"dance": 1.0})
    with pytest.raises(ValueError, match="time zone"):
        replace(SPEC, now=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="no open stage"):
        replace(SPEC, benchmark_stage="Closed Won")
    with pytest.raises(ValueError, match="reps"):
        replace(SPEC, reps=1, teams=2)


def test_tables_can_be_written_as_csv(tmp_path: Path) -> None:
    tables = generate(replace(SPEC, months=2))
    write_csv(tables, tmp_path / "an org")
    assert {path.stem for path in (tmp_path / "an org").glob("*.csv")} == set(tables)
    back = pl.read_csv(tmp_path / "an org" / "Opportunity.csv")
    assert len(back) == tables["Opportunity"].num_rows


def test_who_has_left_makes_no_more_records() -> None:
    tables = default_frames()
    left = tables["User"].filter(~pl.col("IsActive")).select(OwnerId="Id", left_at="SystemModstamp")
    assert len(left) == 1
    for name in ("Task", "Event", "Opportunity"):
        theirs = tables[name].join(left, left_on="CreatedById", right_on="OwnerId")
        assert len(theirs) > 0
        assert (theirs["CreatedDate"] <= theirs["left_at"]).all(), name
    open_deals = tables["Opportunity"].filter(~pl.col("IsClosed") & ~pl.col("IsDeleted"))
    assert not open_deals["OwnerId"].is_in(left["OwnerId"].to_list()).any()
