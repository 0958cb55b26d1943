"""Is the chance of making quota what it says? Generated rep-months through the shipped functions, against what came.

Reps hold the meetings that the plan lays on each day; what becomes of them follows from the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import ONE_DAY, month_start
from dagster_project.plan.chances.probability import binomial, chance_of_at_least
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.plan import make_plans
from tests.plan.calibration_inputs import IDS, TEAM_IDS, plan_inputs
from tests.plan.calibration_world import HISTORY_DAYS, OPEN, REPS, WON, World

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FORECASTS = ("plan", "pipeline", "last_month", "tree")
# Two-sided quantile of the normal distribution at 99.9 %.
WIDEST_ERROR = 3.2905
DECILES = 10


def generated_months(worlds: range) -> pl.DataFrame:
    """One row per world and scope (each rep, each team): scope_kind, missing (money), made, the chance by each forecast.

    The forecasts beside the plan's are of reps only.
    """
    return pl.concat((_months_of(seed) for seed in worlds), how="diagonal")


def _months_of(seed: int) -> pl.DataFrame:
    world = World(seed)
    world.live_through_history()
    inputs = plan_inputs(world)
    tables = make_plans(inputs)
    plans = tables.plans.filter(pl.col("scope_kind") == "rep").sort("rep_id")
    rivals = _rivals(world, inputs, plans)
    came = world.hold(_meetings_by_day(tables.steps), inputs.month_end_date)
    missing = (plans["goal_amount"] - plans["won_amount_to_date"]).cast(pl.Float64).to_numpy()
    reps = pl.DataFrame(
        {
            "team_id": TEAM_IDS,
            "missing": missing,
            "came": came,
            "plan": plans["probability_of_quota"],
            **rivals,
        }
    )
    chances = tables.plans.filter(pl.col("scope_kind") == "team").select(
        team_id="scope_id", plan="probability_of_quota"
    )
    teams = (
        reps.group_by("team_id")
        .agg(pl.col("missing", "came").sum())
        .sort("team_id")
        .join(chances, on="team_id")
    )
    return pl.concat(
        [reps.with_columns(scope_kind=pl.lit("rep")), teams.with_columns(scope_kind=pl.lit("team"))],
        how="diagonal",
    ).with_columns(world=seed, plan_date=world.plan_date, made=pl.col("came") >= pl.col("missing") - 1e-6)


def _meetings_by_day(steps: pl.DataFrame) -> dict[date, IntArray]:
    days = steps.filter(
        pl.col("scope_kind") == "rep", pl.col("level") == "day", pl.col("measure") == "meetings"
    )
    number = {rep: place for place, rep in enumerate(IDS.tolist())}
    held: dict[date, IntArray] = {}
    for rep, day, target in days.select("rep_id", "period_start", "target").iter_rows():
        held.setdefault(day, np.zeros(REPS, dtype=np.int64))[number[rep]] += target
    return held


def _rivals(world: World, inputs: PlanInputs, plans: pl.DataFrame) -> dict[str, FloatArray]:
    """What simpler forecasts say of the same rep-months; all but the last know the planned meetings, too."""
    planned = plans["planned_meetings"].to_numpy()
    missing = (plans["goal_amount"] - plans["won_amount_to_date"]).cast(pl.Float64).to_numpy()
    price, win_rate = plans["average_price"].cast(pl.Float64).to_numpy(), plans["win_rate"].to_numpy()
    from_new = planned * win_rate * plans["won_in_time_share"].to_numpy() * price
    open_deals = np.bincount(world.deals.rep[world.deals.is_open], minlength=REPS)
    return {
        "pipeline_amount": _season(world) * (_stage_weighted(world, inputs) + from_new),
        "last_month": _by_last_month(world, inputs, planned + open_deals, missing / price),
        "tree": ((planned + open_deals) * win_rate * price >= missing).astype(np.float64),
    }


def _stage_weighted(world: World, inputs: PlanInputs) -> FloatArray:
    """Σ amount × the share of the stage's deals that were won within as many days, on five days of the past; per rep."""
    deals = world.deals
    days_left = (inputs.month_end_date - inputs.as_of_date).days
    counted = np.zeros((2, 2))
    for day in range(HISTORY_DAYS - 181, HISTORY_DAYS - 60, 30):
        there = world.history.filter(
            pl.col("started") <= day, (pl.col("last") > day) | (pl.col("to") == OPEN)
        )
        deal, stage = there["deal"].to_numpy(), there["stage"].to_numpy()
        won = (deals.exit[deal] == WON) & (deals.ended[deal] <= day + days_left)
        counted += [np.bincount(stage, minlength=2), np.bincount(stage[won], minlength=2)]
    weight = (counted[1] / counted[0])[deals.stage]
    return np.bincount(deals.rep, np.where(deals.is_open, deals.amount * weight, 0.0), REPS)


def _season(world: World) -> float:
    """Money won a day in such months of the quarter ÷ money won a day, over the last year."""
    deals = world.deals
    won = (deals.exit == WON) & (deals.ended > HISTORY_DAYS - 366) & (deals.ended < HISTORY_DAYS)
    by_day = np.bincount(deals.ended[won], deals.amount[won], HISTORY_DAYS)[-365:]
    month = np.array([world.date_of(day).month for day in range(HISTORY_DAYS - 365, HISTORY_DAYS)])
    alike = (month - 1) % 3 == (world.plan_date.month - 1) % 3
    return float(by_day[alike].mean() / by_day.mean())


