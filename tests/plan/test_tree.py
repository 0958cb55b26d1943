"""The back-casting tree reproduces the method's worked example."""

from __future__ import annotations

import numpy as np
import pytest

from dagster_project.plan.tree import Coefficients, back_cast, whole
from dagster_project.plan.whole_numbers import largest_remainder

WORKED_EXAMPLE = Coefficients(100_000, 0.20, 0.50, 1 / 3)


def test_a_million_comes_down_to_300_touches() -> None:
    tree = back_cast(1_000_000, WORKED_EXAMPLE)
    levels = (tree.won_deals, tree.meetings, tree.appointments, tree.touches)
    assert [int(whole(level)) for level in levels] == [10, 50, 100, 300]


def test_a_week_of_four_asks_25_appointments_12_or_13_meetings_75_touches() -> None:
    tree = back_cast(1_000_000, WORKED_EXAMPLE)
    weeks = largest_remainder(
        whole([tree.meetings, tree.appointments, tree.touches]), np.ones((3, 4), dtype=np.int64)
    )
    assert weeks.tolist() == [[13, 13, 12, 12], [25, 25, 25, 25], [75, 75, 75, 75]]


def test_fractions_run_down_the_tree_and_are_rounded_up_only_when_shown() -> None:
    tree = back_cast(110_000, WORKED_EXAMPLE)
    assert int(whole(tree.won_deals)) == 2
    assert int(whole(tree.meetings)) == 6


def test_nothing_left_to_win_asks_for_nothing() -> None:
    assert back_cast([-5.0, 0.0], WORKED_EXAMPLE).touches.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.01, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="win_rate"):
        back_cast(1.0, Coefficients(1.0, rate, 0.5, 0.5))


def test_rounding_up_forgives_only_the_last_bits() -> None:
    assert whole([300.00000000000006, 300.001, 299.2, 0.0]).tolist() == [300, 301, 300, 0]
