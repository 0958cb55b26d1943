"""Figures by segment: every deal in one segment of each kind, shrunk to the organisation as a team is."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.segments import segment_incidence, segment_velocity, shown_windows
from dagster_project.estimate.velocity import velocity_table
from tests.estimate.histories import simulated_deals, window_rows
from tests.estimate.test_scoped_incidence import END, rows_of

SPANS = window_rows(*((f"{days}d", END - timedelta(days=days), END) for days in (90, 365)))
NAMES = ["Renewal", "New", "Other"]


def deals() -> pl.DataFrame:
    rows = rows_of(simulated_deals(3, 600, 0.012, 0.010, 360, reps=3, spread=0.5))
    return rows.with_columns(amount=pl.lit(100.0), priced_units=pl.lit(1))


def segmented(rows: pl.DataFrame, unit_kind: str) -> pl.DataFrame:
    """The three reps' deals as those of three types, and once more as all from the web."""
    types = rows.with_columns(
        segment_kind=pl.lit("deal_type"),
        segment=pl.col("rep_id").replace_strict(dict(zip(("rep00", "rep01", "rep02"), NAMES, strict=True))),
    )
    web = rows.with_columns(segment_kind=pl.lit("lead_source"), segment=pl.lit("Web"))
    return pl.concat([types, web]).drop("team_id", "rep_id").with_columns(unit_kind=pl.lit(unit_kind))


def test_segments_of_a_kind_add_up_to_the_organization() -> None:
    found = segment_velocity(segmented(deals(), "deal"), SPANS)
    whole = velocity_table(deals(), SPANS).filter(scope_kind="organization").sort("window_name")
    for name in ("open_deals", "zombie_deals", "created", "won", "lost", "won_amount"):
        added = found.group_by("segment_kind", "window_name").agg(pl.col(name).sum()).sort("window_name")
        for kind in ("deal_type", "lead_source"):
            assert added.filter(segment_kind=kind)[name].to_list() == whole[name].to_list()


def test_segments_are_shown_last_night_and_at_twelve_month_ends() -> None:
    ends = pl.date_range(date(2025, 1, 1), date(2026, 6, 1), "1mo", eager=True).dt.month_end()
    days = [*ends.to_list(), date(2026, 6, 22), date(2026, 7, 9), date(2025, 3, 3)]
    windows = pl.DataFrame({"as_of_date": days, "is_last_night": [False] * 19 + [True, True]})
    shown = shown_windows(windows)["as_of_date"].to_list()
    assert shown == [*ends.to_list()[-12:], date(2026, 7, 9), date(2025, 3, 3)]


def test_a_segment_of_everything_is_the_organization() -> None:
    found = segment_incidence(segmented(deals(), "stage"), SPANS).filter(segment="Web").sort("window_name")
    stays = deals().with_columns(unit_kind=pl.lit("stage"))
    whole = incidence_table(stays, SPANS).filter(scope_kind="organization").sort("window_name")
    assert found["scope_id"].unique().to_list() == ["lead_source/Web"]
    for name in ("units", "begun_units", "won_exits", "lost_exits", "rate_raw", "horizon_days"):
        assert found[name].to_list() == whole[name].to_list()
    assert found["rate_shrunk"].to_list() == pytest.approx(whole["rate_raw"].to_list(), abs=0.01)


def test_a_segment_is_shrunk_between_its_own_rate_and_the_organization_s() -> None:
    found = segment_incidence(segmented(deals(), "stage"), SPANS).filter(
        segment_kind="deal_type", window_name="365d"
    )
    whole = segment_incidence(segmented(deals(), "stage"), SPANS).filter(segment="Web", window_name="365d")
    middle = whole["rate_raw"][0]
    assert sorted(found["segment"].to_list()) == sorted(NAMES)
    # Its own curve falls apart at the last ages, which the shrunk one does not follow.
    assert ((found["rate_shrunk"] - middle).abs() <= (found["rate_raw"] - middle).abs() + 0.03).all()
    assert found["rate_shrunk"].n_unique() == 3


def test_nothing_gives_no_rows_but_the_columns() -> None:
    empty = segmented(deals(), "deal").clear()
    assert segment_velocity(empty, SPANS).height == segment_incidence(empty, SPANS).height == 0
    assert {"segment_kind", "segment"} <= set(segment_incidence(empty, SPANS).columns)
