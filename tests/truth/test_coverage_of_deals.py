"""Intervals of win by horizon, win rate and money a day hold what is true of generated organisations (method §8)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.truth.coverage import Coverage, checked, coverages, printed, show
from tests.truth.expectation import rolling_spans
from tests.truth.measured import deal_intervals
from tests.truth.organization import DAYS
from tests.truth.worlds import deals_organization, drawn_spread

SPANS = rolling_spans(90, 180, 365, DAYS)
# Teams and reps of these organisations: too few teams to shrink to, and enough.
FEW_TEAMS, TEAMS = (3, 0.0), (6, 0.4)
# Quarter ends and growth are no chance, but to a resampling of weeks they look like it.
MONEY = "money won a day (of its mean), organization"
# With three teams that differ only by who is in them, the prior of the spread between teams is wider than the truth.
TEAM_OF_FEW = "win by horizon, team"
# Shrunk to their teams: 94.2 % [93.6, 94.8] where 95 are stated.
REP = "win by horizon, rep"


def measured(organizations: int, teams: int, between_teams: float) -> list[Coverage]:
    """Coverage over organisations whose reps differ by spreads as the priors have them, four to a team."""
    rows = []
    for number in range(organizations):
        random = np.random.default_rng((7, number))
        organization = deals_organization(
            random, teams=teams, reps_per_team=4, spread=drawn_spread(random), between_teams=between_teams
        )
        found = deal_intervals(organization, random, SPANS)
        assert found.height >= 20
        rows.append(found.with_columns(organization=pl.lit(number)))
    return coverages(pl.concat(rows))


def test_intervals_hold_the_truth_in_forty_organizations() -> None:
    found = measured(40, *FEW_TEAMS)
    for each in found:
        # Forty organisations tell a tenth from the stated level, not a hundredth.
        assert each.upper >= each.level / 100, printed([each])
        assert each.lower <= each.level / 100 + 0.03, printed([each])
    widths = {each.figure: each.width for each in found if each.level == 95}
    assert widths["win by horizon, organization"] < 0.06
    assert widths["win by horizon, rep"] < 0.13
    assert widths["win rate, rep"] < 0.20


@pytest.mark.slow
@pytest.mark.parametrize(("teams", "between_teams"), [FEW_TEAMS, TEAMS])
def test_intervals_hold_the_truth_in_three_hundred_organizations(teams: int, between_teams: float) -> None:
    found = measured(300, teams, between_teams)
    show(f"{teams} teams of 4 reps, {between_teams:.0%} of the reps' variance between teams", printed(found))
    checked(found, conservative=(MONEY, TEAM_OF_FEW), near=(REP,))
