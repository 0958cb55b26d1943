"""A team's or rep's cumulative incidence: the organisation's curve times shrunk hazard ratios, never the raw curve.

With few deals a raw curve falls apart (method §2). Both exits have a ratio of observed to expected exits, expected under the
organisation's hazards by age; each is shrunk by Gamma–Poisson and multiplies the organisation's intensities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.incidence import (
    Incidence,
    Interval,
    cloglog_deviation,
    cloglog_interval,
    from_cloglog,
    incidence_of,
    intensities,
)
from dagster_project.estimate.lexis import WindowCounts
from dagster_project.estimate.scopes import ScopeIndex, Scopes
from dagster_project.estimate.shrinkage import RATE_SPREAD_SCALE, shrink_ratios
from dagster_project.estimate.special import normal_quantile
from dagster_project.estimate.team_level import team_ratios

Ratio = tuple[FloatArray, FloatArray, FloatArray]
_STEP = 0.01
_LEAST_SENSITIVITY = 0.05


@dataclass(frozen=True)
class ExitRatios:
    """Hazard ratios of scopes × windows to the organisation: mean, log mean and log variance, per exit."""

    mean: tuple[FloatArray, ...]
    log_mean: tuple[FloatArray, ...]
    log_variance: tuple[FloatArray, ...]

    def exit(self, number: int) -> Ratio:
        """The ratio of one exit (0 target, 1 competing)."""
        return self.mean[number], self.log_mean[number], self.log_variance[number]


@dataclass(frozen=True)
class ShrunkIncidence:
    """Per scope × window × horizon: shrunk rate, P(still open), centre and deviation on the cloglog scale.

    `fallback_rate` is the organisation's raw rate, whose own interval stands where it is 0 or 1.
    """

    rate: FloatArray
    still_open: FloatArray
    centre: FloatArray
    deviation: FloatArray
    fallback_rate: FloatArray
    fallback_variance: FloatArray
    fallback_units: FloatArray

    def interval(self, level: float) -> Interval:
        """Interval on the complementary log-log scale."""
        width = float(normal_quantile(0.5 + level / 2)) * self.deviation
        pooled = cloglog_interval(self.fallback_rate, self.fallback_variance, self.fallback_units, level)
        interior = (self.fallback_rate > 0) & (self.fallback_rate < 1)
        return Interval(
            np.where(interior, from_cloglog(self.centre - width), pooled.lower),
            np.where(interior, from_cloglog(self.centre + width), pooled.upper),
        )


def exit_ratios(pooled: WindowCounts, own: WindowCounts, team: IntArray | None = None) -> ExitRatios:
    """Shrunk ratios of `own` (scopes × windows × ages) to `pooled` (1 × windows × ages).

    With `team`, each scope's team (-1 for none), a scope is shrunk to its team, and the team to the organisation.
    """
    scales = spread_scales(pooled)
    exits = ((own.target, pooled.target), (own.competing, pooled.competing))
    parts = [
        _one_exit(mine.sum(axis=-1).T, _expected(own, everyone, pooled).T, scale, team)
        for (mine, everyone), scale in zip(exits, scales, strict=True)
    ]
    mean, log_mean, log_variance = zip(*parts, strict=True)
    return ExitRatios(mean, log_mean, log_variance)


def _expected(own: WindowCounts, everyone: FloatArray, pooled: WindowCounts) -> FloatArray:
    return np.asarray((own.at_risk * divide(everyone, pooled.at_risk)).sum(axis=-1), dtype=np.float64)


def _one_exit(observed: FloatArray, expected: FloatArray, scale: FloatArray, team: IntArray | None) -> Ratio:
    if team is None:
        posterior = shrink_ratios(observed, expected, scale)
        return posterior.mean.T, posterior.log_mean.T, posterior.log_variance.T
    parent = team_ratios(observed, expected, scale, team)
    base = np.where(team >= 0, parent.mean, 1.0)
    posterior = shrink_ratios(observed, expected * base, scale)
    # What the team's own uncertainty adds: nothing where a rep's deals speak for themselves.
    added = np.where(team >= 0, posterior.prior_weight**2 * parent.log_variance, 0.0)
    return (
        (posterior.mean * base).T,
        (posterior.log_mean + np.log(base)).T,
        (posterior.log_variance + added).T,
    )


@dataclass(frozen=True)
class ScopedCounts:
    """One kind of scope with its own counts and hazard ratios."""

    scopes: Scopes
    counts: WindowCounts
    ratios: ExitRatios


def scoped_counts(counts: WindowCounts, pooled: WindowCounts, index: ScopeIndex) -> list[ScopedCounts]:
    """The organisation (ratio one, for certain), teams shrunk to it, reps to their team or, where teams are few, to it."""
    certain = np.ones((1, pooled.units.shape[1]))
    alone = ExitRatios((certain, certain), (0 * certain,) * 2, (0 * certain,) * 2)
    of_teams, of_reps = counts.pooled(index.teams.membership), counts.pooled(index.reps.membership)
    team = index.rep_team if index.has_team_level else None
    return [
        ScopedCounts(index.organization, pooled, alone),
        ScopedCounts(index.teams, of_teams, exit_ratios(pooled, of_teams)),
        ScopedCounts(index.reps, of_reps, exit_ratios(pooled, of_reps, team)),
    ]


def spread_scales(pooled: WindowCounts) -> tuple[FloatArray, FloatArray]:
    """Prior scale of each ratio's spread, so that the rate at the longest age spreads with scale .10 (method §2)."""
    to_target, elsewhere = intensities(pooled.at_risk[0], pooled.target[0], pooled.competing[0])
    rate = incidence_of(to_target, elsewhere)[0][..., -1]
    scales = []
    for factor in ((np.exp(_STEP), 1.0), (1.0, np.exp(_STEP))):
        moved = incidence_of(to_target * factor[0], elsewhere * factor[1])[0][..., -1]
        scales.append(RATE_SPREAD_SCALE / np.maximum(np.abs(moved - rate) / _STEP, _LEAST_SENSITIVITY))
    return scales[0], scales[1]


