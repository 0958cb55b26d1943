"""A slow week caught up visibly: how much more a day than was promised, and until when (method §5, Rhythm)."""

from __future__ import annotations

from datetime import date

import polars as pl

from dagster_project.calendars import month_start, week_start
from dagster_project.plan.rhythm.reset import EarlierPlans

# Won deals are no activity: nobody wins "one more a day".
CAUGHT_UP = ("meetings", "appointments", "touches")


def with_catch_up(
    reps: pl.DataFrame, steps: pl.DataFrame, last: pl.DataFrame, earlier: EarlierPlans, plan_date: date
) -> pl.DataFrame:
    """The reps with ``catch_up`` (measure and how many more a day; empty where nothing lags) and ``catch_up_until``.

    Between resets the days left of the week are compared with the reset's even day, until the rep's last day of the
    week. On a reset after a week in which less was done than promised, with that week's, until the last of the month.

    Args:
        steps: tonight's steps of the reps.
        last: ``weeks.last_weeks``.
    """
    days = steps.filter(pl.col("level") == "day", pl.col("measure").is_in(CAUGHT_UP))
    notes = (
        _tonight(reps, days, plan_date)
        .join(_even_days(earlier, reps), on=["rep_id", "measure"], how="left")
        .join(last, on=["rep_id", "measure"], how="left")
        .with_columns(**_compared(plan_date))
        .with_columns(more_a_day=(pl.col("a_day") - pl.col("even") + 0.5).floor().cast(pl.Int64))
        .filter(pl.col("more_a_day") >= 1)
        .sort("rep_id", pl.col("measure").cast(pl.Enum(CAUGHT_UP)))
        .group_by("rep_id", maintain_order=True)
        .agg(catch_up=pl.struct("measure", "more_a_day"), catch_up_until=pl.col("until").max())
    )
    return reps.join(notes, on="rep_id", how="left", maintain_order="left")


def _tonight(reps: pl.DataFrame, days: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    """One row per rep and measure with a day left this week: mean of its days, last day of the week and the month."""
    this_week = days.filter(pl.col("period_start").dt.truncate("1w") == week_start(plan_date))
    a_day = this_week.group_by("rep_id", "measure").agg(
        a_day=pl.col("target").mean(), week_until=pl.col("period_start").max()
    )
    month_until = days.group_by("rep_id").agg(month_until=pl.col("period_start").max())
    return reps.select("rep_id", "reset_date").join(a_day, on="rep_id").join(month_until, on="rep_id")


def _compared(plan_date: date) -> dict[str, pl.Expr]:
    """What a day is compared with, and until when it holds."""
    is_reset = pl.col("reset_date") == plan_date
    # Another month has another goal: its weeks are not compared.
    was_slow = (pl.col("last_week_done") < pl.col("last_week_promised")) & (
        pl.col("last_week_start") >= month_start(plan_date)
    )
    return {
        "even": pl.when(is_reset).then(pl.when(was_slow).then("last_a_day")).otherwise("even_a_day"),
        "until": pl.when(is_reset).then("month_until").otherwise("week_until"),
    }


def _even_days(earlier: EarlierPlans, reps: pl.DataFrame) -> pl.DataFrame:
    """Mean target of a day of the reset's own week, as promised on it."""
    same_week = pl.col("period_start").dt.truncate("1w") == pl.col("plan_date").dt.truncate("1w")
    return (
        earlier.steps.filter(same_week, pl.col("level") == "day")
        .join(reps.select("rep_id", plan_date="reset_date"), on=["rep_id", "plan_date"])
        .group_by("rep_id", "measure")
        .agg(even_a_day=pl.col("target").mean())
    )
