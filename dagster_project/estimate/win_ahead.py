"""P(a deal is won by a date | its stage, its age in that stage, the calendar), by walking every day until then.

A semi-Markov chain: each day a deal leaves its stage with the intensities of its stage, its age there and the day's month of
quarter; entering a stage starts its age anew. Walked backwards, one pass gives every stage, age and horizon at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.calendar_factor import month_of_quarter
from dagster_project.estimate.hazard_candidates import Choice, Hazards
from dagster_project.estimate.past_exits import ExitsAsOf, exits_as_of
from dagster_project.estimate.stage_hazards import WON
from dagster_project.estimate.unit_counts import day_numbers

_DRAWS = 32
# Of the past only sums over many deals are shown.
_PAST_DRAWS = 16
_STATE = ["as_of_date", "stage_name", "stage_age_days"]
_SCHEMA: dict[str, type[pl.DataType]] = {
    "as_of_date": pl.Date,
    "stage_name": pl.String,
    "stage_age_days": pl.Int32,
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
    spells: pl.DataFrame, deals: pl.DataFrame, choices: pl.DataFrame, horizons: pl.DataFrame
) -> pl.DataFrame:
    """One row per state of a deal × horizon: p_win and its 80 % interval (of the probability, from the hazards' posterior).

    `spells`: stays as for `exits_as_of`; `deals`: as_of_date, stage_name, stage_age_days (whole days), in any number;
    `choices`: as_of_date, window_name, calendar; `horizons`: as_of_date, horizon_date, horizon_kind. Hazards are those of the
    chosen window and calendar, from what had happened by as_of_date.
    """
    states = deals.join(horizons, on="as_of_date", how="semi").select(_STATE).unique().sort(_STATE)
    if spells.is_empty() or states.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    days = states["as_of_date"].unique().sort()
    counted = exits_as_of(spells, day_numbers(days).tolist())
    chosen = {
        day: Choice(*which) for day, *which in choices.select("as_of_date", "window_name", "calendar").rows()
    }
    return pl.concat(
        _rows_as_of(
            exits,
            states.filter(as_of_date=day),
            horizons.filter(as_of_date=day),
            chosen[day],
            _DRAWS if day == days[-1] else _PAST_DRAWS,
        )
        for day, exits in zip(days.to_list(), counted, strict=True)
    )


def _rows_as_of(
    exits: ExitsAsOf, states: pl.DataFrame, horizons: pl.DataFrame, choice: Choice, draws: int
) -> pl.DataFrame:
    today = int(day_numbers(horizons["as_of_date"])[0])
    days = day_numbers(horizons["horizon_date"])
    hazards, stage_row = Hazards(exits), exits.rows_of(states["stage_name"])
    age = states["stage_age_days"].cast(pl.Int64).to_numpy()
    (middle,), drawn = (
        chances_of(win_probabilities(hazards.by_month(choice, each), today, days), stage_row, age)
        for each in (0, draws)
    )
    lower, upper = np.quantile(drawn, (0.1, 0.9), axis=0)
    rows = states.join(horizons, on="as_of_date", maintain_order="left_right").with_columns(
        days_ahead=pl.col("horizon_date").cast(pl.Int32) - today,
        p_win=pl.Series(middle.ravel()),
        lower_80=pl.Series(np.minimum(lower, middle).ravel()),
        upper_80=pl.Series(np.maximum(upper, middle).ravel()),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def chances_of(probabilities: FloatArray, stage_row: IntArray, stage_age_days: IntArray) -> FloatArray:
    """Those of deals in rows of the counts and at ages, draws × deals × horizons."""
    return np.asarray(probabilities[:, stage_row, np.minimum(stage_age_days, probabilities.shape[2] - 1)])


def win_probabilities(by_month: Sequence[FloatArray], today: int, horizon_days: IntArray) -> FloatArray:
    """P(won by each horizon), draws × stages × ages × horizons, for deals still open at the end of `today`.

    `by_month`: for each month of the quarter, draws × stages × ages × (won, lost, stages but the last, pooled one). An age
    beyond the last behaves as the last. Age is the age at the end of today: tomorrow a deal is one day older.
    """
    draws, stages, ages, _ = by_month[0].shape
    latest_first = np.argsort(-horizon_days, kind="stable")
    value = np.zeros((draws, horizon_days.size, stages, ages))
    last = int(horizon_days.max()) if horizon_days.size else today
    kinds = month_of_quarter(np.arange(today + 1, last + 1))
    steps = {kind: _step(by_month[kind]) for kind in np.unique(kinds).tolist()}
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


def _step(intensity: FloatArray) -> _Step:
    total = intensity.sum(axis=-1)
    leaves = divide(-np.expm1(-total), total)[..., None] * intensity
    moves = leaves[..., 2:]
    stages = moves.shape[-1]
    same_day = np.linalg.inv(np.eye(stages) - moves[:, :stages, 0])
    by_next = np.ascontiguousarray(np.moveaxis(moves, -1, 1).reshape(len(moves), stages, -1))
    wins = np.ascontiguousarray(leaves[..., WON])
    return _Step(np.exp(-total), wins, by_next, np.asarray(same_day, dtype=np.float64))
