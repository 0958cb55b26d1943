"""Organisations drawn at random: how wide reps, teams and segments differ is chosen, the rest is fixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dagster_project.estimate.arrays import FloatArray
from tests.truth.organization import FORWARD, LOST, OLDEST_AGE, Organization

# Wins cluster at quarter ends, losses a little after the turn (method §2).
CALENDAR = np.array([[0.75, 0.90, 1.35], [1.15, 1.0, 0.85], [1.0, 1.0, 1.0]])
SEGMENTS = 3
_SEGMENT_FACTOR = np.array([[1.2, 1.0, 0.8], [0.9, 1.0, 1.15]])
_SEGMENT_PRICE = np.array([600.0, 1000.0, 2200.0])


def deal_hazards() -> FloatArray:
    """Causes × one stage × ages: winning ramps up and fades, losing starts high; about .37 win within 240 days."""
    age = np.arange(OLDEST_AGE)
    win = 0.0105 * (1 - np.exp(-(age + 1) / 12)) * (0.3 + 0.7 * np.exp(-age / 90))
    loss = 0.0075 * (0.6 + 0.6 * np.exp(-age / 15)) + 0.003 * (age > 100)
    return np.stack([win, loss, np.zeros(OLDEST_AGE)])[:, None]


def drawn_factors(random: np.random.Generator, size: int, spread: float) -> FloatArray:
    """Hazard ratios with mean one and this standard deviation (gamma)."""
    if spread < 1e-6:
        return np.ones(size)
    return np.maximum(random.gamma(1 / spread**2, spread**2, size), 1e-3)


def deals_organization(
    random: np.random.Generator,
    *,
    teams: int,
    reps_per_team: int,
    spread: float,
    between_teams: float = 0.0,
    deals_a_day: float = 4.0,
    growth: float = 0.02,
) -> Organization:
    """One stage from creation to close. `spread`: standard deviation of reps' hazard ratios, for winning and for losing alike;
    `between_teams`: the share of its square that their teams make.

    Reps get unequal numbers of deals, and segments in shares of their own.
    """
    reps = teams * reps_per_team
    own, of_team = spread * (1 - between_teams) ** 0.5, spread * between_teams**0.5
    ratios = [
        drawn_factors(random, reps, own) * np.repeat(drawn_factors(random, teams, of_team), reps_per_team)
        for _ in range(2)
    ]
    share = random.gamma(3.0, size=reps)
    mix = random.dirichlet(np.full(SEGMENTS, 8.0), size=reps)
    rep, segment = np.repeat(np.arange(reps), SEGMENTS), np.tile(np.arange(SEGMENTS), reps)
    factor = np.ones((3, rep.size, 1))
    for cause in (FORWARD, LOST):
        factor[cause, :, 0] = ratios[cause][rep] * _SEGMENT_FACTOR[cause, segment]
    return Organization(
        hazards=deal_hazards(),
        calendar=CALENDAR,
        factor=factor,
        intake=(deals_a_day * share[:, None] / share.sum() * mix).ravel(),
        growth=growth,
        team=rep // reps_per_team,
        rep=rep,
        price=_SEGMENT_PRICE[segment],
    )


def drawn_spread(random: np.random.Generator, rate: float = 0.5) -> float:
    """A spread of both hazard ratios as the priors have it: half-normal, scale .10 on the rate (method §2).

    A rate moves by rate · (1 - rate) with the logarithm of either ratio, and both differ.
    """
    return float(abs(random.standard_normal())) * 0.10 / (rate * (1 - rate) * 2**0.5)


def funnel_hazards(random: np.random.Generator, stages: int) -> FloatArray:
    """Causes × stages × ages: stages of unequal pace and leakage, a few deals going back."""
    age = np.arange(OLDEST_AGE)
    pace, leak = random.uniform(0.03, 0.09, stages), random.uniform(0.01, 0.035, stages)
    forward = pace[:, None] * (1 - np.exp(-(age + 1) / 4)) * (0.4 + 0.6 * np.exp(-age / 40))
    lost = leak[:, None] * (0.7 + 0.5 * np.exp(-age / 10))
    back = np.where(np.arange(stages)[:, None] > 0, 0.002, 0.0) * np.ones(OLDEST_AGE)
    hazards = np.stack([forward, lost, back])
    hazards[:, :, 0] = 0.0
    return hazards


def funnel_organization(
    random: np.random.Generator,
    spreads: FloatArray,
    *,
    lost_spread: float = 0.0,
    reps: int = 16,
    teams: int = 4,
    deals_a_day: float = 8.0,
    growth: float = 0.02,
) -> Organization:
    """Several stages; `spreads`: standard deviation of reps' forward hazard ratios in each, `lost_spread` of their losses'."""
    stages = len(spreads)
    forward = np.stack([drawn_factors(random, reps, each) for each in spreads.tolist()], axis=-1)
    lost = np.stack([drawn_factors(random, reps, lost_spread) for _ in range(stages)], axis=-1)
    share = random.gamma(6.0, size=reps)
    return Organization(
        hazards=funnel_hazards(random, stages),
        calendar=np.ones((3, 3)),
        factor=np.stack([forward, lost, np.ones_like(forward)]),
        intake=deals_a_day * share / share.sum(),
        growth=growth,
        team=np.arange(reps) % teams,
        rep=np.arange(reps),
        price=np.full(reps, 1000.0),
    )


def with_stage_changed(organization: Organization, stage: int, forward_factor: float) -> Organization:
    """The same organisation, every rep of which leaves `stage` forward at this multiple of the base hazard."""
    factor = organization.factor.copy()
    factor[FORWARD, :, stage] = forward_factor
    return replace(organization, factor=factor)