def _by_last_month(
    world: World, inputs: PlanInputs, deals_in_play: IntArray, needed: FloatArray
) -> FloatArray:
    """P(Bin(open and new deals, last month's own rate, by the days left) ≥ needed); rate: wins ÷ deals open or begun."""
    deals, eve = world.deals, month_start(inputs.month_start_date - ONE_DAY) - ONE_DAY
    first, last = ((day - world.first_date).days for day in (eve, inputs.month_start_date - ONE_DAY))
    in_play = (deals.started <= last) & ((deals.ended > first) | deals.is_open)
    won = (deals.exit == WON) & (deals.ended > first) & (deals.ended <= last)
    rate = np.bincount(deals.rep[won], minlength=REPS) / np.maximum(
        np.bincount(deals.rep[in_play], minlength=REPS), 1
    )
    share_left = ((inputs.month_end_date - inputs.as_of_date).days) / 30.4
    return np.array(
        [
            chance_of_at_least(int(np.ceil(k)), np.ones(1), binomial(int(n), min(p * share_left, 1.0)))
            for k, n, p in zip(needed, deals_in_play, rate, strict=True)
        ]
    )


def with_pipeline_chances(months: pl.DataFrame) -> pl.DataFrame:
    """The pipeline's amount as a chance: the logistic curve of ln(amount ÷ missing) that fits these very months best."""
    missing = np.maximum(months["missing"].to_numpy(), 1.0)
    ratio = np.log(np.maximum(months["pipeline_amount"].to_numpy(), 1.0) / missing)
    made = months["made"].to_numpy()
    design = np.stack([np.ones(len(ratio)), ratio], axis=1)
    weights = np.zeros(2)
    for _ in range(30):
        chance = 1 / (1 + np.exp(-design @ weights))
        hessian = design.T @ (design * (chance * (1 - chance))[:, None])
        weights = weights + np.linalg.solve(hessian, design.T @ (made - chance))
    return months.with_columns(pipeline=pl.Series(1 / (1 + np.exp(-design @ weights))))


@dataclass(frozen=True)
class Calibration:
    """What the forecasts of many rep-months were worth.

    Attributes:
        rep_months, worlds: how many.
        slope: of the outcome on the plan's chance (least squares).
        slope_error: its standard error, clustered by world (one month each, with one shock).
        brier: mean squared error by forecast.
        deciles: one row per tenth of the rep-months by chance: rep_months, forecast, made (means), error (that its size
            and the clustering allow at 99.9 %).
        team_months, team_slope, team_slope_error: the same of the teams' chances.
    """

    rep_months: int
    worlds: int
    slope: float
    slope_error: float
    brier: dict[str, float]
    deciles: pl.DataFrame
    team_months: int
    team_slope: float
    team_slope_error: float


def calibration(months: pl.DataFrame) -> Calibration:
    """Hold the forecasts against what came."""
    months = months.with_columns(pl.col("made").cast(pl.Float64))
    reps = with_pipeline_chances(months.filter(pl.col("scope_kind") == "rep"))
    teams = months.filter(pl.col("scope_kind") == "team")
    slope, slope_error = _slope(reps)
    team_slope, team_slope_error = _slope(teams)
    return Calibration(
        rep_months=len(reps),
        worlds=reps["world"].n_unique(),
        slope=slope,
        slope_error=slope_error,
        brier={name: float(((reps[name] - reps["made"]) ** 2).mean()) for name in FORECASTS},
        deciles=_deciles(reps["plan"].to_numpy(), reps["made"].to_numpy(), reps["world"].to_numpy()),
        team_months=len(teams),
        team_slope=team_slope,
        team_slope_error=team_slope_error,
    )


def _slope(months: pl.DataFrame) -> tuple[float, float]:
    """Slope of the outcome on the plan's chance, and its standard error."""
    chance, made, world = (months[name].to_numpy() for name in ("plan", "made", "world"))
    centred = chance - chance.mean()
    slope = float(centred @ made / (centred @ centred))
    residual = made - made.mean() - slope * centred
    return slope, _clustered(centred * residual, world) / float(centred @ centred)


def _clustered(terms: FloatArray, world: IntArray) -> float:
    """Standard error of a sum whose terms go together within a world."""
    _, place = np.unique(world, return_inverse=True)
    return float(np.sqrt((np.bincount(place, terms) ** 2).sum()))


def _deciles(chance: FloatArray, made: FloatArray, world: IntArray) -> pl.DataFrame:
    order = np.argsort(chance, kind="stable")
    rows = []
    for part in np.array_split(order, DECILES):
        error = WIDEST_ERROR * _clustered(made[part] - chance[part], world[part]) / len(part)
        rows.append((len(part), float(chance[part].mean()), float(made[part].mean()), error))
    return pl.DataFrame(rows, schema=["rep_months", "forecast", "made", "error"], orient="row")
