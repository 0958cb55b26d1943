"""Intensities of a month of the quarter on its own: age × month of quarter, where one factor for all ages is too coarse.

Wins that cluster at quarter ends need not do so at every age alike. Each band of age has an intensity of its own in each
month of the quarter, which starts from the intensity of all months with the weight of one exit (method §2).
"""

from __future__ import annotations

import numpy as np

from dagster_project.estimate.arrays import FloatArray, divide
from dagster_project.estimate.stage_hazards import StageExits, StageIntensities

_PRIOR_EXITS = 1.0


def month_intensities(every_month: StageIntensities, month: StageExits) -> StageIntensities:
    """Gamma posteriors of the intensities in one month of the quarter; the prior is one exit at the mean of all months."""
    ages = month.at_risk.shape[1]
    known = every_month.band_of_age
    band = np.concatenate([known, np.repeat(known[:, -1:], max(ages - known.shape[1], 0), axis=1)], axis=1)
    member = _membership(band[:, :ages], every_month.rate.shape[1])
    at_risk = (member @ month.at_risk[..., None])[..., 0]
    exits = member @ month.exits
    mean = every_month.shape / every_month.rate[..., None]
    total = mean.sum(axis=-1)
    prior_shape = _PRIOR_EXITS * divide(mean, total[..., None])
    prior_rate = divide(_PRIOR_EXITS, total, otherwise=1.0)
    return StageIntensities(every_month.stages, exits + prior_shape, at_risk + prior_rate, known)


def _membership(band: np.ndarray, bands: int) -> FloatArray:
    return np.asarray(band[:, None, :] == np.arange(bands)[None, :, None], dtype=np.float64)
