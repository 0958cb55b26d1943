"""What is true of an organisation: expected counts from its hazards, day by day, as a rerun without end would show them.

The truth of a window's figure is that figure on the expected counts: the same reps, hazards, months and growth, with chance
taken out. It holds for the process (the same reps meeting new deals), not for the deals that happened to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray
from tests.truth.organization import BACK, DAYS, FORWARD, LOST, OLDEST_AGE, Organization, month_of_quarter

Span = tuple[str, int, int]


@dataclass(frozen=True)
class Expected:
    """At risk and leaving by cause, per window × class × stage × age (causes first for `exits`)."""

    at_risk: FloatArray
    exits: FloatArray


def expected_counts(organization: Organization, spans: Sequence[Span]) -> Expected:
    """Expected counts of windows (name, from, to], days counted from FIRST_DATE."""
    shape = (organization.classes, organization.stages, OLDEST_AGE)
    shares = [_exit_shares(organization, month) for month in range(3)]
    present, summed = np.zeros(shape), np.zeros((4, *shape))
    edges = {day for _, begin, end in spans for day in (begin, end)}
    at_edge = {day: summed.copy() for day in edges if day < 0}
    for day, month in enumerate(month_of_quarter().tolist()):
        present[:, 0, 0] += organization.arrivals[:, day]
        leaving = present * shares[month]
        summed[0] += present
        summed[1:] += leaving
        moved = np.zeros(shape[:2])
        moved[:, 1:] += leaving[FORWARD, :, :-1].sum(axis=-1)
        moved[:, :-1] += leaving[BACK, :, 1:].sum(axis=-1)
        # Whoever enters a stage today is at risk in it today, at age 0, where nobody leaves a later stage.
        summed[0, :, :, 0] += moved
        stays = present - leaving.sum(axis=0)
        stays[:, :, 0] += moved
        present[:, :, 1:], present[:, :, 0] = stays[:, :, :-1], 0.0
        if day in edges:
            at_edge[day] = summed.copy()
    counts = np.stack([at_edge[end] - at_edge[begin] for _, begin, end in spans], axis=1)
    return Expected(counts[0], counts[1:])


def _exit_shares(organization: Organization, month: int) -> FloatArray:
    """P(leaving by each cause on a day of this month of the quarter), causes × classes × stages × ages."""
    hazards = organization.hazards[:, None] * organization.factor[..., None]
    hazards = hazards * organization.calendar[:, month, None, None, None]
    total = hazards.sum(axis=0)
    return hazards * np.divide(-np.expm1(-total), total, out=np.zeros_like(total), where=total > 0)


def true_curves(expected: Expected, members: IntArray, stage: int = 0) -> FloatArray:
    """P(left forward by each age) of the classes `members` (scopes × classes, ones and zeros): windows × scopes × ages."""
    at_risk = np.einsum("sc,wca->wsa", members, expected.at_risk[:, :, stage])
    forward, lost, back = np.einsum("sc,xwca->xwsa", members, expected.exits[:, :, :, stage])
    stays = np.cumprod(1 - _quotient(forward + lost + back, at_risk), axis=-1)
    before = np.concatenate([np.ones_like(stays[..., :1]), stays[..., :-1]], axis=-1)
    return np.cumsum(before * _quotient(forward, at_risk), axis=-1)


def win_chances(organization: Organization) -> FloatArray:
    """P(a new deal is ever won) by class, every month alike: each stay's chances to end by each cause, then the way through."""
    shares = _exit_shares(replace(organization, calendar=np.ones((3, 3))), 0)
    stays = np.cumprod(1 - shares.sum(axis=0), axis=-1)
    before = np.concatenate([np.ones_like(stays[..., :1]), stays[..., :-1]], axis=-1)
    ends = (shares * before).sum(axis=-1)
    stages = organization.stages
    moves = np.zeros((organization.classes, stages, stages))
    moves[:, np.arange(stages - 1), np.arange(1, stages)] = ends[FORWARD, :, :-1]
    moves[:, np.arange(1, stages), np.arange(stages - 1)] = ends[BACK, :, 1:]
    wins = np.zeros((organization.classes, stages, 1))
    wins[:, -1, 0] = ends[FORWARD, :, -1]
    return np.linalg.solve(np.eye(stages) - moves, wins)[:, 0, 0]


def true_win_rates(expected: Expected, members: IntArray) -> FloatArray:
    """Won ÷ (won + lost) among closed in each window, windows × scopes; for organisations of one stage."""
    won = np.einsum("sc,wc->ws", members, expected.exits[FORWARD].sum(axis=(-2, -1)))
    lost = np.einsum("sc,wc->ws", members, expected.exits[LOST].sum(axis=(-2, -1)))
    return _quotient(won, won + lost)


def won_per_day(organization: Organization, expected: Expected, spans: Sequence[Span]) -> FloatArray:
    """Money won a day by class, windows × classes."""
    won = expected.exits[FORWARD, :, :, -1].sum(axis=-1) * organization.price
    days = [end - begin for _, begin, end in spans]
    return won / np.array(days)[:, None]


def scopes(organization: Organization) -> list[tuple[str, str, IntArray]]:
    """Kind, id and members (over classes) of the organisation, each team and each rep."""
    found = [("organization", "", np.ones(organization.classes, dtype=np.int64))]
    for kind, numbers in (("team", organization.team), ("rep", organization.rep)):
        found += [(kind, f"{kind}{each}", (numbers == each).astype(np.int64)) for each in np.unique(numbers)]
    return found


def curve_table(
    organization: Organization, expected: Expected, spans: Sequence[Span], stage: int = 0
) -> pl.DataFrame:
    """True curves as rows: window_name, scope_kind, scope_id, horizon_days, truth."""
    named = scopes(organization)
    curves = true_curves(expected, np.stack([members for _, _, members in named]), stage)
    window, scope, age = np.indices(curves.shape)
    return pl.DataFrame(
        {
            "window_name": np.array([name for name, _, _ in spans])[window.ravel()],
            "scope_kind": np.array([kind for kind, _, _ in named])[scope.ravel()],
            "scope_id": np.array([name for _, name, _ in named])[scope.ravel()],
            "horizon_days": age.ravel().astype(np.int32),
            "truth": curves.ravel(),
        }
    )


def win_rate_table(organization: Organization, expected: Expected, spans: Sequence[Span]) -> pl.DataFrame:
    """True win rates and money a day as rows: window_name, scope_kind, scope_id, truth, won_per_day."""
    named = scopes(organization)
    members = np.stack([each for _, _, each in named])
    rates = true_win_rates(expected, members)
    money = np.einsum("sc,wc->ws", members, won_per_day(organization, expected, spans))
    window, scope = np.indices(rates.shape)
    return pl.DataFrame(
        {
            "window_name": np.array([name for name, _, _ in spans])[window.ravel()],
            "scope_kind": np.array([kind for kind, _, _ in named])[scope.ravel()],
            "scope_id": np.array([name for _, name, _ in named])[scope.ravel()],
            "truth": rates.ravel(),
            "won_per_day": money.ravel(),
        }
    )


def rolling_spans(*days: int) -> list[Span]:
    """Windows of so many days that end with the last day."""
    return [(f"{each}d", DAYS - 1 - each, DAYS - 1) for each in days]


def _quotient(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
