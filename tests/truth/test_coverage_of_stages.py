"""Intervals of every stage's conversion hold what is true of generated organisations (method §8)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.truth.coverage import Coverage, checked, coverages, printed, show
from tests.truth.expectation import rolling_spans
from tests.truth.measured import stage_intervals
from tests.truth.organization import DAYS
from tests.truth.worlds import drawn_spread, funnel_organization

SPANS = rolling_spans(90, 180, 365, DAYS)
STAGES, USUAL_CONVERSION = 4, 0.7
# Teams that differ only by who is in them differ less than the prior expects. Over an uncertain spread a rep's posterior has
# longer tails and a narrower middle than the normal curve its bounds are taken from: the 80 % are a little more.
CONSERVATIVE = ("stage conversion, team", "stage conversion, rep")


def measured(organizations: int) -> list[Coverage]:
    """Coverage over organisations of four stages and sixteen reps, who differ in every stage."""
    rows = []
    for number in range(organizations):
        random = np.random.default_rng((8, number))
        spread = drawn_spread(random, USUAL_CONVERSION)
        organization = funnel_organization(random, np.full(STAGES, spread), lost_spread=spread)
        found = stage_intervals(organization, random, SPANS)
        assert found.height >= 20
        rows.append(found.with_columns(organization=pl.lit(number)))
    return coverages(pl.concat(rows))


def test_intervals_of_conversion_hold_the_truth_in_twenty_organizations() -> None:
    for each in measured(20):
        assert each.upper >= each.level / 100, printed([each])
        assert each.lower <= each.level / 100 + 0.04, printed([each])
        assert each.width < 0.20


@pytest.mark.slow
def test_intervals_of_conversion_hold_the_truth_in_three_hundred_organizations() -> None:
    found = measured(300)
    show(f"{STAGES} stages, 16 reps", printed(found))
    checked(found, conservative=CONSERVATIVE)