def shrunk_incidence(
    pooled: WindowCounts, curve: Incidence, variance: FloatArray, ratios: ExitRatios, horizon: IntArray
) -> ShrunkIncidence:
    """Curves of all scopes at the age days `horizon` (windows × horizons); `variance` is the pooled curve's.

    On the cloglog scale a rate answers to the logarithm of a hazard ratio almost linearly, and with the slope of the
    organisation's curve: exactly so without competing exits.
    """
    to_target, elsewhere = intensities(pooled.at_risk[0], pooled.target[0], pooled.competing[0])
    place = age_index(pooled.ages, horizon)
    slopes = _slopes(to_target, elsewhere, place)
    rate, still_open = _scaled(to_target, elsewhere, ratios, place)
    pooled_rate, pooled_variance = pick(curve.target, place), pick(variance, place)
    centre, spread = cloglog(rate), cloglog_deviation(pooled_rate, pooled_variance) ** 2
    for number, slope in enumerate(slopes):
        mean, log_mean, log_variance = ratios.exit(number)
        centre = centre + slope * (log_mean - np.log(mean))[..., None]
        spread = spread + slope**2 * log_variance[..., None]
    units = np.broadcast_to(pooled.units[..., None], pooled_rate.shape)
    return ShrunkIncidence(rate, still_open, centre, np.sqrt(spread), pooled_rate, pooled_variance, units)


def _scaled(
    to_target: FloatArray, elsewhere: FloatArray, ratios: ExitRatios, place: IntArray
) -> tuple[FloatArray, FloatArray]:
    """P(target) and P(still open) of all scopes under the organisation's intensities times their ratios."""
    shape = (*ratios.mean[0].shape, place.shape[-1])
    rate, still_open = np.empty(shape), np.empty(shape)
    # One scope at a time stays in the processor's cache.
    for scope, (first, second) in enumerate(zip(*ratios.mean, strict=True)):
        curves = incidence_of(to_target * first[:, None], elsewhere * second[:, None])
        rate[scope], still_open[scope] = (np.take_along_axis(values, place, axis=-1) for values in curves)
    return rate, still_open


def _slopes(to_target: FloatArray, elsewhere: FloatArray, place: IntArray) -> list[FloatArray]:
    """Change of the organisation's rate on the cloglog scale per unit of the logarithm of either hazard ratio."""
    plain = cloglog(pick(incidence_of(to_target, elsewhere)[0][None], place))
    moved = (
        incidence_of(to_target * first, elsewhere * second)[0][None]
        for first, second in ((np.exp(_STEP), 1.0), (1.0, np.exp(_STEP)))
    )
    return [(cloglog(pick(each, place)) - plain) / _STEP for each in moved]


def age_index(ages: IntArray, horizon: IntArray) -> IntArray:
    """Places of age days among the ages counted: the last one not beyond, because between them nothing changes."""
    return np.searchsorted(ages, horizon, side="right") - 1


def pick(curve: FloatArray, place: IntArray) -> FloatArray:
    """Values of curves (scopes × windows × ages) at places of ages (windows × horizons)."""
    index = np.broadcast_to(place, (*curve.shape[:-1], place.shape[-1]))
    return np.take_along_axis(curve, index, axis=-1)


def cloglog(rate: FloatArray) -> FloatArray:
    """log(-log(1 - rate)), finite at 0 and 1."""
    return np.asarray(np.log(-np.log1p(-np.clip(rate, 1e-12, 1 - 1e-12))), dtype=np.float64)
