"""Who does what in a team with inside sales: each role gets its own part of the tree (method §5).

Inside sales make the touches and the appointments of their team's field reps; field reps hold the meetings and win the
deals. ``full`` reps do everything themselves. Numbers only move between reps of one team: its sums stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dagster_project.plan.whole_numbers import largest_remainder

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

FULL, FIELD, INSIDE_SALES = "full", "field", "inside_sales"
PARTS: Mapping[str, tuple[str, ...]] = {
    FULL: ("won_deals", "meetings", "appointments", "touches"),
    FIELD: ("won_deals", "meetings"),
    INSIDE_SALES: ("appointments", "touches"),
}


def working_roles(roles: Sequence[str], teams: Sequence[str], days_left: IntArray) -> list[str]:
    """The role each rep is planned in.

    A field rep whose team has no inside sales with a day left makes the appointments too, and inside sales without a
    field rep in the team work for themselves: both are planned as ``full``.
    """
    works = np.asarray(days_left) > 0
    has = {
        role: {team for team, its, able in zip(teams, roles, works, strict=True) if its == role and able}
        for role in (FIELD, INSIDE_SALES)
    }
    other = {FIELD: INSIDE_SALES, INSIDE_SALES: FIELD}
    return [
        role if role in other and team and team in has[other[role]] else FULL
        for role, team in zip(roles, teams, strict=True)
    ]


def own_part(measure: str, roles: Sequence[str]) -> BoolArray:
    """Which reps have the measure in their part of the tree."""
    return np.array([measure in PARTS[role] for role in roles], dtype=np.bool_)


def moved_to_roles(
    totals: Mapping[str, IntArray], roles: Sequence[str], teams: Sequence[str], days_left: IntArray
) -> dict[str, IntArray]:
    """Each team's field and inside-sales numbers, laid on those whose part they are by the units of their days left.

    Args:
        totals: per measure, one whole number per rep.
        roles: from ``working_roles``.
        days_left: working units of each rep.

    Returns:
        As ``totals``; the sum over a team is unchanged, measure by measure.
    """
    moved = {}
    for measure, numbers in totals.items():
        mine = own_part(measure, roles)
        shared = np.array([role != FULL for role in roles], dtype=np.bool_)
        moved[measure] = np.array(numbers, dtype=np.int64)
        for team in {team for team, is_shared in zip(teams, shared, strict=True) if is_shared}:
            inside = shared & (np.array(teams, dtype=object) == team)
            moved[measure][inside] = largest_remainder(numbers[inside].sum(), (days_left * mine)[inside])
    return moved
