"""The coefficients each rep is planned with, and where each of them came from (method §2, §5).

The marts shrink a rep's rates to the team's and the team's to the organisation's. What a mart does not have for a
rep is taken from the team, then the organisation, then the stated default; ``origin`` says which.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.log_odds import log_odds_spread
from dagster_project.plan.inputs import PlanInputs, PlanParameters

FloatArray = NDArray[np.float64]

MEASURES = ("win_rate", "appointment_to_meeting", "touch_to_appointment")
STEP_MEASURES = {
    "meeting_to_won": "win_rate",
    "appointment_to_meeting": "appointment_to_meeting",
    "touch_to_appointment": "touch_to_appointment",
}
SCOPES = ("rep", "team", "organization", "default")
WHAT_IF = "what_if"
FIGURE = pl.Schema(
    {
        "measure": pl.String,
        "rank": pl.Int64,
        "scope_kind": pl.String,
        "scope_id": pl.String,
        "value": pl.Float64,
        "spread": pl.Float64,
    }
)
# A rate or price of next to nothing is no figure to divide by; the next source is taken instead.
SMALLEST_FIGURE = 1e-6


def rep_coefficients(inputs: PlanInputs) -> pl.DataFrame:
    """One row per active rep: a value and an ``_origin`` (rep, team, organization, default) per coefficient.

    Columns: rep_id, average_price (null where no amount is known anywhere), win_rate, win_rate_spread (standard
    deviation of its log-odds), appointment_to_meeting, touch_to_appointment, and ``<measure>_origin`` of each;
    measured_win_rate, which no trial changes.
    """
    scopes = _scopes_of(inputs.reps)
    figures = pl.concat(
        [_conversions(inputs), _win_rates_without_activity(inputs), _defaults(inputs.parameters)]
    )
    chosen = _first_usable(scopes, figures)
    table = scopes.select("rep_id").unique().sort("rep_id")
    for measure in MEASURES:
        columns = [
            pl.col("value").alias(measure),
            pl.col("scope_kind").alias(f"{measure}_origin"),
            pl.col("spread").fill_null(inputs.parameters.default_spread).alias(f"{measure}_spread"),
        ]
        table = table.join(
            chosen.filter(pl.col("measure") == measure).select("rep_id", *columns), on="rep_id", how="left"
        )
    measured = table.with_columns(measured_win_rate=pl.col("win_rate"))
    with_prices = measured.join(_prices(inputs, scopes), on="rep_id", how="left")
    return _with_what_if(with_prices, inputs.parameters.what_if)


def organization_win_rate(inputs: PlanInputs) -> tuple[float, float]:
    """The organisation's own win rate, and the standard deviation of its log-odds; the default where it has none."""
    scopes = pl.DataFrame(
        {
            "rep_id": ["", ""],
            "scope_kind": ["organization", "default"],
            "scope_id": ["", ""],
            "scope_rank": [0, 1],
        }
    )
    figures = pl.concat(
        [_conversions(inputs), _win_rates_without_activity(inputs), _defaults(inputs.parameters)]
    )
    chosen = _first_usable(scopes, figures.filter(pl.col("measure") == "win_rate"))
    spread = chosen["spread"].fill_null(inputs.parameters.default_spread)
    return float(chosen["value"][0]), float(spread[0])


def _with_what_if(table: pl.DataFrame, what_if: Mapping[str, float]) -> pl.DataFrame:
    """The coefficients of a trial in place of the measured ones; how uncertain a rate is stays as measured."""
    tried = [name for name in what_if if name in table.columns]
    return table.with_columns(
        *(pl.lit(what_if[name], pl.Float64).alias(name) for name in tried),
        *(pl.lit(WHAT_IF).alias(f"{name}_origin") for name in tried),
    )


def active_reps(reps: pl.DataFrame) -> pl.DataFrame:
    """Reps that are planned for, one row each, by id."""
    return reps.filter(pl.col("is_active").fill_null(True)).unique("rep_id", keep="first").sort("rep_id")


def _scopes_of(reps: pl.DataFrame) -> pl.DataFrame:
    """One row per rep and scope to look in: own, team's, organisation's, default."""
    ids = {
        "rep": pl.col("rep_id"),
        "team": pl.col("team_id"),
        "organization": pl.lit(""),
        "default": pl.lit(""),
    }
    return pl.concat(
        active_reps(reps).select(
            "rep_id", scope_kind=pl.lit(kind), scope_id=ids[kind], scope_rank=pl.lit(rank, pl.Int64)
        )
        for rank, kind in enumerate(SCOPES)
    ).drop_nulls("scope_id")


