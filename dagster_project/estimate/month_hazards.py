"""Intensities of a month of the quarter on its own: age × month of quarter, where one factor for all ages is too coarse.

Wins that cluster at quarter ends need not do so at every age alike. Each band of age has an intensity of its own in each
month of the quarter, which starts from the intensity of all months with the weight of one exit (method §2).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.calendar_factor import calendar_months
from dagster_project.estimate.lexis import Windows, every_age, window_counts
from dagster_project.estimate.stage_hazards import (
    StageExits,
    StageIntensities,
    destinations,
    exits_by_destination,
    with_pooled_stage,
)
from dagster_project.estimate.unit_counts import units_of

_PRIOR_EXITS = 1.0


def month_exits(spells: pl.DataFrame, stages: list[str], windows: Windows, kind: int) -> list[StageExits]:
    """For each window, counts of its days that lie in months of one `kind` (0, 1, 2: place in the quarter).

    `spells` and `stages` as of `stage_exits`.
    """
    group = spells["series_name"].cast(pl.Enum(stages)).to_physical().cast(pl.Int64).to_numpy()
    units = units_of(spells, group, "stage")
    ages = int(units.age.max()) + 1
    parts, belongs = _months_of_kind(windows, kind)
    at_risk = window_counts(units, parts, len(stages), every_age(ages - 1)).at_risk
    exits = exits_by_destination(units, destinations(spells, stages), parts, len(stages), ages)
    return [
        with_pooled_stage(stages, at_risk[:, mine].sum(axis=1), exits[:, mine].sum(axis=1))
        for mine in belongs
    ]


def _months_of_kind(windows: Windows, kind: int) -> tuple[Windows, list[IntArray]]:
    """The months of a kind in all windows, cut at them, and which of these belong to each window."""
    begins, ends, belongs, count = [], [], [], 0
    for begin, end in zip(windows.from_day.tolist(), windows.to_day.tolist(), strict=True):
        months, kinds = calendar_months(begin + 1, end)
        begins.append(months.from_day[kinds == kind])
        ends.append(months.to_day[kinds == kind])
        belongs.append(np.arange(count, count + begins[-1].size))
        count += begins[-1].size
    return Windows(np.concatenate(begins), np.concatenate(ends)), belongs


def month_intensities(every_month: StageIntensities, month: StageExits) -> StageIntensities:
    """Gamma posteriors of the intensities in one month of the quarter; the prior is one exit at the mean of all months."""
    ages = month.at_risk.shape[1]
    known = every_month.band_of_age
    band = np.concatenate([known, np.repeat(known[:, -1:], max(ages - known.shape[1], 0), axis=1)], axis=1)
    member = _membership(band[:, :ages], every_month.rate.shape[1])
    at_risk = np.einsum("kba,ka->kb", member, month.at_risk)
    exits = np.einsum("kba,kad->kbd", member, month.exits)
    mean = every_month.shape / every_month.rate[..., None]
    total = mean.sum(axis=-1)
    prior_shape = _PRIOR_EXITS * divide(mean, total[..., None])
    prior_rate = divide(_PRIOR_EXITS, total, otherwise=1.0)
    return StageIntensities(every_month.stages, exits + prior_shape, at_risk + prior_rate, known)


def _membership(band: np.ndarray, bands: int) -> FloatArray:
    return np.asarray(band[:, None, :] == np.arange(bands)[None, :, None], dtype=np.float64)
