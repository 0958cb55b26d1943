"""χ² between reps against scipy, and the cases without an answer."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dagster_project.estimate.rep_spread import rep_spread_table


def spread(pairs: list[tuple[int, int]]) -> dict[str, object]:
    rows = {"won": [won for won, _ in pairs], "lost": [lost for _, lost in pairs]}
    table = pl.DataFrame(rows, schema={"won": pl.Int64, "lost": pl.Int64})
    (row,) = rep_spread_table(
        table.with_columns(as_of_date=pl.lit(date(2026, 1, 5)), window_name=pl.lit("all"))
    ).to_dicts()
    return row


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=12))
def test_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    found = spread(pairs)
    expected = stats.chi2_contingency([list(pair) for pair in pairs], correction=False)
    assert found["chi_square"] == pytest.approx(expected.statistic)
    assert found["p_value"] == pytest.approx(expected.pvalue)


def test_one_rep_cannot_differ() -> None:
    found = spread([(10, 5)])
    assert (found["chi_square"], found["p_value"], found["is_distinguishable"]) == (None, None, False)


def test_all_won_has_no_spread() -> None:
    found = spread([(10, 0), (5, 0)])
    assert (found["chi_square"], found["is_distinguishable"]) == (None, False)


def test_reps_without_closed_deals_do_not_count() -> None:
    assert spread([(10, 5), (3, 9), (0, 0)])["reps"] == 2


def test_a_large_difference_is_distinguishable() -> None:
    assert spread([(90, 10), (10, 90)])["is_distinguishable"]