def _first_usable(scopes: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """The best-ranked figure of each rep and measure: by source and window first, then by scope."""
    usable = figures.filter(pl.col("value").is_finite() & (pl.col("value") >= SMALLEST_FIGURE))
    return (
        scopes.join(usable, on=["scope_kind", "scope_id"])
        .sort("rep_id", "measure", "rank", "scope_rank")
        .unique(["rep_id", "measure"], keep="first", maintain_order=True)
    )


def windows_in_order(frame: pl.DataFrame, chosen: str) -> list[str]:
    """The chosen window, then all time; the chosen one last where the organisation itself has too few in it."""
    organization = frame.filter(pl.col("window_name") == chosen, pl.col("scope_kind") == "organization")
    is_too_few = len(organization) > 0 and bool(organization["is_too_few"].fill_null(False).all())
    return ["all", chosen] if is_too_few else [chosen, "all"]


def _ranked(frame: pl.DataFrame, windows: list[str], first_rank: int) -> pl.DataFrame:
    order = pl.DataFrame({"window_name": windows, "rank": [first_rank + n for n in range(len(windows))]})
    return frame.join(order.unique("window_name", keep="first"), on="window_name")


def _conversions(inputs: PlanInputs) -> pl.DataFrame:
    """Rates of touch → appointment → meeting → won deal; a scope in which nothing was begun has none of its own."""
    begun = inputs.activity_conversion.filter(pl.col("entered") > 0)
    steps = (begun.filter(pl.col("step") == step) for step in STEP_MEASURES)
    ranked = [
        _ranked(step, windows_in_order(step, inputs.parameters.window_name), first_rank=0) for step in steps
    ]
    return (
        pl.concat(ranked)
        .select(
            measure=pl.col("step").replace_strict(STEP_MEASURES, default=None, return_dtype=pl.String),
            rank=pl.col("rank"),
            scope_kind=pl.col("scope_kind"),
            scope_id=pl.col("scope_id"),
            value=pl.col("rate_shrunk").clip(upper_bound=1.0),
            spread=log_odds_spread(pl.col("lower_80"), pl.col("upper_80")),
        )
        .cast(FIGURE)
    )


def _win_rates_without_activity(inputs: PlanInputs) -> pl.DataFrame:
    """For orgs that log no meetings: F_w at the longest horizon, then won ÷ (won + lost)."""
    frame = inputs.win_by_horizon.filter(pl.col("deals") > 0)
    windows = windows_in_order(frame, inputs.parameters.window_name)
    incidence = (
        _ranked(frame, windows, first_rank=10)
        .with_columns(value=pl.coalesce("win_incidence_shrunk", "win_incidence"))
        .filter(pl.col("scope_kind").eq("organization") | pl.col("win_incidence_shrunk").is_not_null())
        .group_by("rank", "scope_kind", "scope_id")
        .agg(value=pl.col("value").sort_by("horizon_days").last())
    )
    shares = _ranked(inputs.revenue_velocity, windows, first_rank=20).select(
        "rank", "scope_kind", "scope_id", value=pl.col("win_rate")
    )
    return (
        pl.concat([incidence, shares])
        .with_columns(
            measure=pl.lit("win_rate"),
            value=pl.col("value").clip(upper_bound=1.0),
            spread=pl.lit(None, pl.Float64),
        )
        .select(list(FIGURE))
        .cast(FIGURE)
    )


def _defaults(parameters: PlanParameters) -> pl.DataFrame:
    values = {measure: getattr(parameters, f"default_{measure}") for measure in MEASURES}
    return pl.DataFrame(
        {
            "measure": list(values),
            "rank": [99] * len(values),
            "scope_kind": ["default"] * len(values),
            "scope_id": [""] * len(values),
            "value": list(values.values()),
            "spread": [parameters.default_spread] * len(values),
        },
        schema=FIGURE,
    )


def _prices(inputs: PlanInputs, scopes: pl.DataFrame) -> pl.DataFrame:
    """Mean won amount per rep, drawn to the team's by ``price_prior_deals``; of open deals where none was won."""
    velocity = _ranked(inputs.revenue_velocity, [inputs.parameters.window_name, "all"], first_rank=0)
    won = velocity.filter(pl.col("won") > 0).rename({"average_price": "value"})
    figures = won.select("rank", "scope_kind", "scope_id", "value", "won", measure=pl.lit("average_price"))
    price = pl.col("value")
    own = _first_usable(scopes.filter(pl.col("scope_kind") == "rep"), figures)
    around = _first_usable(
        scopes.filter(pl.col("scope_kind") != "rep"), pl.concat([figures, _open_price(inputs)])
    )
    weight = pl.col("won") / (pl.col("won") + inputs.parameters.price_prior_deals)
    return (
        scopes.select("rep_id")
        .unique()
        .join(around.select("rep_id", around=price, around_origin="scope_kind"), on="rep_id", how="left")
        .join(own.select("rep_id", "won", own=price), on="rep_id", how="left")
        .select(
            "rep_id",
            average_price=pl.coalesce(
                weight * pl.col("own") + (1 - weight) * pl.col("around").fill_null(pl.col("own")), "around"
            ),
            average_price_origin=pl.when(pl.col("own").is_not_null())
            .then(pl.lit("rep"))
            .otherwise(pl.col("around_origin").fill_null("default")),
        )
    )


def average_cycles(inputs: PlanInputs) -> pl.DataFrame:
    """One row per active rep: average_cycle_days (mean days to a win, own first) and average_cycle_days_origin."""
    scopes = _scopes_of(inputs.reps)
    velocity = _ranked(inputs.revenue_velocity, [inputs.parameters.window_name, "all"], first_rank=0)
    measure = pl.lit("average_cycle_days")
    known = velocity.filter(pl.col("won") > 0).select(
        "rank", "scope_kind", "scope_id", measure=measure, value=pl.col("average_cycle_days")
    )
    default = known.clear().vstack(
        pl.DataFrame(
            [(99, "default", "", "average_cycle_days", inputs.parameters.default_cycle_days)],
            schema=known.schema,
            orient="row",
        )
    )
    chosen = _first_usable(scopes, pl.concat([known, default]))
    cycles = chosen.select("rep_id", average_cycle_days="value", average_cycle_days_origin="scope_kind")
    tried = inputs.parameters.what_if.get("cycle_days")
    return cycles if tried is None else _with_what_if(cycles, {"average_cycle_days": tried})


def _open_price(inputs: PlanInputs) -> pl.DataFrame:
    mean_open = inputs.opportunities.filter(pl.col("status") == "open", pl.col("amount") > 0)["amount"].mean()
    return pl.DataFrame(
        {
            "rank": [99],
            "scope_kind": ["default"],
            "scope_id": [""],
            "value": [mean_open],
            "won": [0],
            "measure": ["average_price"],
        },
        schema={
            "rank": pl.Int64,
            "scope_kind": pl.String,
            "scope_id": pl.String,
            "value": pl.Float64,
            "won": pl.Int64,
            "measure": pl.String,
        },
    )


def share_won_by_day(inputs: PlanInputs, longest_days: int) -> FloatArray:
    """Of the meetings ever won, the share won within 0 … ``longest_days`` days: F_w(t) ÷ F_w(longest horizon).

    The shape is the organisation's (a rep's own curve falls apart, method §2); the level is each rep's win rate.
    Where nothing was won yet, an exponential waiting time with the mean won cycle. A trial of another cycle stretches
    the days: with half the cycle, what was won by day 2d is won by day d.
    """
    frame = inputs.win_by_horizon.filter(pl.col("scope_kind") == "organization")
    cycle_days = _mean_cycle_days(inputs)
    days = np.arange(longest_days + 1) * (
        cycle_days / inputs.parameters.what_if.get("cycle_days", cycle_days)
    )
    for window in windows_in_order(frame, inputs.parameters.window_name):
        curve = frame.filter(pl.col("window_name") == window).drop_nulls("win_incidence").sort("horizon_days")
        incidence = np.maximum.accumulate(np.clip(curve["win_incidence"].to_numpy(), 0.0, 1.0))
        if len(incidence) and incidence[-1] > 0:
            place = np.searchsorted(curve["horizon_days"].to_numpy(), days, side="right")
            return np.asarray(np.concatenate(([0.0], incidence))[place] / incidence[-1])
    return np.asarray(1.0 - np.exp(-days / cycle_days))


def _mean_cycle_days(inputs: PlanInputs) -> float:
    organization = inputs.revenue_velocity.filter(
        pl.col("scope_kind") == "organization", pl.col("average_cycle_days") > 0
    )
    ranked = _ranked(organization, [inputs.parameters.window_name, "all"], first_rank=0).sort("rank")
    return float(ranked["average_cycle_days"][0]) if len(ranked) else inputs.parameters.default_cycle_days
