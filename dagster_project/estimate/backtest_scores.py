"""Scores of a month's guesses: log loss per open deal, error of count and money, whether the intervals held, the choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.backtest_past import MonthOutcome
from dagster_project.estimate.hazard_choice import best_choice, log_loss, months_before, per_deal
from dagster_project.estimate.special import normal_quantile

WINS, AMOUNT, CLOSE_RATE = "wins_of_open_deals", "amount_of_open_deals", "close_month_rate"
OWN_METHOD = "stage_age_hazards"
LEVELS = (80, 95)
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
    **{f"{bound}_{level}": pl.Float64 for level in LEVELS for bound in ("lower", "upper")},
    **{f"is_covered_{level}": pl.Boolean for level in LEVELS},
    "is_chosen": pl.Boolean,
}
# What one month's guess gives by itself; the rest follows from the months before it.
ROW_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **{name: kind for name, kind in SCHEMA.items() if not name.startswith(("lower", "upper", "is_"))},
    "scatter": pl.Float64,
    "most": pl.Float64,
}


@dataclass(frozen=True)
class Guess:
    """One method's chance for each open deal; `drawn` (draws × deals) where its coefficients have a posterior."""

    method: str
    probability: FloatArray
    window_name: str = ""
    calendar: str = ""
    drawn: FloatArray | None = None


def scatter_of_sum(guess: Guess, values: FloatArray) -> float:
    """Variance of the sum of the values won: that of independent deals, plus that of its mean over the coefficients' posterior."""
    drawn = guess.probability[None] if guess.drawn is None else guess.drawn
    return float((drawn * (1 - drawn)).mean(axis=0) @ values**2 + (drawn @ values).var())


def scored_wins(month: date, guess: Guess, won: FloatArray) -> dict[str, object]:
    """A row on the deals open at the month's start: how many are won within it."""
    ones = np.ones(won.size)
    row = _scored_sum(month, WINS, guess, ones, won)
    return {**row, "log_loss": log_loss(guess.probability, won, ones)}


def scored_amount(month: date, guess: Guess, amount: FloatArray, won_amount: FloatArray) -> dict[str, object]:
    """A row on the same deals: the money they bring within it. `amount` is what each was worth at the month's start."""
    return _scored_sum(month, AMOUNT, guess, amount, won_amount)


def _scored_sum(
    month: date, target: str, guess: Guess, values: FloatArray, came: FloatArray
) -> dict[str, object]:
    predicted, observed = float(guess.probability @ values), float(came.sum())
    return {
        **_row(month, target, guess, values.size, predicted, observed),
        "scatter": scatter_of_sum(guess, values),
        "most": float(values.sum()),
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
    """Rows of `ROW_SCHEMA` with 80 and 95 % bounds of the count or sum: its own scatter, and how far earlier months strayed.

    A month has a shock that all its deals share. Its variance relative to the square of the prediction is, over the
    method's months before, what the scatter leaves unexplained of the squared errors, over the squared predictions; with
    few such months Student's quantile is wider.
    """
    before = pl.int_range(pl.len()).over(_SERIES).cast(pl.Float64)
    unexplained = _sum_before(pl.col("error") ** 2 - pl.col("scatter"))
    # Together the months before cannot have been calmer than chance.
    shock = (unexplained / _sum_before(pl.col("predicted") ** 2)).fill_nan(0).clip(lower_bound=0)
    spread = (pl.col("scatter") + shock * pl.col("predicted") ** 2).sqrt()
    bounds = table.sort("month")
    for level in LEVELS:
        away = spread * student_quantile(before, 0.5 + level / 200)
        lower, upper = f"lower_{level}", f"upper_{level}"
        bounds = bounds.with_columns(
            (pl.col("predicted") - away).clip(lower_bound=0).alias(lower),
            pl.min_horizontal(pl.col("predicted") + away, "most").alias(upper),
        )
    return _covered(bounds).drop("scatter", "most")


def _covered(bounds: pl.DataFrame) -> pl.DataFrame:
    """Whether the bounds held; none of it where nothing says how far a guess scatters."""
    is_known = pl.col("scatter").is_not_null()
    # A count lies within bounds that lie between two counts.
    return bounds.with_columns(
        pl.when(is_known)
        .then(
            pl.col("observed").is_between(pl.col(f"lower_{level}").floor(), pl.col(f"upper_{level}").ceil())
        )
        .alias(f"is_covered_{level}")
        for level in LEVELS
    ).with_columns(
        pl.when(is_known).then(name).alias(name)
        for level in LEVELS
        for name in (f"lower_{level}", f"upper_{level}")
    )


def _sum_before(values: pl.Expr) -> pl.Expr:
    return values.cum_sum().shift(1, fill_value=0).over(_SERIES)


def student_quantile(freedom: pl.Expr, probability: float) -> pl.Expr:
    """Quantile by the first three terms of its expansion (Abramowitz & Stegun 26.7.5); the normal one without any."""
    z = float(normal_quantile(probability))
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    wider = z + first / freedom + second / freedom**2 + third / freedom**3
    return pl.when(freedom > 0).then(wider).otherwise(z)


def choose(table: pl.DataFrame) -> pl.DataFrame:
    """The table in order, with `is_chosen`: the window and calendar that the nights of the month used (`best_choice`)."""
    own = table.filter((pl.col("method") == OWN_METHOD) & (pl.col("target") == WINS))
    months = own["month"].unique().sort().to_list()
    choices = [best_choice(months_before(own, month)) for month in months]
    chosen = pl.DataFrame(
        {
            "month": months,
            "window_name": [choice.window_name for choice in choices],
            "calendar": [choice.calendar for choice in choices],
        },
        schema={"month": pl.Date, "window_name": pl.String, "calendar": pl.String},
    ).with_columns(method=pl.lit(OWN_METHOD), is_best=pl.lit(value=True))
    joined = table.join(chosen, on=["month", *_KEY], how="left", maintain_order="left")
    marked = joined.with_columns(is_chosen=pl.col("is_best").fill_null(value=False)).select(*SCHEMA)
    return marked.sort("month", "target", *_KEY)


def summary(table: pl.DataFrame) -> pl.DataFrame:
    """One row per target × method × window × calendar, best first, over the months in which every method of it predicts.

    Columns: months, deals, log_loss (per deal), mean_absolute_error, coverage and mean_width at 80 and 95 %. The method
    `chosen` follows the window and calendar that were best before each month.
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
        log_loss=per_deal("log_loss"),
        mean_absolute_error=pl.col("error").abs().mean(),
        **{f"coverage_{level}": pl.col(f"is_covered_{level}").mean() for level in LEVELS},
        **{
            f"mean_width_{level}": (pl.col(f"upper_{level}") - pl.col(f"lower_{level}")).mean()
            for level in LEVELS
        },
    )
    return grouped.rename({"deals_sum": "deals"}).sort(
        "target", "log_loss", "mean_absolute_error", *_KEY, nulls_last=True
    )


def _common_months(table: pl.DataFrame) -> pl.DataFrame:
    methods = table.group_by("target", "month").agg(methods=pl.struct(_KEY).n_unique())
    whole = methods.filter(pl.col("methods") == pl.col("methods").max().over("target"))
    return table.join(whole.select("target", "month"), on=["target", "month"], how="semi")
