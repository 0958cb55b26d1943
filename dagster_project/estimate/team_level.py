"""What a rep's team tells about the rep: the ratio of its other reps, shrunk to the organisation (method §2)."""

from __future__ import annotations

import numpy as np

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.shrinkage import RatioPosterior, ratios_given_spread, shrink_ratios


def team_ratios(
    observed: FloatArray, expected: FloatArray, scale: FloatArray, team: IntArray
) -> RatioPosterior:
    """Posterior, per rep (last axis), of the team's hazard ratio as its other reps show it; `team` is -1 for none.

    The rep's own exits are left out, or they would count twice. Reps of one team differ too, so that a team's exits scatter
    more than Poisson counts do: both are divided by that scatter, with the spread between all reps for the one within teams.
    """
    between = shrink_ratios(observed, expected, scale)
    spread = (between.spread_weight * between.spread_points**2).sum(axis=-1, keepdims=True)
    member = (team == np.arange(team.max() + 1)[:, None]).astype(np.float64)
    totals = [values @ member.T for values in (observed, expected, expected**2)]
    of_teams = shrink_ratios(*_without_scatter(totals[0], totals[1], totals[2], spread), scale)
    others = [
        np.maximum(total[..., team] - own, 0.0)
        for total, own in zip(totals, (observed, expected, expected**2), strict=True)
    ]
    counts = _without_scatter(others[0], others[1], others[2], spread)
    return ratios_given_spread(*counts, of_teams.spread_points, of_teams.spread_weight)


def _without_scatter(
    observed: FloatArray, expected: FloatArray, squares: FloatArray, spread: FloatArray
) -> tuple[FloatArray, FloatArray]:
    scatter = 1 + spread * divide(squares, expected)
    return observed / scatter, expected / scatter
