"""Which window and calendar to use: the least log loss on deals open at the starts of the months before (method §2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.backtest_past import next_month
from dagster_project.estimate.hazard_candidates import CANDIDATES, FIRST_CHOICE, Choice, Hazards
from dagster_project.estimate.past_exits import ExitsAsOf, exits_as_of
from dagster_project.estimate.unit_counts import day_numbers
from dagster_project.estimate.win_ahead import chances_of, win_probabilities

# A year holds each month of the quarter four times; what was best longer ago says little of today.
MONTHS_BEFORE = 12
# Less than a whole quarter has not seen each month once.
FEWEST_MONTHS = 3
# Nothing is certain: a chance of zero that comes true would cost infinitely much.
_LEAST_CHANCE = 1e-4
_SCORE = {
    "month": pl.Date,
    "window_name": pl.String,
    "calendar": pl.String,
    "deals": pl.Int64,
    "predicted": pl.Float64,
    "won": pl.Int64,
    "log_loss": pl.Float64,
}
_SCHEMA = {
    "as_of_date": pl.Date,
    **_SCORE,
    "months_before": pl.Int64,
    "log_loss_before": pl.Float64,
    "is_chosen": pl.Boolean,
}


def hazard_choice_table(spells: pl.DataFrame, deals: pl.DataFrame, dates: pl.DataFrame) -> pl.DataFrame:
    """One row per as_of_date × window × calendar: how it predicts the month that begins then, and whether it is chosen.

    `spells`: stays as for `exits_as_of`; `deals`: as_of_date, stage_name, stage_age_days, deals (open then, their clock
    running), won (of them within the month); `dates`: as_of_date, is_scored (the eve of a whole month). What is chosen rests
    on the scored months before, at most MONTHS_BEFORE; with fewer than FEWEST_MONTHS it is FIRST_CHOICE. The scores of other
    dates are null, as are those of months without deals. `log_loss` is the mean per deal, `log_loss_before` that over the
    `months_before`.
    """
    # Sums depend in their last bits on the order of what is added.
    deals = deals.sort("as_of_date", "stage_name", "stage_age_days")
    eves = dates.filter("is_scored").join(deals, on="as_of_date", how="semi")["as_of_date"].sort()
    rows = [
        row
        for eve, exits in zip(eves.to_list(), _counts(spells, eves), strict=True)
        for row in _scores(exits, eve, deals.filter(as_of_date=eve))
    ]
    scores = pl.DataFrame(rows, schema=_SCORE, orient="row")
    chosen = [chosen_rows(scores, day) for day in dates["as_of_date"].unique().sort().to_list()]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *chosen])


def _counts(spells: pl.DataFrame, eves: pl.Series) -> Iterator[ExitsAsOf]:
    return exits_as_of(spells, day_numbers(eves).tolist()) if eves.len() else iter(())


def _scores(exits: ExitsAsOf, eve: date, deals: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    month = eve + timedelta(days=1)
    today, last = (int(day) for day in day_numbers(pl.Series([eve, next_month(month) - timedelta(days=1)])))
    count, won = deals["deals"].to_numpy().astype(np.float64), deals["won"].to_numpy().astype(np.float64)
    hazards, stage_row = Hazards(exits), exits.rows_of(deals["stage_name"])
    age = deals["stage_age_days"].cast(pl.Int64).to_numpy()
    for choice in CANDIDATES:
        found = win_probabilities(hazards.by_month(choice), today, np.array([last]))
        chance = chances_of(found, stage_row, age)[0, :, 0]
        yield (
            month,
            choice.window_name,
            choice.calendar,
            int(count.sum()),
            float(count @ chance),
            int(won.sum()),
            log_loss(chance, won, count),
        )


def log_loss(chance: FloatArray, won: FloatArray, deals: FloatArray) -> float:
    """Mean per deal of -ln P(what came); `deals` of each chance, `won` of them; chances within [1e-4, 1 - 1e-4]."""
    kept = np.clip(chance, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return float(-(won * np.log(kept) + (deals - won) * np.log1p(-kept)).sum() / deals.sum())


def chosen_rows(scores: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """The candidates as of a day: scores of the month it begins or lies in, those before it, and which is chosen."""
    month = (as_of_date + timedelta(days=1)).replace(day=1)
    every = pl.DataFrame(
        [(as_of_date, month, each.window_name, each.calendar) for each in CANDIDATES],
        schema=["as_of_date", "month", "window_name", "calendar"],
        orient="row",
    )
    before = months_before(scores, month)
    choice = best_choice(before)
    key = ["window_name", "calendar"]
    past = before.group_by(key).agg(
        months_before=pl.len().cast(pl.Int64), log_loss_before=per_deal("log_loss")
    )
    joined = every.join(scores, on=["month", *key], how="left").join(past, on=key, how="left")
    rows = joined.with_columns(
        months_before=pl.col("months_before").fill_null(0),
        is_chosen=(pl.col("window_name") == choice.window_name) & (pl.col("calendar") == choice.calendar),
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())


def months_before(scores: pl.DataFrame, month: date) -> pl.DataFrame:
    """The scores a choice for `month` rests on."""
    earlier = scores.filter(pl.col("month") < month)
    latest = earlier["month"].unique().sort(descending=True).head(MONTHS_BEFORE)
    return earlier.filter(pl.col("month").is_in(latest.implode()))


def best_choice(scores: pl.DataFrame) -> Choice:
    """Window and calendar with the least log loss per deal over the rows; ties go to the alphabet."""
    if scores["month"].n_unique() < FEWEST_MONTHS:
        return FIRST_CHOICE
    means = scores.group_by("window_name", "calendar").agg(per_deal("log_loss"))
    window, calendar, _ = means.sort("log_loss", "window_name", "calendar").row(0)
    return Choice(str(window), str(calendar))


def per_deal(name: str) -> pl.Expr:
    """Mean of a column over rows weighted by `deals`; null without a deal."""
    weight = pl.col("deals").filter(pl.col(name).is_not_null()).sum()
    return pl.when(weight > 0).then((pl.col(name) * pl.col("deals")).sum() / weight).alias(name)
