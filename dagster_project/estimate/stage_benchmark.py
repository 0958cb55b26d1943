"""A stage's conversion and days for every scope, and the benchmark to hold them against (method §4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray, divide
from dagster_project.estimate.incidence import incidence_of, intensities
from dagster_project.estimate.lexis import WindowCounts
from dagster_project.estimate.series import Series
from dagster_project.estimate.shrinkage import RatioPosterior, shrink_ratios
from dagster_project.estimate.shrunk_incidence import cloglog, scoped_counts, shrunk_incidence, spread_scales
from dagster_project.estimate.special import chi_square_tail, gamma_quantile

_NO_SPREAD_IMPROVEMENT = 0.10
_FEWEST_REPS = 3


@dataclass(frozen=True)
class StageBenchmark:
    """Figures of one stage, scopes × windows unless said otherwise.

    `conversion` P(leaving forward), `competing` P(leaving otherwise), with centre and deviation of the conversion on the
    cloglog scale. Per window: `benchmark` conversion with its centre and deviation given the curve, `curve_deviation` of the
    organisation. `faster` is the conversion when the wait is the benchmark's and losses go on at their pace a day.
    """

    conversion: FloatArray
    competing: FloatArray
    centre: FloatArray
    deviation: FloatArray
    median_days: FloatArray
    benchmark: FloatArray
    benchmark_centre: FloatArray
    benchmark_deviation: FloatArray
    curve_deviation: FloatArray
    benchmark_days: FloatArray
    faster: FloatArray


def chance_of_spread(series: Series) -> FloatArray:
    """Per window, P(reps' observed and expected exits forward differ so much by chance): χ², one for fewer than three."""
    observed, expected = _exits_of_reps(series, series.counts.pooled(series.index.reps.membership))
    statistic = divide((observed - expected) ** 2, expected).sum(axis=-1)
    reps = (expected > 0).sum(axis=-1)
    return np.where(reps < _FEWEST_REPS, 1.0, chi_square_tail(statistic, np.maximum(reps - 1, 1)))


def stage_benchmark(series: Series, has_spread: BoolArray) -> StageBenchmark:
    """Conversion, median days and benchmark of one stage.

    The benchmark is the upper quartile of the forward hazard as fitted between reps, in windows where `has_spread`; else a
    10 % improvement of the organisation's figure. One rule for all stages of a window, or they could not be compared.
    """
    scoped = scoped_counts(series.counts, series.pooled, series.index)
    ratios = [each.ratios for each in scoped]
    forward, other = (np.concatenate([each.mean[number] for each in ratios]) for number in (0, 1))
    to_target, elsewhere = intensities(
        series.pooled.at_risk[0], series.pooled.target[0], series.pooled.competing[0]
    )
    curve, still_open = incidence_of(to_target * forward[..., None], elsewhere * other[..., None])
    horizon = np.full((len(series.windows), 1), series.pooled.ages[-1])
    parts = [shrunk_incidence(series.pooled, series.curve, series.variance, each, horizon) for each in ratios]
    quartile = _upper_quartile(series, scoped[-1].counts, to_target, elsewhere, has_spread)
    median = median_days(curve, series.pooled.ages)
    fitted = median_days(incidence_of(to_target * quartile.ratio[:, None], elsewhere)[0], series.pooled.ages)
    pace, days = _benchmark_pace(quartile.ratio, has_spread, forward, fitted, median)
    faster = incidence_of(to_target * (forward * pace)[..., None], elsewhere * other[..., None])[0][..., -1]
    return StageBenchmark(
        conversion=curve[..., -1],
        competing=1 - curve[..., -1] - still_open[..., -1],
        centre=np.concatenate([part.centre[..., 0] for part in parts]),
        deviation=np.concatenate([part.deviation[..., 0] for part in parts]),
        median_days=median,
        benchmark=-np.expm1(-np.exp(quartile.centre)),
        benchmark_centre=quartile.centre,
        benchmark_deviation=quartile.deviation,
        curve_deviation=parts[0].deviation[0, :, 0],
        benchmark_days=days,
        faster=faster,
    )


@dataclass(frozen=True)
class _Quartile:
    """Benchmark per window: conversion's centre and deviation on the cloglog scale, hazard ratio."""

    centre: FloatArray
    deviation: FloatArray
    ratio: FloatArray


def median_days(curve: FloatArray, ages: IntArray) -> FloatArray:
    """Age in days by which half of those who ever leave forward have, interpolated within the day; NaN without any."""
    half = curve[..., -1:] / 2
    place = (curve >= half).argmax(axis=-1)[..., None]
    above = np.take_along_axis(curve, place, axis=-1)
    below = np.where(place > 0, np.take_along_axis(curve, np.maximum(place - 1, 0), axis=-1), 0.0)
    within = divide(half - below, above - below, otherwise=0.0)[..., 0]
    return np.where(half[..., 0] > 0, np.maximum(ages[place[..., 0]] - 1 + within, 0.0), np.nan)


def _upper_quartile(
    series: Series, reps: WindowCounts, to_target: FloatArray, elsewhere: FloatArray, has_spread: BoolArray
) -> _Quartile:
    observed, expected = _exits_of_reps(series, reps)
    posterior = shrink_ratios(observed, expected, spread_scales(series.pooled)[0])
    ratio = gamma_quantile(1 / posterior.spread_points**2, 0.75) * posterior.spread_points**2
    rates = incidence_of(to_target[:, None] * ratio[..., None], elsewhere[:, None])[0][..., -1]
    fitted_centre, fitted_deviation = _moments(cloglog(rates), posterior)
    plain = incidence_of(to_target, elsewhere)[0][..., -1]
    improved = np.minimum(plain * (1 + _NO_SPREAD_IMPROVEMENT), (1 + plain) / 2)
    return _Quartile(
        centre=np.where(has_spread, fitted_centre, cloglog(improved)),
        deviation=np.where(has_spread, fitted_deviation, 0.0),
        ratio=(ratio * posterior.spread_weight).sum(axis=-1),
    )


def _exits_of_reps(series: Series, reps: WindowCounts) -> tuple[FloatArray, FloatArray]:
    """Observed and expected exits forward, windows × reps."""
    hazard = divide(series.pooled.target, series.pooled.at_risk)
    return reps.target.sum(axis=-1).T, (reps.at_risk * hazard).sum(axis=-1).T


def _moments(values: FloatArray, posterior: RatioPosterior) -> tuple[FloatArray, FloatArray]:
    middle = (values * posterior.spread_weight).sum(axis=-1)
    return middle, np.sqrt(((values - middle[..., None]) ** 2 * posterior.spread_weight).sum(axis=-1))


def _benchmark_pace(
    ratio: FloatArray, has_spread: BoolArray, forward: FloatArray, fitted: FloatArray, median: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Factor on a scope's forward hazard that brings it to the benchmark (1 if already there), and the benchmark's days."""
    improved = median * (1 - _NO_SPREAD_IMPROVEMENT)
    days = np.where(has_spread, np.broadcast_to(fitted, median.shape), improved)
    pace = np.where(has_spread, ratio / forward, 1 / (1 - _NO_SPREAD_IMPROVEMENT))
    return np.maximum(pace, 1.0), days
