"""Revenue Velocity: definitions on hand-made deals, zero denominators, intervals."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.velocity import quantile_of_counts, velocity_table
from dagster_project.estimate.week_resampling import realised_interval
from tests.estimate.histories import window_rows

START = date(2026, 1, 1)


def deal(
    start: int, last: int, exit_name: str, amount: float | None = None, rep: str = "a", team: str = "x"
) -> dict[str, object]:
    return {
        "unit_kind": "deal",
        "series_name": "deal",
        "team_id": team,
        "rep_id": rep,
        "started_date": START + timedelta(days=start),
        "last_date": START + timedelta(days=last),
        "exit_name": exit_name,
        "horizon_limit_days": None,
        "units": 1,
        "amount": amount,
        "priced_units": int(amount is not None),
    }


def velocity(
    *deals: dict[str, object], begin: int = -1, end: int = 99, scope: str = "organization"
) -> pl.DataFrame:
    span = ("window", START + timedelta(days=begin), START + timedelta(days=end))
    return velocity_table(pl.DataFrame(list(deals), infer_schema_length=None), window_rows(span)).filter(
        scope_kind=scope
    )


def test_a_night_in_which_no_window_moved_has_no_rows() -> None:
    nothing = window_rows(("window", START, START + timedelta(days=9))).clear()
    assert velocity_table(pl.DataFrame([deal(0, 10, "won", 100.0)]), nothing).is_empty()


def test_figures_by_hand() -> None:
    (row,) = velocity(
        deal(0, 10, "won", 100.0),
        deal(0, 30, "won", 300.0),
        deal(5, 15, "lost", 50.0),
        deal(95, 99, "open"),
        deal(1, 99, "open"),
    ).to_dicts()
    assert (row["won"], row["lost"], row["won_amount"], row["created"]) == (2, 1, 400.0, 5)
    assert (row["average_cycle_days"], row["average_lost_cycle_days"]) == (20, 10)
    assert (row["open_deals"], row["zombie_deals"]) == (1, 1)
    assert (row["longest_won_cycle_days"], row["calendar_days"]) == (30, 100)


def test_a_window_without_wins_has_no_price_and_no_zombies() -> None:
    (row,) = velocity(deal(0, 10, "lost"), deal(0, 99, "open")).to_dicts()
    assert (row["won"], row["win_rate"], row["average_cycle_days"]) == (0, 0.0, None)
    assert (row["open_deals"], row["zombie_deals"], row["longest_won_cycle_days"]) == (1, 0, None)


def test_a_won_deal_without_an_amount_counts_as_won_not_as_price() -> None:
    (row,) = velocity(deal(0, 10, "won", 100.0), deal(0, 20, "won")).to_dicts()
    assert (row["won"], row["priced_won"], row["won_amount"]) == (2, 1, 100.0)


def test_deals_open_then_count_as_open_in_a_past_window() -> None:
    (row,) = velocity(deal(0, 80, "won", 1.0), deal(0, 10, "won", 1.0), end=50).to_dicts()
    assert (row["won"], row["open_deals"] + row["zombie_deals"]) == (1, 1)


def test_a_deleted_deal_is_neither_open_nor_lost() -> None:
    (row,) = velocity(deal(0, 10, "won", 1.0), deal(0, 20, "deleted")).to_dicts()
    assert (row["open_deals"], row["zombie_deals"], row["lost"]) == (0, 0, 0)


def test_days_before_the_first_deal_do_not_count() -> None:
    (row,) = velocity(deal(0, 10, "won", 1.0), begin=-300).to_dicts()
    assert row["calendar_days"] == 100


def test_counts_of_reps_sum_to_the_organization() -> None:
    deals = [deal(0, 10, "won", 5.0), deal(0, 12, "lost", rep="b"), deal(3, 99, "open", rep="b", team="y")]
    whole, reps = velocity(*deals), velocity(*deals, scope="rep")
    for column in ("open_deals", "zombie_deals", "won", "lost", "created", "won_amount"):
        assert reps[column].sum() == whole[column].sum()


def test_no_deals_give_no_rows() -> None:
    empty = pl.DataFrame([deal(0, 1, "won")]).clear()
    assert velocity_table(empty, window_rows(("w", START, START))).height == 0


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.floats(0, 1))
def test_quantile_of_counts_equals_numpy(ages: list[int], probability: float) -> None:
    counts = np.bincount(ages, minlength=61).astype(float)
    assert quantile_of_counts(counts, np.arange(61), probability) == pytest.approx(
        np.quantile(ages, probability)
    )


def test_the_interval_of_money_a_day_covers_and_repeats() -> None:
    held = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        day = np.repeat(np.arange(182), random.poisson(2.0, size=182))
        amount = random.lognormal(0, 0.7, size=day.size)
        window = Windows(np.array([-1]), np.array([181]))
        all_one = np.zeros(day.size, dtype=np.int64)
        bounds = realised_interval(day, amount, all_one, 1, window, 0)
        held.append(bounds.lower[0, 0] <= 2.0 * np.exp(0.245) <= bounds.upper[0, 0])
        again = realised_interval(day, amount, all_one, 1, window, 0)
        assert (bounds.lower == again.lower).all()
    assert 0.85 <= np.mean(held) <= 1.0
