"""Scores of a month's guesses: log loss per open deal, error of the count, whether the 80 % interval held, the choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.backtest_past import MonthOutcome
from dagster_project.estimate.special import normal_quantile

WINS, CLOSE_RATE = "wins_of_open_deals", "close_month_rate"
OWN_METHOD = "stage_age_hazards"
# Nights without a backtest behind them: a year of history, with the factor of the month.
FIRST_CHOICE = ("365d", "factor")
# Nothing is certain: a chance of zero that comes true would cost infinitely much.
_LEAST_CHANCE = 1e-4
_KEY = ["method", "window_name", "calendar"]
_SERIES = ["target", *_KEY]

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "target": pl.String,
    "method": pl.String,
    "window_name": pl.String,
    "calendar": pl.String,
    "deals": pl.Int64,
    "predicted": pl.Float64,
    "observed": pl.Float64,
    "error": pl.Float64,
    "log_loss": pl.Float64,
    "lower_80": pl.Float64,
    "upper_80": pl.Float64,
    "is_covered": pl.Boolean,
    "is_chosen": pl.Boolean,
}
# What one month's guess gives by itself; the rest follows from the months before it.
ROW_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **{
        name: kind
        for name, kind in SCHEMA.items()
        if name not in ("lower_80", "upper_80", "is_covered", "is_chosen")
    },
    "scatter": pl.Float64,
}


@dataclass(frozen=True)
class Guess:
    """One method's chance for each open deal; `drawn` (draws × deals) where its coefficients have a posterior."""

    method: str
    probability: FloatArray
    window_name: str = ""
    calendar: str = ""
    drawn: FloatArray | None = None


