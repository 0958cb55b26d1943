"""The stage that costs most: two lifts per stage, in money a day, against a benchmark (method §4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.draws import normals
from dagster_project.estimate.arrays import BoolArray, FloatArray, divide
from dagster_project.estimate.incidence import from_cloglog
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.scopes import ScopeIndex, scope_index
from dagster_project.estimate.series import Series, count_series
from dagster_project.estimate.stage_benchmark import StageBenchmark, chance_of_spread, stage_benchmark
from dagster_project.estimate.stage_chain import RowChange, StageChain, conversion_response
from dagster_project.estimate.stage_hazards import LOST, WON, destinations
from dagster_project.estimate.unit_counts import STAGE, day_numbers, sums_in_windows, units_of, windows_of

CLEAR_FROM = 0.6
# Where reps do not differ, the same tenth more of any stage brings nearly the same money: what tells such lifts apart for
# certain is still no bottleneck.
CLEAR_ABOVE_NEXT = 1.2
_DRAWS = 400
_SPREAD_BELOW = 0.05
_MINUTES_A_DAY = 24 * 60
_FIGURES = (
    "conversion",
    "benchmark_conversion",
    "conversion_lift_per_day",
    "median_days",
    "benchmark_days",
    "time_lift",
    "time_lift_per_day",
    "touch_minutes",
    "waiting_days",
    "p_top",
)
_SCHEMA: dict[str, type[pl.DataType]] = {
    "as_of_date": pl.Date,
    "window_name": pl.String,
    "window_from_date": pl.Date,
    "window_to_date": pl.Date,
    "scope_kind": pl.String,
    "scope_id": pl.String,
    "stage_name": pl.String,
    "at_risk": pl.Int64,
    **dict.fromkeys(_FIGURES, pl.Float64),
    "is_top": pl.Boolean,
    "verdict": pl.String,
}


@dataclass(frozen=True)
class _Stages:
    """All stages counted in the same windows and scopes; arrays are scopes × windows × stages."""

    names: list[str]
    index: ScopeIndex
    series: list[Series]
    benchmarks: list[StageBenchmark]
    arrivals: FloatArray
    minutes: FloatArray
    chain: StageChain

    def stacked(self, name: str) -> FloatArray:
        """One figure of the benchmarks with stages last; figures per window get a scope axis of one."""
        values = [getattr(each, name) for each in self.benchmarks]
        return np.stack([value if value.ndim == 2 else value[None] for value in values], axis=-1)


@dataclass(frozen=True)
class _Money:
    """Per scope × window: flow (money a day), price, days, revenue per touch minute; NaN where not known."""

    flow: FloatArray
    price: FloatArray
    days: FloatArray
    per_minute: FloatArray


def bottleneck_table(
    spells: pl.DataFrame, minutes: pl.DataFrame, velocity: pl.DataFrame, windows: pl.DataFrame
) -> pl.DataFrame:
    """One row per window × scope × stage.

    `spells`: stage rows as for `incidence_table` with next_stage_name and first_units (deals that begin there).
    `minutes`: series_name, team_id, rep_id, activity_date, minutes of touches and meetings while in the stage.
    `velocity`: rows of `velocity_table` for the same windows. `windows`: as for `incidence_table`.
    """
    if spells.is_empty() or windows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    stages = _counted(spells, minutes, windows_of(windows))
    money = _money(stages, velocity, windows)
    lifts = _lifts(stages, money)
    top = _probability_of_top(stages, lifts, windows)
    return _table(stages, lifts, top, windows)


def _counted(spells: pl.DataFrame, minutes: pl.DataFrame, windows: Windows) -> _Stages:
    names = spells["series_name"].unique().sort().to_list()
    people = ["team_id", "rep_id"]
    index = scope_index(pl.concat([spells.select(people), minutes.select(people)]))
    of_spells, of_minutes = (
        np.arange(index.group.size) < spells.height,
        np.arange(index.group.size) >= spells.height,
    )
    series, arrivals, spent = [], [], []
    for name in names:
        mine = (spells["series_name"] == name).to_numpy()
        rows = index.rows(of_spells).rows(mine)
        series.append(count_series(STAGE, name, spells.filter(mine), windows, rows))
        arrivals.append(series[-1].begun())
        touched = (minutes["series_name"] == name).to_numpy()
        spent.append(_minutes(minutes.filter(touched), index.rows(of_minutes).rows(touched), windows))
    chance = np.min([chance_of_spread(each) for each in series], axis=0)
    benchmarks = [stage_benchmark(each, chance < _SPREAD_BELOW / len(names)) for each in series]
    everyone = _membership(index)
    return _Stages(
        names=names,
        index=index,
        series=series,
        benchmarks=benchmarks,
        arrivals=np.stack([everyone @ each for each in arrivals], axis=-1),
        minutes=np.stack([everyone @ each for each in spent], axis=-1),
        chain=_chain(spells, names, benchmarks, windows),
    )


def _membership(index: ScopeIndex) -> FloatArray:
    return np.concatenate([scopes.membership for scopes in index.all_scopes()])


def _minutes(minutes: pl.DataFrame, index: ScopeIndex, windows: Windows) -> FloatArray:
    spent = minutes["minutes"].cast(pl.Float64).to_numpy()
    return sums_in_windows(day_numbers(minutes["activity_date"]), spent, index.group, index.groups, windows)


def _chain(
    spells: pl.DataFrame, names: list[str], benchmarks: list[StageBenchmark], windows: Windows
) -> StageChain:
    """Where exits lead and deals begin is the organisation's; how many leave is each scope's own."""
    group = spells["series_name"].cast(pl.Enum(names)).to_physical().cast(pl.Int64).to_numpy()
    units = units_of(spells, group, STAGE)
    destination = destinations(spells, names)
    is_forward = spells["exit_name"].is_in(("won", "advanced")).to_numpy()
    flows = np.zeros((2, len(windows), len(names), len(names) + 2))
    first = np.zeros((len(windows), len(names)))
    begun = spells["first_units"].cast(pl.Float64).to_numpy()
    for window, (from_day, to_day) in enumerate(zip(windows.from_day, windows.to_day, strict=True)):
        inside = (destination >= 0) & (units.last_day > from_day) & (units.last_day <= to_day)
        cell = (1 - is_forward[inside].astype(np.int64), window, group[inside], destination[inside])
        np.add.at(flows, cell, units.count[inside])
        started = (units.start_day > from_day) & (units.start_day <= to_day)
        np.add.at(first[window], group[started], begun[started])
    shares = divide(flows, flows.sum(axis=-1, keepdims=True))
    return StageChain(
        conversion=np.stack([each.conversion for each in benchmarks], axis=-1),
        competing=np.stack([each.competing for each in benchmarks], axis=-1),
        forward_wins=shares[0, ..., WON],
        forward=shares[0, ..., LOST + 1 :],
        backward=shares[1, ..., LOST + 1 :],
        starts=divide(first, first.sum(axis=-1, keepdims=True)),
    )


def _money(stages: _Stages, velocity: pl.DataFrame, windows: pl.DataFrame) -> _Money:
    scopes = pl.DataFrame(
        {
            "scope_kind": [each.kind for each in stages.index.all_scopes() for _ in each.ids],
            "scope_id": [name for each in stages.index.all_scopes() for name in each.ids],
        }
    )
    keys = ["scope_kind", "scope_id", "as_of_date", "window_name"]
    grid = scopes.join(windows.select("as_of_date", "window_name"), how="cross", maintain_order="left_right")
    rows = grid.join(velocity, on=keys, how="left", maintain_order="left")
    shape = (scopes.height, windows.height)

    def column(expression: pl.Expr) -> FloatArray:
        values = rows.select(expression.cast(pl.Float64).fill_null(float("nan")).alias("value"))["value"]
        return values.to_numpy().reshape(shape)

    days, price = column(pl.col("calendar_days")), column(pl.col("won_amount") / pl.col("priced_won"))
    flow = column(pl.col("created") / pl.col("calendar_days") * pl.col("win_by_longest_cycle")) * price
    total_minutes = stages.minutes.sum(axis=-1)
    return _Money(flow, price, days, divide(column(pl.col("won_amount")), total_minutes, otherwise=np.nan))


@dataclass(frozen=True)
class _Lifts:
    """Scopes × windows × stages; money a day but for `time_lift`, which comes once. `change`: benchmark - conversion."""

    change: FloatArray
    conversion_lift: FloatArray
    time_lift: FloatArray
    time_lift_per_day: FloatArray
    touch_minutes: FloatArray
    response: RowChange
    win: FloatArray

    @property
    def larger(self) -> FloatArray:
        """The larger of the two lifts a day: they overlap (who waits less is lost less), so they are not added."""
        return np.fmax(self.conversion_lift, self.time_lift_per_day)


def _lifts(stages: _Stages, money: _Money) -> _Lifts:
    chain = stages.chain
    response, win = conversion_response(chain), chain.win()[..., None]
    change = np.clip(stages.stacked("benchmark") - chain.conversion, 0.0, chain.competing)
    price = money.price[..., None]
    arrivals = divide(stages.arrivals, money.days[..., None], otherwise=np.nan)
    median = stages.stacked("median_days")
    saved = np.maximum(median - stages.stacked("benchmark_days"), 0.0)
    touch = divide(stages.minutes, stages.arrivals, otherwise=np.nan)
    freed = arrivals * touch * divide(saved, median) * money.per_minute[..., None]
    saved_wins = (
        arrivals * np.maximum(stages.stacked("faster") - chain.conversion, 0.0) * chain.win_after_advancing()
    )
    return _Lifts(
        change=change,
        conversion_lift=money.flow[..., None] * divide(response.gain(change), win),
        time_lift=arrivals * chain.win_from() * price * saved,
        time_lift_per_day=np.nan_to_num(freed) + saved_wins * price,
        touch_minutes=touch,
        response=response,
        win=win,
    )


def _probability_of_top(stages: _Stages, lifts: _Lifts, windows: pl.DataFrame) -> FloatArray:
    """Share of draws in which each stage has the largest lift; the curve's error moves a stage and its benchmark alike."""
    worth = divide(lifts.larger, lifts.change)
    keys = [f"{name}/{each}" for name in windows["window_name"].to_list() for each in stages.names]
    shape = (1, windows.height, len(stages.names), _DRAWS)
    shared = normals("bottleneck/curve", keys, _DRAWS).reshape(shape)
    spread = normals("bottleneck/spread", keys, _DRAWS).reshape(shape)
    own = np.sqrt(np.maximum(stages.stacked("deviation") ** 2 - stages.stacked("curve_deviation") ** 2, 0))
    apart = normals("bottleneck/scope", _scope_keys(stages, keys), _DRAWS).reshape(len(own), *shape[1:])
    moved = stages.stacked("curve_deviation")[..., None] * shared
    conversion = from_cloglog(stages.stacked("centre")[..., None] + moved + own[..., None] * apart)
    benchmark = stages.stacked("benchmark_centre")[..., None] + moved
    benchmark = from_cloglog(benchmark + stages.stacked("benchmark_deviation")[..., None] * spread)
    drawn = np.nan_to_num(np.maximum(benchmark - conversion, 0.0) * worth[..., None])
    largest = drawn.argmax(axis=2)
    top = np.stack([(largest == stage).mean(axis=-1) for stage in range(len(stages.names))], axis=-1)
    return np.where(drawn.sum(axis=(2, 3))[..., None] > 0, top, np.nan)


