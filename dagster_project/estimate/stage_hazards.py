"""Daily intensities of every exit by stage and age in stage, pooled over thin ages, with their posterior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.draws import uniforms
from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.special import gamma_quantile
from dagster_project.estimate.unit_counts import OPEN

_LEAST_EXITS_IN_BAND = 10.0
# More would revive the dead: a band where nobody left in a thousand days at risk must stay close to zero.
_PRIOR_EXITS = 0.1
WON, LOST = 0, 1


@dataclass(frozen=True)
class StageExits:
    """At-risk days (stages × ages) and exits (stages × ages × destinations: won, lost, then each stage in order).

    The last stage row pools all stages, for deals in a stage nobody was seen in.
    """

    stages: list[str]
    at_risk: FloatArray
    exits: FloatArray


@dataclass(frozen=True)
class StageIntensities:
    """Gamma posteriors of intensities a day: shape (stages × bands × destinations), rate (stages × bands), band of age.

    `band_of_age` (stages × ages): beyond the last age the last band goes on.
    """

    stages: list[str]
    shape: FloatArray
    rate: FloatArray
    band_of_age: IntArray

    def mean(self) -> FloatArray:
        """Posterior means, 1 × stages × ages × destinations."""
        return self._by_age((self.shape / self.rate[..., None])[None])

    def drawn(self, salt: str, draws: int) -> FloatArray:
        """Posterior draws, draws × stages × ages × destinations, each a hash of salt, stage, band and destination."""
        keys = ["/".join(map(str, cell)) for cell in np.ndindex(self.shape.shape)]
        uniform = uniforms(salt, keys, draws).T.reshape(draws, *self.shape.shape)
        return self._by_age(
            gamma_quantile(np.maximum(self.shape, 1e-12)[None], uniform) / self.rate[None, ..., None]
        )

    def _by_age(self, values: FloatArray) -> FloatArray:
        rows = np.arange(values.shape[1])[:, None]
        return values[:, rows, self.band_of_age]


def with_pooled_stage(stages: list[str], at_risk: FloatArray, exits: FloatArray) -> StageExits:
    """Counts by stage with a last row that pools them all."""
    return StageExits(
        stages,
        np.concatenate([at_risk, at_risk.sum(axis=0, keepdims=True)]),
        np.concatenate([exits, exits.sum(axis=0, keepdims=True)]),
    )


def destinations(spells: pl.DataFrame, stages: list[str]) -> IntArray:
    """Where each spell went: 0 won, 1 lost, 2 + position of the next stage; -1 for none or out of sight."""
    position = pl.col("next_stage_name").replace_strict(
        {stage: number + 2 for number, stage in enumerate(stages)}, default=-1, return_dtype=pl.Int64
    )
    column = spells.select(
        pl.when(pl.col("exit_name") == "won")
        .then(WON)
        .when(pl.col("exit_name") == "lost")
        .then(LOST)
        .when(pl.col("exit_name").is_in((OPEN, "deleted")))
        .then(-1)
        .otherwise(position)
        .alias("destination")
    )
    return column["destination"].cast(pl.Int64).to_numpy()


def stage_intensities(counts: StageExits) -> StageIntensities:
    """Posterior given a prior worth a tenth of an exit at the stage's mean; ages join into bands of about ten exits."""
    band = np.stack([age_bands(n, d) for n, d in zip(counts.at_risk, counts.exits.sum(axis=-1), strict=True)])
    bands = int(band.max()) + 1
    # Ages in the last band of their stage behave alike, so that the table may end with the first of them.
    ages = int((band < band[:, -1:]).sum(axis=1).max()) + 1
    member = (band[:, None, :] == np.arange(bands)[None, :, None]).astype(np.float64)
    at_risk = (member @ counts.at_risk[..., None])[..., 0]
    exits = member @ counts.exits
    total_at_risk = counts.at_risk.sum(axis=-1)
    average = divide(counts.exits.sum(axis=1), total_at_risk[:, None])
    prior = divide(_PRIOR_EXITS, average.sum(axis=-1), otherwise=1.0)
    shape = exits + (average * prior[:, None])[:, None, :]
    return StageIntensities(counts.stages, shape, at_risk + prior[:, None], band[:, :ages])


def age_bands(at_risk: FloatArray, exits: FloatArray) -> IntArray:
    """Band of each age: a band is full at ten exits, or where ten were due at the mean rate (nobody leaves any more)."""
    rate = float(exits.sum()) / max(float(at_risk.sum()), 1.0)
    content = np.maximum.reduce([exits, at_risk * rate])
    band, current, held = np.zeros(exits.size, dtype=np.int64), 0, 0.0
    for age, amount in enumerate(content.tolist()):
        band[age], held = current, held + amount
        if held >= _LEAST_EXITS_IN_BAND:
            current, held = current + 1, 0.0
    # What is left over at the end is too thin to stand alone, and ages after the last exit are all alike.
    band = np.minimum(band, max(current - 1, 0)) if held else band
    left = band[exits > 0]
    return np.minimum(band, int(left.max()) + 1 if left.size else 0)
