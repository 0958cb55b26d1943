"""Why Revenue Velocity changed: exact contributions against brute force, mix, missing factors, the interval."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.decomposition import slopes
from dagster_project.estimate.velocity_change import (
    CONTRIBUTIONS,
    MONTH_OVER_MONTH,
    WEEK_OVER_WEEK,
    comparisons,
    velocity_change_table,
)

START = date(2025, 1, 6)
PARTS = [f"contribution_of_{name}" for name in CONTRIBUTIONS]
Row = dict[str, Any]


def deal(
    start: int,
    last: int,
    exit_name: str,
    amount: float | None = None,
    deal_type: str | None = "New",
    rep: str | None = "a",
    units: int = 1,
) -> Row:
    return {
        "team_id": "t",
        "rep_id": rep,
        "deal_type": deal_type,
        "lead_source": "Web",
        "started_date": START + timedelta(days=start),
        "last_date": START + timedelta(days=last),
        "exit_name": exit_name,
        "units": units,
        "priced_units": units if amount is not None else 0,
        "amount": None if amount is None else amount * units,
    }


def windows(*rows: tuple[int, int], name: str = "30d") -> pl.DataFrame:
    """Windows of some days up to a day, the last of them last night's."""
    ends = [START + timedelta(days=to) for _, to in rows]
    return pl.DataFrame(
        {
            "as_of_date": ends,
            "window_name": [name] * len(rows),
            "window_from_date": [
                end - timedelta(days=days) for end, (days, _) in zip(ends, rows, strict=True)
            ],
            "window_to_date": ends,
            "is_last_night": [end == max(ends) for end in ends],
        }
    )


def changes(
    deals: list[Row], *spans: tuple[int, int], comparison: str = WEEK_OVER_WEEK, scope: str = "organization"
) -> list[Row]:
    frame = pl.DataFrame(deals, infer_schema_length=None)
    table = velocity_change_table(frame, windows(*spans))
    return table.filter(comparison=comparison, scope_kind=scope).to_dicts()


def two_weeks(before: list[Row], after: list[Row]) -> Row:
    """The change from what `before` shows on day 6 to what `after` shows on day 13, windows of seven days."""
    (row,) = changes([*before, *after], (7, 13))
    return row


# (50, 100, .20, 60) → (60, 95, .23, 50) as deals: closed in their own week only, ages kept by their start.
BEFORE = [
    deal(3 - 60, 3, "won", 100.0, units=20),
    deal(-9, 3, "lost", units=80),
    deal(-20, 7, "deleted", units=50),
]
AFTER = [
    deal(10 - 50, 10, "won", 95.0, units=23),
    deal(7, 10, "lost", units=77),
    deal(8, 13, "open", units=60),
]


def test_the_printed_example_through_the_table() -> None:
    """Deals of the later week that began before it are open on day 6 too: 23 of them, taken off the 50."""
    row = two_weeks([BEFORE[0], BEFORE[1], deal(-20, 7, "deleted", units=50 - 23)], AFTER)
    assert (row["deals_before"], row["average_price_before"], row["win_rate_before"]) == (50, 100, 0.2)
    assert (row["deals_after"], row["average_price_after"], row["win_rate_after"]) == (60, 95, 0.23)
    assert (row["average_cycle_days_before"], row["average_cycle_days_after"]) == (60, 50)
    assert (row["rv_before"], row["rv_after"]) == (pytest.approx(16.6667), pytest.approx(26.22))
    assert [row[name] for name in PARTS] == pytest.approx([0.0, 3.844, -1.0815, 2.9467, 3.844], abs=2e-4)


# Ten young deals open at the end of both weeks: older ones would be zombies beside wins of three days.
STOCK = [deal(5, 8, "deleted", units=10), deal(12, 13, "open", units=10)]


def brute_force(old: FloatArray, new: FloatArray) -> FloatArray:
    """Shapley by walking every order of change."""
    total = np.zeros(4)
    for order in permutations(range(4)):
        current = old.copy()
        for factor in order:
            before = current.prod()
            current[factor] = new[factor]
            total[factor] += current.prod() - before
    return total / 24


amounts = st.one_of(st.just(0.0), st.floats(0.01, 1000.0))


