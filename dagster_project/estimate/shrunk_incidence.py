"""A team's or rep's cumulative incidence: the organisation's curve times shrunk hazard ratios, never the raw curve.

With few deals a raw curve falls apart (method §2). Both exits have a ratio of observed to expected exits, expected under the
organisation's hazards by age; each is shrunk by Gamma–Poisson and multiplies the organisation's intensities.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

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
from dagster_project.estimate.scope_counts import age_index
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

    def scopes(self, chosen: slice) -> ExitRatios:
        """Those of some of the scopes."""
        parts = (tuple(each[chosen] for each in getattr(self, name.name)) for name in fields(self))
        return ExitRatios(*parts)

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


def exit_ratios(
    pooled: WindowCounts,
    observed: Iterable[FloatArray],
    expected: Iterable[FloatArray],
    team: IntArray | None = None,
) -> ExitRatios:
    """Shrunk ratios of observed to expected exits (target, competing; scopes × windows) to `pooled` (1 × windows × ages).

    With `team`, each scope's team (-1 for none), a scope is shrunk to its team, and the team to the organisation.
    """
    parts = [
        _one_exit(seen.T, due.T, scale, team)
        for seen, due, scale in zip(observed, expected, spread_scales(pooled), strict=True)
    ]
    mean, log_mean, log_variance = zip(*parts, strict=True)
    return ExitRatios(mean, log_mean, log_variance)


def _one_exit(observed: FloatArray, expected: FloatArray, scale: FloatArray, team: IntArray | None) -> Ratio:
    if team is None:
        posterior = shrink_ratios(observed, expected, scale)
        return posterior.mean.T, posterior.log_mean.T, posterior.log_variance.T
    parent = team_ratios(observed, expected, scale, team)
    base = np.where(team >= 0, parent.mean, 1.0)
    # The spread is that of reps around what their teams show, and so holds the teams' own error: nothing is added for it.
    posterior = shrink_ratios(observed, expected * base, scale)
    return (posterior.mean * base).T, (posterior.log_mean + np.log(base)).T, posterior.log_variance.T


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
    found = [ScopedCounts(index.organization, pooled, alone)]
    for scopes in (index.teams, index.reps):
        own = counts.pooled(scopes.membership)
        observed = [own.target.sum(axis=-1), own.competing.sum(axis=-1)]
        expected = [_expected(own, everyone, pooled) for everyone in (pooled.target, pooled.competing)]
        found.append(
            ScopedCounts(scopes, own, exit_ratios(pooled, observed, expected, index.parent_team(scopes)))
        )
    return found


def _expected(own: WindowCounts, everyone: FloatArray, pooled: WindowCounts) -> FloatArray:
    return np.asarray((own.at_risk * divide(everyone, pooled.at_risk)).sum(axis=-1), dtype=np.float64)


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
    """P(target) and P(still open) of all scopes under the organisation's intensities times their ratios (`incidence_of`)."""
    shape = (*ratios.mean[0].shape, place.shape[-1])
    rate, still_open = np.empty(shape), np.empty(shape)
    summed = np.cumsum(to_target, axis=-1), np.cumsum(elsewhere, axis=-1)
    odds = divide(elsewhere, to_target, otherwise=np.inf)
    # One scope at a time stays in the processor's cache.
    for scope, (first, second) in enumerate(zip(*ratios.mean, strict=True)):
        open_by_age = np.exp(-first[:, None] * summed[0] - second[:, None] * summed[1])
        reached = -np.diff(open_by_age, axis=-1, prepend=1.0)
        reached /= 1 + odds * (second / first)[:, None]
        np.cumsum(reached, axis=-1, out=reached)
        rate[scope], still_open[scope] = (
            np.take_along_axis(each, place, axis=-1) for each in (reached, open_by_age)
        )
    # Where every exit is to the target, the sum of many terms may pass one in the last bit.
    return np.minimum(rate, 1.0, out=rate), still_open


def _slopes(to_target: FloatArray, elsewhere: FloatArray, place: IntArray) -> list[FloatArray]:
    """Change of the organisation's rate on the cloglog scale per unit of the logarithm of either hazard ratio."""
    plain = cloglog(pick(incidence_of(to_target, elsewhere)[0][None], place))
    moved = (
        incidence_of(to_target * first, elsewhere * second)[0][None]
        for first, second in ((np.exp(_STEP), 1.0), (1.0, np.exp(_STEP)))
    )
    return [(cloglog(pick(each, place)) - plain) / _STEP for each in moved]


def pick(curve: FloatArray, place: IntArray) -> FloatArray:
    """Values of curves (scopes × windows × ages) at places of ages (windows × horizons)."""
    index = np.broadcast_to(place, (*curve.shape[:-1], place.shape[-1]))
    return np.take_along_axis(curve, index, axis=-1)


def cloglog(rate: FloatArray) -> FloatArray:
    """log(-log(1 - rate)), finite at 0 and 1."""
    return np.asarray(np.log(-np.log1p(-np.clip(rate, 1e-12, 1 - 1e-12))), dtype=np.float64)