def log_loss(probability: FloatArray, happened: FloatArray) -> float:
    """Mean of -ln P(what came), with chances kept within [1e-4, 1 - 1e-4]."""
    chance = np.clip(probability, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return float(-np.mean(happened * np.log(chance) + (1 - happened) * np.log1p(-chance)))


def scatter_of_count(guess: Guess) -> float:
    """Variance of the number won: Poisson-binomial, plus that of its mean over the coefficients' posterior."""
    drawn = guess.probability[None] if guess.drawn is None else guess.drawn
    return float((drawn * (1 - drawn)).sum(axis=1).mean() + drawn.sum(axis=1).var())


def scored_wins(month: date, guess: Guess, won: FloatArray) -> dict[str, object]:
    """A row on the deals open at the month's start: how many are won within it."""
    predicted, observed = float(guess.probability.sum()), float(won.sum())
    return {
        **_row(month, WINS, guess, won.size, predicted, observed),
        "log_loss": log_loss(guess.probability, won),
        "scatter": scatter_of_count(guess),
    }


def scored_rate(month: date, guess: Guess, came: MonthOutcome) -> dict[str, object]:
    """A row on the month's won ÷ (won + lost); without a close there is nothing to compare with."""
    closed = came.won + came.lost
    observed = came.won / closed if closed else None
    return _row(month, CLOSE_RATE, guess, closed, float(guess.probability[0]), observed)


def _row(
    month: date, target: str, guess: Guess, deals: int, predicted: float, observed: float | None
) -> dict[str, object]:
    return {
        **dict.fromkeys(ROW_SCHEMA),
        "month": month,
        "target": target,
        "method": guess.method,
        "window_name": guess.window_name,
        "calendar": guess.calendar,
        "deals": deals,
        "predicted": predicted,
        "observed": observed,
        "error": None if observed is None else predicted - observed,
    }


def with_intervals(table: pl.DataFrame) -> pl.DataFrame:
    """Rows of `ROW_SCHEMA` with 80 % bounds of the count: its own scatter, and how far earlier months strayed.

    A month has a shock that all its deals share. Its variance relative to the square of the prediction is, over the
    method's months before, what the scatter leaves unexplained of the squared errors, over the squared predictions; with
    few such months Student's quantile is wider.
    """
    before = pl.int_range(pl.len()).over(_SERIES).cast(pl.Float64)
    unexplained = _sum_before(pl.col("error") ** 2 - pl.col("scatter"))
    # Together the months before cannot have been calmer than chance.
    shock = (unexplained / _sum_before(pl.col("predicted") ** 2)).fill_nan(0).clip(lower_bound=0)
    spread = (pl.col("scatter") + shock * pl.col("predicted") ** 2).sqrt() * student_quantile(before)
    bounds = table.sort("month").with_columns(
        lower_80=(pl.col("predicted") - spread).clip(lower_bound=0),
        upper_80=pl.min_horizontal(pl.col("predicted") + spread, pl.col("deals").cast(pl.Float64)),
    )
    # A count lies within bounds that lie between two counts.
    is_within = pl.col("observed").is_between(pl.col("lower_80").floor(), pl.col("upper_80").ceil())
    is_known = pl.col("scatter").is_not_null()
    return bounds.with_columns(
        lower_80=pl.when(is_known).then("lower_80"),
        upper_80=pl.when(is_known).then("upper_80"),
        is_covered=pl.when(is_known).then(is_within),
    ).drop("scatter")


def _sum_before(values: pl.Expr) -> pl.Expr:
    return values.cum_sum().shift(1, fill_value=0).over(_SERIES)


def student_quantile(freedom: pl.Expr) -> pl.Expr:
    """90 % quantile by the first two terms of its expansion (Abramowitz & Stegun 26.7.5); the normal one without any."""
    z = float(normal_quantile(0.9))
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    wider = z + first / freedom + second / freedom**2
    return pl.when(freedom > 0).then(wider).otherwise(z)


def choose(table: pl.DataFrame) -> pl.DataFrame:
    """The table in order, with `is_chosen`: the window and calendar with the least log loss over the months before.

    The first month takes a year with the factor, as a night without a backtest does.
    """
    own = table.filter((pl.col("method") == OWN_METHOD) & (pl.col("target") == WINS))
    chosen = pl.DataFrame(
        [
            {"month": month, "window_name": window, "calendar": calendar, "is_best": True}
            for month in own["month"].unique().sort().to_list()
            for window, calendar in [best_choice(own.filter(pl.col("month") < month))]
        ],
        schema={"month": pl.Date, "window_name": pl.String, "calendar": pl.String, "is_best": pl.Boolean},
    ).with_columns(method=pl.lit(OWN_METHOD))
    joined = table.join(chosen, on=["month", *_KEY], how="left", maintain_order="left")
    marked = joined.with_columns(is_chosen=pl.col("is_best").fill_null(value=False)).select(*SCHEMA)
    return marked.sort("month", "target", *_KEY)


def best_choice(own: pl.DataFrame) -> tuple[str, str]:
    """Window and calendar with the least log loss per deal over the rows; ties go to the alphabet."""
    if own.is_empty():
        return FIRST_CHOICE
    scores = own.group_by("window_name", "calendar").agg(_per_deal("log_loss"))
    window, calendar, _ = scores.sort("log_loss", "window_name", "calendar").row(0)
    return str(window), str(calendar)


def _per_deal(name: str) -> pl.Expr:
    weight = pl.col("deals").filter(pl.col(name).is_not_null()).sum()
    return pl.when(weight > 0).then((pl.col(name) * pl.col("deals")).sum() / weight).alias(name)


def summary(table: pl.DataFrame) -> pl.DataFrame:
    """One row per target × method × window × calendar, best first, over the months in which every method of it predicts.

    Columns: months, deals, log_loss (per deal), mean_absolute_error, coverage_80,
    mean_width_80. The method `chosen` follows the window
    and calendar that were best before each month.
    """
    with_choice = pl.concat(
        [
            table,
            table.filter("is_chosen").with_columns(
                method=pl.lit("chosen"), window_name=pl.lit(""), calendar=pl.lit("")
            ),
        ]
    )
    common = _common_months(with_choice.filter(pl.col("error").is_not_null()))
    grouped = common.group_by("target", *_KEY).agg(
        months=pl.len(),
        deals_sum=pl.col("deals").sum(),
        log_loss=_per_deal("log_loss"),
        mean_absolute_error=pl.col("error").abs().mean(),
        coverage_80=pl.col("is_covered").mean(),
        mean_width_80=(pl.col("upper_80") - pl.col("lower_80")).mean(),
    )
    return grouped.rename({"deals_sum": "deals"}).sort(
        "target", "log_loss", "mean_absolute_error", *_KEY, nulls_last=True
    )


def _common_months(table: pl.DataFrame) -> pl.DataFrame:
    methods = table.group_by("target", "month").agg(methods=pl.struct(_KEY).n_unique())
    whole = methods.filter(pl.col("methods") == pl.col("methods").max().over("target"))
    return table.join(whole.select("target", "month"), on=["target", "month"], how="semi")