@given(st.lists(amounts, min_size=4, max_size=4), st.lists(amounts, min_size=4, max_size=4))
def test_zeros_go_to_shapley(old: list[float], new: list[float]) -> None:
    first, second = np.array(old), np.array(new)
    first[0] = 0.0
    found = slopes(first, second) * (second - first)
    scale = np.maximum(first, second).prod() + 1
    assert found == pytest.approx(brute_force(first, second), abs=1e-9 * scale)
    assert found.sum() == pytest.approx(second.prod() - first.prod(), abs=1e-9 * scale)


@given(st.lists(st.floats(0.5, 2.0), min_size=8, max_size=8), st.sampled_from([1.0, 1e-2, 1e-3, 1e-9]))
def test_divisia_is_exact_and_near_shapley(values: list[float], size: float) -> None:
    old = np.array(values[:4])
    new = old * (1 + size * (np.array(values[4:]) - 1))
    found = slopes(old, new) * (new - old)
    assert found.sum() == pytest.approx(new.prod() - old.prod(), abs=1e-12)
    # Both tend to the same as changes become small: their difference is of third order.
    assert found == pytest.approx(brute_force(old, new), abs=4 * size**3 * old.prod() + 1e-12)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    rows = []
    for _ in range(draw(st.integers(1, 40))):
        start = draw(st.integers(0, 60))
        exit_name = draw(st.sampled_from(["won", "lost", "open", "deleted"]))
        last = 70 if exit_name == "open" else start + draw(st.integers(0, 70 - start))
        amount = draw(st.one_of(st.none(), st.just(0.0), st.floats(1, 1e6).map(lambda each: round(each, 4))))
        segment = draw(st.sampled_from(["New", "Renewal", None]))
        rows.append(deal(start, last, exit_name, amount, segment, draw(st.sampled_from(["a", "b", None]))))
    return rows


@settings(max_examples=60, deadline=None)
@given(histories())
def test_contributions_add_up_on_any_history(rows: list[Row]) -> None:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    for row in velocity_change_table(frame, windows((30, 49), (30, 56), (30, 70))).to_dicts():
        parts = [row[name] for name in PARTS]
        if row["rv_change"] is None:
            assert parts == [None] * len(PARTS)
        else:
            change = row["rv_after"] - row["rv_before"]
            assert sum(parts) == pytest.approx(change, abs=1e-7) == row["rv_change"]


def test_a_shifted_mix_is_no_change_of_price() -> None:
    """Same prices within both types, more of the dear one: all of the price's change is mix."""
    before = [deal(0, 3, "won", 10.0), deal(0, 3, "won", 100.0, "Renewal"), deal(0, 3, "lost", units=2)]
    after = [
        deal(7, 10, "won", 10.0),
        deal(7, 10, "won", 100.0, "Renewal", units=3),
        deal(7, 10, "lost", units=4),
    ]
    row = two_weeks([*STOCK, *before], after)
    assert (row["average_price_before"], row["average_price_after"]) == (55, 77.5)
    assert row["contribution_of_average_price"] == pytest.approx(0, abs=1e-3)


def half_won(start: int, last: int, amount: float, deal_type: str, units: int = 1) -> list[Row]:
    """As many lost as won, so that every segment's win rate is one half."""
    won = deal(start, last, "won", amount, deal_type, units=units)
    return [won, deal(start, last, "lost", None, deal_type, units=units)]


def test_a_shifted_mix_is_no_change_of_cycle() -> None:
    """Both types take as long as before, 3 and 1 days; more of the slow one lengthen the mean from 2 to 2.5."""
    before = [*half_won(0, 3, 10.0, "New"), *half_won(2, 3, 10.0, "Renewal")]
    after = [*half_won(7, 10, 10.0, "New", units=3), *half_won(9, 10, 10.0, "Renewal")]
    row = two_weeks([*STOCK, *before], after)
    assert (row["average_cycle_days_before"], row["average_cycle_days_after"]) == (2, 2.5)
    assert row["contribution_of_average_cycle"] == pytest.approx(0, abs=1e-3)
    assert row["contribution_of_mix"] == pytest.approx(row["rv_change"], abs=1e-3)