def _scope_keys(stages: _Stages, keys: list[str]) -> list[str]:
    return [
        f"{scopes.kind}/{name}/{key}"
        for scopes in stages.index.all_scopes()
        for name in scopes.ids
        for key in keys
    ]


def _verdicts(lifts: _Lifts, top: FloatArray) -> tuple[BoolArray, np.ndarray]:
    """Whether a stage has the largest lift, and what is said of it; where one stage only has any, nothing is compared."""
    value = np.nan_to_num(lifts.larger)
    is_top = (value == value.max(axis=-1, keepdims=True)) & (value > 0)
    following = np.sort(np.pad(value, ((0, 0), (0, 0), (1, 0))), axis=-1)[..., -2, None]
    is_clear = (top >= CLEAR_FROM) & (following > 0) & (value >= CLEAR_ABOVE_NEXT * following)
    return is_top, np.where(is_top, np.where(is_clear, "bottleneck", "no clear bottleneck"), "")


def _table(stages: _Stages, lifts: _Lifts, top: FloatArray, windows: pl.DataFrame) -> pl.DataFrame:
    membership = _membership(stages.index)
    at_risk = np.stack([membership @ each.counts.units for each in stages.series], axis=-1)
    is_top, verdict = _verdicts(lifts, top)
    median = stages.stacked("median_days")
    columns = {
        "at_risk": at_risk,
        "conversion": stages.chain.conversion,
        "benchmark_conversion": stages.stacked("benchmark"),
        "conversion_lift_per_day": lifts.conversion_lift,
        "median_days": median,
        "benchmark_days": stages.stacked("benchmark_days"),
        "time_lift": lifts.time_lift,
        "time_lift_per_day": lifts.time_lift_per_day,
        "touch_minutes": lifts.touch_minutes,
        "waiting_days": np.maximum(median - np.nan_to_num(lifts.touch_minutes) / _MINUTES_A_DAY, 0.0),
        "p_top": top,
        "is_top": is_top,
        "verdict": verdict,
    }
    scope, window, stage = (axis.ravel() for axis in np.indices(at_risk.shape))
    kinds = [scopes.kind for scopes in stages.index.all_scopes() for _ in scopes.ids]
    ids = [name for scopes in stages.index.all_scopes() for name in scopes.ids]
    flat = {name: np.broadcast_to(values, at_risk.shape).ravel() for name, values in columns.items()}
    frame = pl.DataFrame(flat).with_columns(
        pl.col(pl.Float64).fill_nan(None),
        window=pl.Series(window, dtype=pl.UInt32),
        scope_kind=pl.Series(kinds).gather(scope),
        scope_id=pl.Series(ids).gather(scope),
        stage_name=pl.Series(stages.names).gather(stage),
    )
    keyed = windows.select("as_of_date", "window_name", "window_from_date", "window_to_date").with_row_index(
        "window"
    )
    rows = frame.filter(pl.col("at_risk") > 0).join(keyed, on="window", maintain_order="left")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
