"""Teams' and reps' figures: shrunk, never raw, with intervals that cover; shapes and edges of the table."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dagster_project.estimate.incidence import aalen_johansen
from dagster_project.estimate.scope_counts import age_index
from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.scopes import scope_index
from dagster_project.estimate.series import HORIZON_DAYS, count_series
from dagster_project.estimate.shrunk_incidence import pick, scoped_counts, shrunk_incidence
from dagster_project.estimate.unit_counts import windows_of
from tests.estimate.histories import Deal, simulated_deals, window_rows

EXITS = {0: "open", 1: "won", 2: "lost"}
END = date(1970, 1, 1) + timedelta(days=359)
SPAN = window_rows(("365d", END - timedelta(days=365), END))


def rows_of(deals: list[Deal], teams: int = 2, kind: str = "deal") -> pl.DataFrame:
    start = pl.Series([deal.start for deal in deals]).cast(pl.Int32).cast(pl.Date)
    last = pl.Series([deal.last for deal in deals]).cast(pl.Int32).cast(pl.Date)
    return pl.DataFrame(
        {
            "unit_kind": [kind] * len(deals),
            "series_name": [kind] * len(deals),
            "team_id": [f"team{deal.group % teams}" for deal in deals],
            "rep_id": [f"rep{deal.group:02}" for deal in deals],
            "started_date": start,
            "last_date": last,
            "exit_name": [EXITS[deal.exit] for deal in deals],
            "horizon_limit_days": pl.Series([None] * len(deals), dtype=pl.Int32),
            "units": [1] * len(deals),
        }
    )


def held_by_intervals(seeds: range, teams: int, spread: float) -> tuple[float, float]:
    """Coverage of reps' 95 % intervals of win by day 60 over seeds, and their mean width."""
    held, widths = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        ratio = np.exp(spread * random.standard_normal(12) - spread**2 / 2)
        deals = simulated_deals(seed, 600, 0.012, 0.010, 360, reps=12, spread=spread)
        table = (
            incidence_table(rows_of(deals, teams), SPAN)
            .filter(scope_kind="rep", horizon_days=60)
            .sort("scope_id")
        )
        win = 0.012 * ratio
        truth = win / (win + 0.010) * (1 - np.exp(-(win + 0.010) * 61))
        held.append(
            ((table["lower_95"].to_numpy() <= truth) & (truth <= table["upper_95"].to_numpy())).mean()
        )
        widths.append((table["upper_95"] - table["lower_95"]).mean())
    return float(np.mean(held)), float(np.mean(widths))


@pytest.mark.parametrize(("teams", "spread"), [(2, 0.2), (2, 0.4), (6, 0.2)])
def test_reps_intervals_cover(teams: int, spread: float) -> None:
    coverage, width = held_by_intervals(range(12), teams, spread)
    assert 0.88 <= coverage <= 1.0
    assert width < 0.35


@pytest.mark.slow
@pytest.mark.parametrize(("teams", "spread"), [(2, 0.1), (2, 0.3), (6, 0.1), (6, 0.3)])
def test_reps_intervals_cover_long(teams: int, spread: float) -> None:
    coverage, _ = held_by_intervals(range(200), teams, spread)
    # At a fixed spread; the interval is made for spreads as the prior has them.
    assert 0.92 <= coverage <= 0.99


def test_a_shrunk_rep_lies_between_its_own_curve_and_the_organization() -> None:
    deals = simulated_deals(1, 1200, 0.012, 0.010, 360, reps=12, spread=0.5)
    table = incidence_table(rows_of(deals), SPAN).filter(horizon_days=60)
    whole = table.filter(scope_kind="organization")["rate_raw"][0]
    reps = table.filter(scope_kind="rep")
    closer = (reps["rate_shrunk"] - whole).abs() <= (reps["rate_raw"] - whole).abs() + 0.02
    assert closer.all()


def test_the_organization_is_not_shrunk() -> None:
    table = incidence_table(rows_of(simulated_deals(2, 400, 0.01, 0.01, 360)), SPAN).filter(
        scope_kind="organization"
    )
    assert (table["rate_raw"] == table["rate_shrunk"]).all()