def test_mix_and_price_that_moved_together_share_as_shapley_does() -> None:
    """Prices 10 and 100 become 20 and 150 while the dear one's share grows from 1/2 to 3/4: 55 → 117.5."""
    before = [*half_won(0, 3, 10.0, "New"), *half_won(0, 3, 100.0, "Renewal")]
    after = [*half_won(7, 10, 20.0, "New"), *half_won(7, 10, 150.0, "Renewal", units=3)]
    row = two_weeks([*STOCK, *before], after)
    shares_first, shares_last = 0.25 * (100 - 10), 0.25 * (150 - 20)
    mix = (shares_first + shares_last) / 2 / (117.5 - 55)
    assert row["contribution_of_mix"] == pytest.approx(mix * row["rv_change"], abs=1e-3)
    assert row["contribution_of_average_price"] == pytest.approx((1 - mix) * row["rv_change"], abs=1e-3)


def test_a_price_that_rose_in_every_segment_is_no_mix() -> None:
    before = [deal(0, 3, "won", 10.0), deal(0, 3, "won", 100.0, "Renewal"), deal(0, 3, "lost", units=2)]
    after = [deal(7, 10, "won", 20.0), deal(7, 10, "won", 200.0, "Renewal"), deal(7, 10, "lost", units=2)]
    row = two_weeks([*STOCK, *before], after)
    assert row["contribution_of_mix"] == 0
    assert row["contribution_of_average_price"] == row["rv_change"] != 0


def test_a_segment_seen_on_one_side_only_is_mix() -> None:
    before = [deal(0, 3, "won", 10.0), deal(0, 3, "lost")]
    after = [deal(7, 10, "won", 10.0), deal(7, 10, "lost"), deal(7, 10, "won", 100.0, "Renewal")]
    row = two_weeks([*STOCK, *before], after)
    assert row["contribution_of_average_price"] == pytest.approx(0, abs=1e-3)
    assert row["contribution_of_win_rate"] == pytest.approx(0, abs=1e-3)
    assert row["contribution_of_mix"] == pytest.approx(row["rv_change"])


def test_the_first_win_is_the_win_rates_doing() -> None:
    row = two_weeks([*STOCK, deal(0, 3, "lost")], [deal(7, 10, "won", 30.0), deal(7, 10, "lost")])
    assert (row["rv_before"], row["rv_after"], row["average_price_before"]) == (0, 50, None)
    assert [row[name] for name in PARTS] == [0, 0, 0, 50, 0]


def test_nothing_closed_gives_no_figure_and_no_reason() -> None:
    row = two_weeks([deal(0, 70, "open", units=10)], [deal(7, 10, "won", 30.0)])
    assert (row["win_rate_before"], row["rv_before"], row["rv_change"]) == (None, None, None)
    assert {row[name] for name in PARTS} == {None}


def test_nothing_won_on_either_side_is_no_change() -> None:
    row = two_weeks([deal(0, 70, "open"), deal(0, 3, "lost")], [deal(7, 10, "lost")])
    assert (row["rv_before"], row["rv_after"], row["rv_change"]) == (0, 0, 0)
    assert {row[name] for name in PARTS} == {0}


def test_wins_on_their_first_day_have_no_cycle_to_divide_by() -> None:
    row = two_weeks([deal(0, 70, "open"), deal(3, 3, "won", 1.0)], [deal(7, 9, "won", 1.0)])
    assert (row["average_cycle_days_before"], row["rv_before"], row["rv_change"]) == (0, None, None)


def test_a_deal_without_a_rep_counts_for_its_team_only() -> None:
    rows = [deal(0, 70, "open", rep=None), deal(0, 3, "lost", rep=None), deal(7, 10, "lost", rep=None)]
    assert len(changes(rows, (7, 13), scope="team")) == 1
    assert changes(rows, (7, 13), scope="rep") == []


def test_no_deals_give_no_rows() -> None:
    empty = pl.DataFrame([deal(0, 1, "won", 1.0)]).clear()
    assert velocity_change_table(empty, windows((30, 70))).height == 0


