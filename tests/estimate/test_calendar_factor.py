"""Months of the quarter whichever month the fiscal year begins in: the same three kinds under other numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.estimate.calendar_factor import calendar_months, factor_of_months, month_of_quarter

TWO_YEARS = 24
JANUARY, FEBRUARY, MARCH = range(3)


def fiscal_kind(months: np.ndarray, first_month: int) -> np.ndarray:
    """0, 1 or 2: place of calendar months (0 for January) in the fiscal quarter."""
    return np.asarray((months - first_month) % 12 % 3, dtype=np.int64)


def test_wins_at_the_end_of_quarters_that_begin_in_february_are_found() -> None:
    """Quarters end in April, July, October and January, which are first months of calendar quarters."""
    first, last = (np.datetime64(day, "D").astype(np.int64) for day in ("2024-01-01", "2025-12-31"))
    _, kinds = calendar_months(int(first), int(last))
    ends = fiscal_kind(np.arange(TWO_YEARS) % 12, FEBRUARY) == 2
    found = factor_of_months(np.where(ends, 60.0, 20.0), np.full(TWO_YEARS, 100 / 3), kinds)
    assert found.factor[0] == pytest.approx(1.8, abs=0.05)
    assert found.factor[1:] == pytest.approx([0.6, 0.6], abs=0.05)
    april = np.datetime64("2026-04-15", "D").astype(np.int64)
    assert month_of_quarter(np.array([april])).tolist() == [0]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.floats(1, 300)), min_size=TWO_YEARS, max_size=TWO_YEARS),
    st.sampled_from([JANUARY, FEBRUARY, MARCH, 3, 7, 11]),
)
def test_every_month_gets_the_same_factor_by_calendar_and_by_fiscal_quarters(
    exits: list[tuple[int, float]], first_month: int
) -> None:
    observed, expected = (np.array(column, dtype=np.float64) for column in zip(*exits, strict=True))
    months = np.arange(TWO_YEARS) % 12
    by_calendar = factor_of_months(observed, expected, fiscal_kind(months, JANUARY))
    by_fiscal = factor_of_months(observed, expected, fiscal_kind(months, first_month))
    of_month = by_calendar.factor[fiscal_kind(months, JANUARY)]
    assert by_fiscal.factor[fiscal_kind(months, first_month)] == pytest.approx(of_month)