def test_the_organization_has_every_day_and_reps_the_fixed_ones() -> None:
    deals = simulated_deals(3, 400, 0.01, 0.01, 360, reps=3)
    table = incidence_table(rows_of(deals), SPAN)
    days = table.filter(scope_kind="organization")["horizon_days"].sort().to_list()
    longest = max(deal.last - deal.start for deal in deals if deal.exit)
    assert days[: longest + 1] == list(range(longest + 1))
    rep = table.filter(scope_kind="rep", scope_id="rep00")
    assert set(rep["horizon_days"]) >= {7, 14, 30, 60, 90, 120, 180, 365}
    assert rep.filter(pl.col("is_longest")).height == 1


def test_past_windows_hold_the_fixed_days_and_the_longest_cycle_with_the_same_figures() -> None:
    rows = rows_of(simulated_deals(3, 400, 0.01, 0.01, 360, reps=3))
    keys = ["scope_kind", "scope_id", "horizon_days"]
    every_day = incidence_table(rows, SPAN)
    few = incidence_table(rows, SPAN.with_columns(is_last_night=False))
    kept = every_day.filter(pl.col("is_longest") | pl.col("horizon_days").is_in(HORIZON_DAYS))
    assert every_day.height > kept.height
    assert_frame_equal(kept.sort(keys), few.sort(keys))


def test_a_window_of_last_night_and_an_equal_one_of_the_past_each_show_their_own() -> None:
    rows = rows_of(simulated_deals(3, 400, 0.01, 0.01, 360, reps=3))
    past = SPAN.with_columns(is_last_night=False, window_name=pl.lit("past"))
    table = incidence_table(rows, pl.concat([SPAN, past])).filter(scope_kind="organization")
    assert table.filter(window_name="past").height <= len(HORIZON_DAYS) + 1
    assert table.filter(window_name="365d").height > 100


def test_a_rep_without_wins_still_has_a_figure() -> None:
    deals = [*simulated_deals(4, 300, 0.01, 0.01, 360, reps=2), *[Deal(10, 20, 2, 5) for _ in range(3)]]
    (row,) = incidence_table(rows_of(deals), SPAN).filter(scope_id="rep05", horizon_days=60).to_dicts()
    assert row["target_exits"] == 0
    assert 0 < row["lower_95"] < row["rate_shrunk"] < row["upper_95"] < 1


def test_a_window_before_anything_happened_has_no_rows() -> None:
    early = window_rows(("w", date(1960, 1, 1), date(1960, 6, 1)))
    assert incidence_table(rows_of(simulated_deals(5, 50, 0.01, 0.01, 360)), early).height == 0


def test_a_window_without_exits_is_all_open() -> None:
    deals = [Deal(0, 359, 0), Deal(0, 350, 1)]
    early = window_rows(("w", date(1970, 1, 5), date(1970, 2, 1)))
    rows = incidence_table(rows_of(deals), early)
    assert (rows["rate_shrunk"] == 0).all()
    assert (rows["still_open"] == 1).all()


def test_a_deal_whose_owner_changed_team_counts_for_both_groups_once() -> None:
    table = rows_of([Deal(0, 5, 1, 0), Deal(0, 9, 1, 0)]).with_columns(team_id=pl.Series(["a", "b"]))
    index = scope_index(table)
    assert index.groups == 2
    assert index.reps.membership.tolist() == [[1.0, 1.0]]
    assert index.teams.membership.sum() == 2


def test_deals_of_nobody_count_for_the_organization_only() -> None:
    table = rows_of([Deal(0, 5, 1), Deal(0, 9, 2)]).with_columns(
        team_id=pl.Series([None, "a"]), rep_id=pl.Series([None, "r"])
    )
    counted = incidence_table(table, SPAN).filter(horizon_days=7)
    assert counted.filter(scope_kind="organization")["units"].to_list() == [2]
    assert counted.filter(scope_kind="rep")["units"].to_list() == [1]


