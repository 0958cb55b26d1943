"""P(a deal is won by a date | its stage, its age in that stage, the calendar), by walking every day until then.

A semi-Markov chain: each day a deal leaves its stage with the intensities of its stage and age there, wins and losses
multiplied by the factor of the day's month of quarter; entering a stage starts its age anew. Walked backwards, one pass
gives every stage, age and horizon at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.draws import uniforms
from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.calendar_factor import month_of_quarter
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.special import gamma_quantile
from dagster_project.estimate.stage_hazards import LOST, WON, stage_exits, stage_intensities
from dagster_project.estimate.unit_counts import day_numbers

POOLED_DAYS = 365
_DRAWS = 32
_SALT = "win ahead"
_SCHEMA: dict[str, type[pl.DataType]] = {
    "opportunity_id": pl.String,
    "horizon_date": pl.Date,
    "horizon_kind": pl.String,
    "days_ahead": pl.Int32,
    "p_win": pl.Float64,
    "lower_80": pl.Float64,
    "upper_80": pl.Float64,
}


@dataclass(frozen=True)
class _Step:
    """One day's transition of every draw, stage and age: staying, winning (draws × stages × ages), moving on.

    `moves` is draws × next stages × (stages × ages); `at_once` solves for what happens on the day a stage is entered.
    """

    stays: FloatArray
    wins: FloatArray
    moves: FloatArray
    at_once: FloatArray


def win_ahead_table(
    spells: pl.DataFrame,
    open_deals: pl.DataFrame,
    calendar: pl.DataFrame,
    horizons: pl.DataFrame,
) -> pl.DataFrame:
    """One row per open deal × horizon: p_win and its 80 % interval (of the probability, from the hazards' posterior).

    `spells`: stages as for `stage_exits`; `open_deals`: opportunity_id, stage_name, stage_age_days (whole days);
    `calendar`: rows of `calendar_factor_table`; `horizons`: as_of_date, horizon_date, horizon_kind. Hazards come from the last 365
    days, not before the first close, or from all time for stages with fewer than ten exits in them.
    """
    if spells.is_empty() or open_deals.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    today = int(day_numbers(horizons["as_of_date"])[0])
    counts = stage_exits(spells, pooling_windows(spells, today))
    posterior = stage_intensities(counts)
    days = day_numbers(horizons["horizon_date"])
    factors = calendar_draws(calendar, _DRAWS)
    middle = win_probabilities(posterior.mean(), calendar_draws(calendar, 0), today, days)
    drawn = win_probabilities(posterior.drawn(_SALT, _DRAWS), factors, today, days)
    stage, age = positions(open_deals, counts.stages, middle.shape[2])
    return _rows(open_deals, horizons, today, middle[0, stage, age], drawn[:, stage, age])


def pooling_windows(spells: pl.DataFrame, today: int, days: int = POOLED_DAYS) -> Windows:
    """The last `days`, cut at the first close, and all time since then."""
    closes = spells.filter(pl.col("exit_name").is_in(("won", "lost")))
    first = int(day_numbers(closes["last_date"]).min()) - 1 if closes.height else today - days
    return Windows(np.array([max(today - days, first), first]), np.array([today, today]))


def calendar_draws(calendar: pl.DataFrame, draws: int) -> FloatArray:
    """Factors of wins and losses by month of quarter, draws × 3 × 2; the means themselves for no draws."""
    mean = calendar.sort("month_of_quarter").select("win_factor", "loss_factor").to_numpy()
    variance = (
        calendar.sort("month_of_quarter").select("win_factor_variance", "loss_factor_variance").to_numpy()
    )
    if not draws:
        return mean[None]
    shape = divide(mean**2, variance, otherwise=1e8)
    keys = [f"calendar/{cell}" for cell in range(mean.size)]
    uniform = uniforms(_SALT, keys, draws).T.reshape(draws, *mean.shape)
    return gamma_quantile(shape, uniform) * divide(mean, shape)


def win_probabilities(
    intensity: FloatArray, factors: FloatArray, today: int, horizon_days: IntArray
) -> FloatArray:
    """P(won by each horizon), draws × stages × ages × horizons, for deals still open at the end of `today`.

    `intensity`: draws × stages × ages × (won, lost, stages but the last, pooled one). An age beyond the last behaves as
    the last. Age is the age at the end of today: tomorrow a deal is one day older.
    """
    draws, stages, ages, _ = intensity.shape
    steps = [_step(intensity, factors[:, month]) for month in range(factors.shape[1])]
    latest_first = np.argsort(-horizon_days, kind="stable")
    value = np.zeros((draws, horizon_days.size, stages, ages))
    last = int(horizon_days.max()) if horizon_days.size else today
    kinds = month_of_quarter(np.arange(today + 1, last + 1))
    for day, kind in zip(range(last, today, -1), kinds[::-1].tolist(), strict=True):
        # Horizons before the day walked over have not begun: nothing is won after them.
        begun = int((horizon_days >= day).sum())
        _walk_a_day_back(value[:, :begun], steps[kind])
    found = np.empty((draws, stages, ages, horizon_days.size))
    found[..., latest_first] = np.moveaxis(value, 1, -1)
    return found


def _walk_a_day_back(value: FloatArray, step: _Step) -> None:
    """From the value at the end of a day (draws × horizons × stages × ages) to that at the end of the day before."""
    entered = step.stays[:, None, :-1, 0] * value[:, :, :-1, 0] + step.wins[:, None, :-1, 0]
    entered = entered @ step.at_once.swapaxes(1, 2)
    moved = (entered @ step.moves).reshape(value.shape)
    moved += step.wins[:, None]
    moved += step.stays[:, None] * value
    # A deal of age a today has age a + 1 on the day walked over; it stays at that age, or leaves from it.
    value[..., :-1], value[..., -1] = moved[..., 1:], moved[..., -1]


def _step(intensity: FloatArray, factor: FloatArray) -> _Step:
    scaled = intensity.copy()
    scaled[..., WON] *= factor[:, WON, None, None]
    scaled[..., LOST] *= factor[:, LOST, None, None]
    total = scaled.sum(axis=-1)
    leaves = divide(-np.expm1(-total), total)[..., None] * scaled
    moves = leaves[..., 2:]
    stages = moves.shape[-1]
    same_day = np.linalg.inv(np.eye(stages) - moves[:, :stages, 0])
    by_next = np.ascontiguousarray(np.moveaxis(moves, -1, 1).reshape(len(moves), stages, -1))
    wins = np.ascontiguousarray(leaves[..., WON])
    return _Step(np.exp(-total), wins, by_next, np.asarray(same_day, dtype=np.float64))


def positions(open_deals: pl.DataFrame, stages: list[str], ages: int) -> tuple[IntArray, IntArray]:
    """Stage row (the pooled one for a stage never seen) and age of each deal."""
    rows = open_deals["stage_name"].replace_strict(
        {stage: number for number, stage in enumerate(stages)}, default=len(stages), return_dtype=pl.Int64
    )
    age = open_deals["stage_age_days"].cast(pl.Int64).clip(0, ages - 1)
    return rows.to_numpy(), age.to_numpy()


def _rows(
    open_deals: pl.DataFrame, horizons: pl.DataFrame, today: int, middle: FloatArray, drawn: FloatArray
) -> pl.DataFrame:
    lower, upper = np.quantile(drawn, (0.1, 0.9), axis=0)
    rows = open_deals.select("opportunity_id").join(horizons, how="cross", maintain_order="left_right")
    rows = rows.with_columns(
        days_ahead=pl.col("horizon_date").cast(pl.Int32) - today,
        p_win=pl.Series(middle.ravel()),
        lower_80=pl.Series(np.minimum(lower, middle).ravel()),
        upper_80=pl.Series(np.maximum(upper, middle).ravel()),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
