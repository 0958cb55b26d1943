"""Every figure of method.md marked (M) that rests on deals, from the estimators alone, to the digits printed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.estimate.calendar_factor import calendar_factor_table
from dagster_project.estimate.rep_spread import rep_spread_table
from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.velocity import velocity_table
from tests.estimate.histories import AS_OF, as_stage, read_maven, rolling, window_rows

ALL_TIME = ("all", date(2016, 10, 19), AS_OF)
SINCE_FIRST_CLOSE = ("since first close", date(2017, 2, 28), AS_OF)
THREE_QUARTERS = ("three quarters", date(2017, 3, 31), AS_OF)
PRINTED = {
    "all": (0.2190, 0.3970, 0.5194, 0.1788),
    "since first close": (0.2473, 0.4195, 0.5290, 0.1556),
    "365d": (0.2268, 0.4011, 0.5206, 0.1746),
    "180d": (0.2637, 0.4090, 0.4913, 0.1840),
    "90d": (0.3774, 0.4646, 0.5029, 0.1218),
}


@pytest.fixture(scope="module")
def deals(maven_source: Path) -> pl.DataFrame:
    return read_maven(maven_source)


@pytest.fixture(scope="module")
def incidence(deals: pl.DataFrame) -> pl.DataFrame:
    spans = [ALL_TIME, SINCE_FIRST_CLOSE, THREE_QUARTERS, *(rolling(days) for days in (30, 90, 180, 365))]
    return incidence_table(deals, window_rows(*spans))


@pytest.fixture(scope="module")
def velocity(deals: pl.DataFrame) -> pl.DataFrame:
    return velocity_table(deals, window_rows(ALL_TIME, THREE_QUARTERS))


def of_organization(table: pl.DataFrame, window: str) -> pl.DataFrame:
    return table.filter(scope_kind="organization", window_name=window)


@pytest.mark.parametrize("window", PRINTED)
def test_win_by_horizon(incidence: pl.DataFrame, window: str) -> None:
    rows = (
        of_organization(incidence, window)
        .filter(pl.col("horizon_days").is_in((30, 90, 138)))
        .sort("horizon_days")
    )
    figures = (*rows["rate_raw"].to_list(), rows["still_open"][-1])
    assert tuple(round(value, 4) for value in figures) == PRINTED[window]


def test_thirty_days_are_nonsense_by_day_thirty(incidence: pl.DataFrame) -> None:
    row = of_organization(incidence, "30d").row(by_predicate=pl.col("horizon_days") == 30, named=True)
    assert round(row["rate_raw"], 3) == 0.673


def test_win_by_longest_cycle_of_three_quarters(incidence: pl.DataFrame) -> None:
    row = of_organization(incidence, "three quarters").row(
        by_predicate=pl.col("horizon_days") == 138, named=True
    )
    assert round(row["rate_raw"], 4) == 0.5027


def test_win_rate_and_cycles(velocity: pl.DataFrame) -> None:
    (row,) = of_organization(velocity, "all").to_dicts()
    assert (row["won"], row["lost"], row["won_amount"]) == (4238, 2473, 10_005_534)
    assert round(row["win_rate"], 4) == 0.6315
    assert round(row["won_amount"] / row["priced_won"], 2) == 2360.91
    assert (round(row["average_cycle_days"], 2), round(row["average_lost_cycle_days"], 2)) == (51.78, 41.48)


def test_revenue_velocity_of_three_quarters(velocity: pl.DataFrame) -> None:
    (row,) = of_organization(velocity, "three quarters").to_dicts()
    price, created = row["won_amount"] / row["priced_won"], row["created"] / row["calendar_days"]
    snapshot = price * row["win_rate"] / row["average_cycle_days"]
    assert row["calendar_days"] == 275
    assert round(row["won_amount"] / row["calendar_days"], 2) == 32_257.68
    assert (round(created, 3), round(price, 2)) == (22.993, 2393.00)
    assert (round(row["average_cycle_days"], 2), round(row["win_rate"], 4)) == (49.80, 0.6113)
    assert (row["open_deals"], row["open_deals"] + row["zombie_deals"]) == (249, 1589)
    assert round(1589 * snapshot, 1) == 46_677.7
    assert round(249 * snapshot, 1) == 7314.5
    assert round(created * row["win_by_longest_cycle"] * price, -1) == 27_660


def test_rep_spread_is_not_distinguishable(velocity: pl.DataFrame) -> None:
    reps = velocity.filter(scope_kind="rep", window_name="all")
    (row,) = rep_spread_table(reps).to_dicts()
    assert (row["reps"], row["degrees_of_freedom"]) == (30, 29)
    assert (round(row["chi_square"], 1), round(row["p_value"], 2)) == (33.3, 0.26)
    assert (round(row["lowest_rate"], 3), round(row["highest_rate"], 3)) == (0.550, 0.704)
    assert not row["is_distinguishable"]


@pytest.mark.parametrize(
    ("month", "expected", "came"),
    [(7, 273, 73), (10, 323, 54), (12, 155, 431)],
    ids=["July", "October", "December"],
)
def test_age_only_hazards_against_what_came(maven_source: Path, month: int, expected: int, came: int) -> None:
    last, end = date(2017, month, 1), (date(2017, month + 1, 1) if month < 12 else date(2018, 1, 1))
    as_of = date.fromordinal(last.toordinal() - 1)
    known = read_maven(maven_source, as_of)
    table = incidence_table(known, window_rows(rolling(90, as_of))).filter(scope_kind="organization")
    curve = table.filter(pl.col("horizon_days") <= 200).sort("horizon_days")
    won, open_share = curve["rate_raw"].to_numpy(), curve["still_open"].to_numpy()
    age = (
        known.filter(exit_name="open")
        .select((pl.lit(as_of) - pl.col("started_date")).dt.total_days())
        .to_series()
    )
    age = np.minimum(age.to_numpy(), won.size - 1)
    later = np.minimum(age + (end - last).days, won.size - 1)
    # P(won within the month | open at this age): what the curve still gains, among those still open.
    assert round(float(((won[later] - won[age]) / open_share[age]).sum())) == expected
    came_then = read_maven(maven_source).filter(
        (pl.col("started_date") <= as_of)
        & pl.col("last_date").is_between(last, end, closed="left")
        & (pl.col("exit_name") == "won")
    )
    assert came_then.height == came


def test_wins_cluster_at_quarter_ends(deals: pl.DataFrame) -> None:
    factor = calendar_factor_table(as_stage(deals)).sort("month_of_quarter")["win_factor"]
    assert factor[2] > 1.2 > 1 > factor[0]