def test_which_days_are_compared_with_which() -> None:
    """Mondays with Mondays, month ends with month ends (28 February with 31 January), last night both; no from-to window."""
    days = [date(2025, 2, 24), date(2025, 2, 25), date(2025, 2, 28), date(2025, 3, 30)]
    table = pl.DataFrame(
        {
            "as_of_date": days * 2,
            "window_name": ["30d"] * 4 + ["2025-01-01..2025-02-01"] * 4,
            "window_from_date": [each - timedelta(days=30) for each in days] * 2,
            "window_to_date": days * 2,
            "is_last_night": [each == days[-1] for each in days] * 2,
        }
    )
    found = comparisons(table).select("comparison", "as_of_date", "before_date", "before_from_date").rows()
    assert found == [
        (WEEK_OVER_WEEK, date(2025, 2, 24), date(2025, 2, 17), date(2025, 1, 18)),
        (WEEK_OVER_WEEK, date(2025, 3, 30), date(2025, 3, 23), date(2025, 2, 21)),
        (MONTH_OVER_MONTH, date(2025, 2, 28), date(2025, 1, 31), date(2025, 1, 1)),
        (MONTH_OVER_MONTH, date(2025, 3, 30), date(2025, 2, 28), date(2025, 1, 29)),
    ]


def steady(seed: int, days: int = 400, later_win_rate: float = 0.25, since: int = 400) -> pl.DataFrame:
    """Three deals a day, a quarter of them won; of those begun since a day another share."""
    random = np.random.default_rng(seed)
    start = np.repeat(np.arange(days), random.poisson(3.0, size=days))
    won = random.random(start.size) < np.where(start >= since, later_win_rate, 0.25)
    last = start + np.where(won, random.gamma(4, 5, start.size), random.gamma(2, 10, start.size)).astype(int)
    is_open = last > days - 1
    return pl.DataFrame(
        {
            "rep_id": random.integers(0, 4, start.size).astype(str),
            "deal_type": random.choice(["New", "Renewal"], start.size),
            "started_date": np.datetime64(START) + start,
            "last_date": np.datetime64(START) + np.minimum(last, days - 1),
            "exit_name": np.where(is_open, "open", np.where(won, "won", "lost")),
            "amount": random.lognormal(0, 0.6, start.size),
        }
    ).with_columns(team_id=pl.lit("t"), lead_source=pl.lit("Web"), units=1, priced_units=1)


def test_a_steady_organization_changes_within_noise() -> None:
    """95 % intervals of a change that is chance alone cover zero about as often as they say, and are not just wide."""
    spans = [("30d", 30), ("90d", 90)]
    last_night = pl.concat([windows((days, 399), name=name) for name, days in spans])
    table = pl.concat(velocity_change_table(steady(seed), last_night) for seed in range(60))
    covers = (pl.col("rv_change_lower_95") <= 0) & (pl.col("rv_change_upper_95") >= 0)
    width = (pl.col("rv_change_upper_95") - pl.col("rv_change_lower_95")) / pl.col("rv_after")
    by_kind = table.group_by("scope_kind", "comparison", "window_name").agg(
        covered=covers.mean(), width=width.median()
    )
    assert by_kind["covered"].min() > 0.88
    organization = by_kind.filter(scope_kind="organization", comparison=WEEK_OVER_WEEK)
    assert organization["width"].max() < 0.9


def test_a_doubled_win_rate_is_beyond_noise_and_told_as_such() -> None:
    frame = steady(1, later_win_rate=0.75, since=365)
    (row,) = (
        velocity_change_table(frame, windows((30, 399)))
        .filter(scope_kind="organization", comparison=MONTH_OVER_MONTH)
        .to_dicts()
    )
    assert row["rv_change_lower_95"] > 0
    assert row["contribution_of_win_rate"] == max(row[name] for name in PARTS)


def test_an_interval_is_of_last_night_only_and_repeats() -> None:
    frame, asked = steady(2), windows((30, 392), (30, 399))
    first, second = (velocity_change_table(frame, asked) for _ in range(2))
    assert first.equals(second)
    dated = first.group_by("as_of_date").agg(pl.col("rv_change_lower_95").count()).sort("as_of_date")
    assert dated["rv_change_lower_95"].to_list()[0] == 0 < dated["rv_change_lower_95"].to_list()[1]


def test_fewer_than_eight_weeks_give_no_interval() -> None:
    (row,) = (
        velocity_change_table(steady(3, days=50, since=50), windows((30, 49)))
        .filter(scope_kind="organization", comparison=WEEK_OVER_WEEK)
        .to_dicts()
    )
    assert row["rv_change"] is not None
    assert (row["rv_change_lower_95"], row["rv_change_upper_95"]) == (None, None)
