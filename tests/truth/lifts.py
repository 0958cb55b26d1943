"""What a stage is worth: money of the generator rerun with that stage changed, minus money as it is (methods §4, §8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.bottleneck import bottleneck_table
from dagster_project.estimate.velocity import velocity_table
from tests.truth.expectation import rolling_spans, win_chances
from tests.truth.measured import window_table
from tests.truth.organization import FORWARD, Organization, simulate, unit_table
from tests.truth.worlds import with_stage_changed

YEAR = rolling_spans(365)
NO_MINUTES = pl.DataFrame(
    schema={
        "series_name": pl.String,
        "team_id": pl.String,
        "rep_id": pl.String,
        "activity_date": pl.Date,
        "minutes": pl.Float64,
    }
)


def money_a_day(organization: Organization) -> float:
    """Money won a day in the long run of the intake of the first day: a rerun without growth, months and chance."""
    return float((organization.intake * win_chances(organization) * organization.price).sum())


def true_lifts(organization: Organization, *, fitted: bool = False) -> FloatArray:
    """Money a day gained by stage when all its reps leave it forward as fast as the upper quartile of them.

    `fitted`: the quartile of the gamma distribution that has their mean and spread, instead of their own.
    """
    factor = organization.factor[FORWARD]
    quartiles = np.quantile(factor, 0.75, axis=0)
    if fitted:
        mean = organization.intake @ factor / organization.intake.sum()
        spread = factor.std(axis=0, ddof=1) / mean
        quartiles = mean * stats.gamma(1 / spread**2, scale=spread**2).ppf(0.75)
    changed = [
        money_a_day(with_stage_changed(organization, stage, each))
        for stage, each in enumerate(quartiles.tolist())
    ]
    return np.array(changed) - money_a_day(organization)


@dataclass(frozen=True)
class Named:
    """What one organisation's history says: lifts by stage, the stage with the largest, P(top) of it, whether it is clear."""

    lifts: FloatArray
    stage: int
    p_top: float
    is_clear: bool


def named_stage(organization: Organization, random: np.random.Generator) -> Named:
    """The verdict on the organisation over the last 365 days of a history."""
    spells, windows = simulate(organization, random), window_table(YEAR)
    deals = unit_table(organization, spells, random)
    stays = unit_table(organization, spells, random, kind="stage")
    table = bottleneck_table(stays, NO_MINUTES, velocity_table(deals, windows), windows)
    rows = table.filter(scope_kind="organization").sort("stage_name")
    top = rows["is_top"].to_numpy().argmax()
    return Named(
        lifts=rows["conversion_lift_per_day"].to_numpy(),
        stage=int(top),
        p_top=float(rows["p_top"].fill_null(0)[int(top)]),
        is_clear=rows["verdict"][int(top)] == "bottleneck",
    )