def test_horizon_limits_cut_the_curve() -> None:
    deals = simulated_deals(6, 300, 0.01, 0.01, 360)
    limited = rows_of(deals, kind="activity_step").with_columns(
        horizon_limit_days=pl.lit(30, pl.Int32), exit_name=pl.col("exit_name").replace("won", "converted")
    )
    assert incidence_table(limited, SPAN)["horizon_days"].max() == 30


def test_as_of_a_past_day_nothing_later_counts() -> None:
    deals = simulated_deals(7, 400, 0.01, 0.01, 360)
    past = date(1970, 1, 1) + timedelta(days=200)
    window = window_rows(("365d", past - timedelta(days=365), past))
    known_then = [
        Deal(deal.start, deal.last, deal.exit, deal.group)
        if deal.last <= 200
        else Deal(deal.start, 200, 0, deal.group)
        for deal in deals
        if deal.start <= 200
    ]
    now, then = (
        incidence_table(rows_of(each), window).sort("scope_kind", "scope_id", "horizon_days")
        for each in (deals, known_then)
    )
    shared = now.join(then, on=["scope_kind", "scope_id", "horizon_days"])
    assert shared.height == then.height
    assert np.allclose(shared["rate_raw"], shared["rate_raw_right"])
    assert np.allclose(shared["rate_shrunk"], shared["rate_shrunk_right"])


def counted_all_at_once(rows: pl.DataFrame, windows: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """Teams and reps at one age day through dense arrays of scopes × windows × ages, one after another, nothing left out."""
    series = count_series("deal", "deal", rows, windows_of(windows))
    days = np.full((windows.height, 1), horizon)
    place = age_index(series.pooled.ages, days)
    frames = []
    for scoped in scoped_counts(series.counts, series.pooled, series.index)[1:]:
        own = scoped.counts
        shrunk = shrunk_incidence(series.pooled, series.curve, series.variance, scoped.ratios, days)
        columns = {
            "rate_raw": pick(aalen_johansen(own.at_risk, own.target, own.competing).target, place),
            "rate_shrunk": shrunk.rate,
            "still_open": shrunk.still_open,
            "lower_80": shrunk.interval(0.80).lower,
            "upper_95": shrunk.interval(0.95).upper,
            "units": own.units[..., None],
            "target_exits": pick(np.cumsum(own.target, axis=-1), place),
        }
        scope, window, _ = np.indices(shrunk.rate.shape).reshape(3, -1)
        frame = pl.DataFrame({name: values.ravel().astype(float) for name, values in columns.items()})
        ids = pl.Series("scope_id", scoped.scopes.ids).gather(scope)
        names = windows["window_name"].gather(window)
        frames.append(frame.with_columns(ids, names).filter(pl.col("units") > 0))
    return pl.concat(frames)


@pytest.mark.parametrize("teams", [2, 6])
def test_one_scope_after_the_other_gives_what_all_at_once_give(teams: int) -> None:
    """With a team level and without, in windows of all lengths, one of them before the first deal."""
    rows = rows_of(simulated_deals(11, 500, 0.012, 0.010, 360, reps=14, spread=0.4), teams)
    ends = [END - timedelta(days=days) for days in range(0, 350, 7)]
    spans = [(f"{days}d to {end}", end - timedelta(days=days), end) for end in ends for days in (30, 365)]
    windows = window_rows(*spans, ("early", END - timedelta(days=900), END - timedelta(days=500)))
    keys, found = ["scope_id", "window_name"], incidence_table(rows, windows)
    expected = counted_all_at_once(rows, windows, 60)
    mine = found.filter(pl.col("scope_kind") != "organization", horizon_days=60)
    columns = [*keys, *(name for name in expected.columns if name not in keys)]
    assert_frame_equal(
        mine.select(columns).cast({"units": pl.Float64, "target_exits": pl.Float64}).sort(keys),
        expected.select(columns).sort(keys),
        abs_tol=1e-12,
    )
    assert mine.height > 1000
